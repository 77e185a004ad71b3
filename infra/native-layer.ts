/**
 * sharp with its native library, for the platform that Lambda runs on, which is seldom that of the machine that deploys. Where it is,
 * the packages are here already. Otherwise npm fetches them once into out/, by the lockfile in infra/sharp-layer/; after that no
 * synthesis needs the network.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import type { Settings } from './settings';

type Architecture = Settings['lambda']['architecture'];

export interface SharpLayerProps {
  readonly architecture: Architecture;
}

const ROOT = path.resolve(__dirname, '..');
const MANIFEST_FOLDER = path.join(__dirname, 'sharp-layer');
const MANIFEST_FILES = ['package.json', 'package-lock.json', '.npmrc'];
const FETCHED_FOLDER = path.join(ROOT, 'out', 'sharp-layer');
/** Node's names of processors. */
const CPU: Record<Architecture, string> = { arm64: 'arm64', x86_64: 'x64' };
/** Where Lambda's runtime looks for packages in a layer. */
const FOLDER_IN_LAYER = 'nodejs';

export class SharpLayer extends lambda.LayerVersion {
  constructor(scope: Construct, id: string, { architecture }: SharpLayerProps) {
    super(scope, id, {
      description: `sharp for linux ${architecture}`,
      compatibleRuntimes: [lambda.Runtime.NODEJS_24_X],
      compatibleArchitectures: [architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64],
      code: lambda.Code.fromAsset(MANIFEST_FOLDER, {
        assetHashType: AssetHashType.CUSTOM,
        assetHash: contentHash(architecture),
        bundling: { image: NO_IMAGE, local: new InstalledSharp(architecture) },
      }),
    });
  }
}

/** CDK asks for one, for machines on which nothing can be bundled without. Ours can. */
const NO_IMAGE = DockerImage.fromRegistry('scratch');

class InstalledSharp implements ILocalBundling {
  constructor(private readonly architecture: Architecture) {}

  tryBundle(outputFolder: string): boolean {
    const installed = ownSharp(this.architecture) ?? fetchedSharp(this.architecture);
    for (const [name, folder] of installed) {
      cpSync(folder, path.join(outputFolder, FOLDER_IN_LAYER, 'node_modules', name), { recursive: true });
    }
    return true;
  }
}

/** Name of each package of the layer -> the folder that it lies in. */
type Packages = ReadonlyMap<string, string>;

/**
 * The layer's packages as this machine has them for itself.
 * @param nodeModules of the repository.
 * @returns null when it is another machine than Lambda's, or has other versions.
 */
export function ownSharp(architecture: Architecture, nodeModules = path.join(ROOT, 'node_modules')): Packages | null {
  const packages = packagesOf(architecture);
  const isHere = ({ name, version }: Package) => {
    const file = path.join(nodeModules, name, 'package.json');
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  };
  return packages.every(isHere) ? foldersIn(nodeModules, packages) : null;
}

/**
 * The layer's packages from npm, which is asked unless they are there.
 * @param home folder that keeps them.
 * @param npm the program.
 * @throws Error when npm cannot fetch them.
 */
export function fetchedSharp(architecture: Architecture, home = FETCHED_FOLDER, npm = 'npm'): Packages {
  const fetched = path.join(home, `${architecture}-${contentHash(architecture).slice(0, 16)}`);
  if (!existsSync(fetched)) {
    mkdirSync(home, { recursive: true });
    // Put into its place as a whole: what is broken off leaves nothing that looks complete.
    const staging = mkdtempSync(path.join(home, 'staging-'));
    try {
      npmCi(npm, staging, architecture);
      renameSync(staging, fetched);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  return foldersIn(path.join(fetched, 'node_modules'), packagesOf(architecture));
}

interface Package {
  readonly name: string;
  readonly version: string;
}

interface LockedPackage {
  readonly version: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/** What the lockfile has for Lambda's platform. */
function packagesOf(architecture: Architecture): Package[] {
  const lockfile = JSON.parse(readFileSync(path.join(MANIFEST_FOLDER, 'package-lock.json'), 'utf8'));
  const locked: [string, LockedPackage][] = Object.entries(lockfile.packages);
  const isPart = ({ optional = false, os, cpu, libc }: LockedPackage) =>
    !optional || (os?.includes('linux') && cpu?.includes(CPU[architecture]) && libc?.includes('glibc'));
  return locked
    .filter(([place, entry]) => place !== '' && isPart(entry))
    .map(([place, { version }]) => ({ name: place.replace(/^node_modules\//, ''), version }));
}

function foldersIn(nodeModules: string, packages: readonly Package[]): Packages {
  return new Map(packages.map(({ name }) => [name, path.join(nodeModules, name)]));
}

function npmCi(npm: string, folder: string, architecture: Architecture): void {
  for (const file of MANIFEST_FILES) cpSync(path.join(MANIFEST_FOLDER, file), path.join(folder, file));
  try {
    execFileSync(npm, ['ci', '--os=linux', `--cpu=${CPU[architecture]}`, '--libc=glibc'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    const reason = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new Error(`npm must fetch sharp for linux ${architecture} once, with a network, got: ${reason}`);
  }
}

/** Of what decides the layer's content. */
function contentHash(architecture: Architecture): string {
  const hash = createHash('sha256').update(architecture);
  for (const file of MANIFEST_FILES) hash.update('\n').update(readFileSync(path.join(MANIFEST_FOLDER, file)));
  return hash.digest('hex');
}

/**
 * The native packages of validation, sharp and the runtime of its face models, for the platform that Lambda runs on, which is seldom
 * that of the machine that deploys. Where it is, the packages are here already. Otherwise npm fetches them once into out/, by the
 * lockfile in infra/native-layer/; after that no synthesis needs the network.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { AssetHashType, DockerImage, type ILocalBundling } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import {
  copyPackages,
  installedPackage,
  type PackageManifest,
  requiredPackages,
} from '../gpu-worker/image/native-packages';
import type { Settings } from './settings';

type Architecture = Settings['lambda']['architecture'];

export interface NativeLayerProps {
  readonly architecture: Architecture;
}

const ROOT = path.resolve(__dirname, '..');
const MANIFEST_FOLDER = path.join(__dirname, 'native-layer');
const MANIFEST_FILES = ['package.json', 'package-lock.json', '.npmrc'];
/** What decides which files of the packages are in the layer. */
const RULE_FILE = path.join(ROOT, 'gpu-worker/image/native-packages.ts');
const FETCHED_FOLDER = path.join(ROOT, 'out', 'native-layer');
/** Node's names of processors. */
const CPU: Record<Architecture, string> = { arm64: 'arm64', x86_64: 'x64' };
/** Where Lambda's runtime looks for packages in a layer. */
const FOLDER_IN_LAYER = 'nodejs/node_modules';

/** The packages that are loaded by name; the layer has what they need too. */
export const NATIVE_PACKAGES: readonly string[] = Object.keys(readManifest('package.json').dependencies);

export class NativeLayer extends lambda.LayerVersion {
  constructor(scope: Construct, id: string, { architecture }: NativeLayerProps) {
    super(scope, id, {
      description: `${NATIVE_PACKAGES.join(' and ')} for linux ${architecture}`,
      compatibleRuntimes: [lambda.Runtime.NODEJS_24_X],
      compatibleArchitectures: [architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64],
      code: lambda.Code.fromAsset(MANIFEST_FOLDER, {
        assetHashType: AssetHashType.CUSTOM,
        assetHash: contentHash(architecture),
        bundling: { image: NO_IMAGE, local: new InstalledPackages(architecture) },
      }),
    });
  }
}

/** CDK asks for one, for machines on which nothing can be bundled without. Ours can. */
const NO_IMAGE = DockerImage.fromRegistry('scratch');

class InstalledPackages implements ILocalBundling {
  constructor(private readonly architecture: Architecture) {}

  tryBundle(outputFolder: string): boolean {
    const target = path.join(outputFolder, FOLDER_IN_LAYER);
    if (copyOwnPackages(this.architecture, target)) return true;
    cpSync(fetchedPackages(this.architecture), target, { recursive: true });
    return true;
  }
}

/**
 * Copies the layer's packages as this machine has them for itself.
 * @param target a node_modules folder.
 * @param nodeModules of the repository.
 * @returns false when it is another machine than Lambda's, or has other versions.
 */
export function copyOwnPackages(
  architecture: Architecture,
  target: string,
  nodeModules = path.join(ROOT, 'node_modules'),
): boolean {
  const packages = packagesOf(architecture);
  for (const [name, version] of packages) if (installedPackage(nodeModules, name)?.version !== version) return false;
  copyPackages(packages.keys(), nodeModules, target, platformOf(architecture));
  return true;
}

/**
 * The layer's packages from npm, which is asked unless they are there.
 * @param home folder that keeps them.
 * @param npm the program.
 * @returns their node_modules folder.
 * @throws Error when npm cannot fetch them.
 */
export function fetchedPackages(architecture: Architecture, home = FETCHED_FOLDER, npm = 'npm'): string {
  const fetched = path.join(home, `${architecture}-${contentHash(architecture).slice(0, 16)}`);
  if (!existsSync(fetched)) {
    mkdirSync(home, { recursive: true });
    const staging = mkdtempSync(path.join(home, 'staging-'));
    try {
      npmCi(npm, staging, architecture);
      const kept = path.join(staging, 'kept');
      copyPackages(packagesOf(architecture).keys(), path.join(staging, 'node_modules'), kept, platformOf(architecture));
      // Put into its place as a whole: what is broken off leaves nothing that looks complete.
      renameSync(kept, fetched);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  return fetched;
}

interface LockedPackage extends PackageManifest {
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

/** Version by package: what the lockfile has for Lambda's platform. */
function packagesOf(architecture: Architecture): ReadonlyMap<string, string> {
  const locked: Record<string, LockedPackage> = readManifest('package-lock.json').packages;
  return requiredPackages(NATIVE_PACKAGES, (name) => {
    const entry = locked[`node_modules/${name}`];
    return entry && isForLambda(entry, CPU[architecture]) ? entry : null;
  });
}

function isForLambda({ optional = false, os, cpu, libc }: LockedPackage, ofLambda: string): boolean {
  return !optional || ((os?.includes('linux') && cpu?.includes(ofLambda) && libc?.includes('glibc')) ?? false);
}

function platformOf(architecture: Architecture) {
  return { os: 'linux', cpu: CPU[architecture] };
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
    throw new Error(
      `npm must fetch the native packages for linux ${architecture} once, with a network, got: ${reason}`,
    );
  }
}

/** Of what decides the layer's content. */
function contentHash(architecture: Architecture): string {
  const hash = createHash('sha256').update(architecture);
  const files = [...MANIFEST_FILES.map((file) => path.join(MANIFEST_FOLDER, file)), RULE_FILE];
  for (const file of files) hash.update('\n').update(readFileSync(file));
  return hash.digest('hex');
}

function readManifest(file: string) {
  return JSON.parse(readFileSync(path.join(MANIFEST_FOLDER, file), 'utf8'));
}

/**
 * sharp with its native library, for the platform that Lambda runs on, which is seldom that of the machine that deploys. npm fetches
 * it once into out/, by the lockfile beside the manifest in infra/sharp-layer/; after that no synthesis needs the network.
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
const INSTALLED_FOLDER = path.join(ROOT, 'out', 'sharp-layer');
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
    cpSync(installedSharp(this.architecture), outputFolder, { recursive: true });
    return true;
  }
}

/**
 * The layer's folder, fetched unless it is there.
 * @throws Error when npm cannot fetch it.
 */
export function installedSharp(architecture: Architecture): string {
  const installed = path.join(INSTALLED_FOLDER, `${architecture}-${contentHash(architecture).slice(0, 16)}`);
  if (existsSync(installed)) return installed;
  mkdirSync(INSTALLED_FOLDER, { recursive: true });
  // Put into its place as a whole: an installation that is broken off leaves nothing that looks complete.
  const staging = mkdtempSync(path.join(INSTALLED_FOLDER, 'staging-'));
  try {
    npmCi(path.join(staging, FOLDER_IN_LAYER), architecture);
    renameSync(staging, installed);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return installed;
}

function npmCi(folder: string, architecture: Architecture): void {
  for (const file of MANIFEST_FILES) cpSync(path.join(MANIFEST_FOLDER, file), path.join(folder, file));
  try {
    execFileSync('npm', ['ci', '--os=linux', `--cpu=${CPU[architecture]}`, '--libc=glibc'], {
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

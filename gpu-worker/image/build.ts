/**
 * Builds what the container runs: `npm run bundle:worker -- <folder>`. One file, worker.js, with everything but the native packages
 * and the face models, which lie beside it. It is left readable, so that a stack trace names its functions.
 */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { copyPackages, installedPackage, requiredPackages } from './native-packages';

const REPOSITORY = path.resolve(__dirname, '../..');
const NODE_MODULES = path.join(REPOSITORY, 'node_modules');

/** What the worker loads on AWS. A deployment in a folder needs lmdb too, which is not one of them. */
export const NATIVE_PACKAGES: readonly string[] = ['onnxruntime-node', 'sharp', '@napi-rs/webcodecs'];
/** What the worker loads where a setting asks for it, and where it is installed: see ../provenance/content-credentials.ts. */
const OPTIONAL_PACKAGES: readonly string[] = ['@contentauth/c2pa-wasm'];
/** Of the local deployment, and of running from sources: never loaded from the container's program. */
const ELSEWHERE = ['lmdb', 'tsx'];
/** In the repository and beside worker.js alike: entry.ts says where. */
const FACE_MODELS = 'models/faces';

/**
 * @param folder gets worker.js, the licences of what is in it, package.json, node_modules and models/faces; what lies there goes.
 * @returns what went into worker.js.
 * @throws Error when a native package is not installed.
 */
export async function buildWorker(folder: string): Promise<Metafile> {
  rmSync(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: ['gpu-worker/image/entry.ts'],
    outfile: path.join(folder, 'worker.js'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    external: [...NATIVE_PACKAGES, ...ELSEWHERE],
    legalComments: 'external',
    metafile: true,
    logLevel: 'warning',
  });
  copyNativePackages(folder);
  // With their README: it names where they come from, and their licences.
  cpSync(path.join(REPOSITORY, FACE_MODELS), path.join(folder, FACE_MODELS), { recursive: true });
  return metafile;
}

/** For the platform that this runs on, with a package.json that names the versions. */
function copyNativePackages(folder: string): void {
  const read = (name: string) => installedPackage(NODE_MODULES, name);
  const versions = requiredPackages([...NATIVE_PACKAGES, ...OPTIONAL_PACKAGES.filter((name) => read(name))], read);
  const platform = { os: process.platform, cpu: process.arch };
  copyPackages(versions.keys(), NODE_MODULES, path.join(folder, 'node_modules'), platform);
  const dependencies = Object.fromEntries(versions);
  const own = { name: 'mv2id-worker', private: true, type: 'commonjs', main: 'worker.js', dependencies };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
}

if (require.main === module) {
  const [, , folder = 'out/worker'] = process.argv;
  void buildWorker(path.resolve(folder)).then(({ outputs }) => {
    for (const [file, { bytes }] of Object.entries(outputs)) {
      process.stdout.write(`${path.basename(file)} ${(bytes / 1e6).toFixed(1)} MB\n`);
    }
  });
}

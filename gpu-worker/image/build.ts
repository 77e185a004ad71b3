/**
 * Builds what the container runs: `npm run bundle:worker -- <folder>`. One file, worker.js, with everything but the native packages,
 * which lie beside it. It is left readable, so that a stack trace names its functions.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { copyNativePackages, NATIVE_PACKAGES } from './native-packages';

const REPOSITORY = path.resolve(__dirname, '../..');

/** Of the local deployment, and of running from sources: never loaded from the container's program. */
const ELSEWHERE = ['lmdb', 'tsx'];

/**
 * @param folder gets worker.js, the licences of what is in it, package.json and node_modules; what lies there goes.
 * @returns what went into worker.js.
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
  copyNativePackages(path.join(REPOSITORY, 'node_modules'), folder);
  return metafile;
}

if (require.main === module) {
  const [, , folder = 'out/worker'] = process.argv;
  void buildWorker(path.resolve(folder)).then(({ outputs }) => {
    for (const [file, { bytes }] of Object.entries(outputs)) {
      process.stdout.write(`${path.basename(file)} ${(bytes / 1e6).toFixed(1)} MB\n`);
    }
  });
}

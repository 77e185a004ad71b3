/** `mv2id model merge-lora`: a model directory and a LoRA become a model directory, which the service runs as any other. */
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ModelError } from '../../gpu-worker/errors';
import { byteText } from '../../gpu-worker/memory';
import { openModel } from '../../gpu-worker/model/open-model';
import { parseReferenceConditioning } from '../../gpu-worker/model/reference-conditioning';
import { openWeights } from '../../gpu-worker/model/weights';
import { UsageError } from '../exit-code';
import { createProgress } from '../progress';
import type { Streams } from '../streams';
import { findLoraFile, readLora } from './lora-file';
import { mergeLayers } from './merge-weights';
import { listModelFiles, sizeOf } from './model-files';

export const EXPERTS = ['transformer', 'transformer_2'] as const;

export interface MergeLoraOptions {
  /** Which transformer of the directory the LoRA is for. */
  readonly expert: (typeof EXPERTS)[number];
  /** Multiplies the LoRA's own scale. */
  readonly scale: number;
}

const CONDITIONING_FILE = 'reference_conditioning.json';

/**
 * `out` is there when all of it is; until then its files lie beside it.
 * @throws UsageError, ModelError naming what does not fit.
 */
export async function runMergeLora(
  dir: string,
  lora: string,
  out: string,
  { expert, scale }: MergeLoraOptions,
  { stdout, stderr }: Streams,
): Promise<void> {
  await requireNew(out);
  const { weights } = await openModel(dir);
  const base = expert === 'transformer' ? weights.transformer : weights.transformer2;
  if (!base) throw new UsageError(`--expert must be transformer, the only one in ${dir}, got ${expert}.`);
  const file = await findLoraFile(lora);
  const layers = await readLora(file, base);
  const conditioning = await findConditioning(file);
  const files = await listModelFiles(dir);

  const partial = `${path.resolve(out)}.partial`;
  const progress = createProgress(stderr);
  await rm(partial, { recursive: true, force: true });
  try {
    progress.begin('Copying');
    let copied = 0;
    for (const { path: inside, file: source, size } of files) {
      const target = path.join(partial, inside);
      await mkdir(path.dirname(target), { recursive: true });
      await copyFile(source, target);
      // Caches of downloaded models are read-only, and a copy keeps that.
      await chmod(target, 0o644);
      copied += size;
      progress.updateBytes(copied, sizeOf(files));
    }
    if (conditioning) await copyFile(conditioning, path.join(partial, CONDITIONING_FILE));
    progress.begin('Merging');
    const copy = await openWeights(path.join(partial, expert));
    await mergeLayers(copy, layers, scale, (done, total) => progress.updateBytes(done, total));
    progress.end();
    await rmdir(out).catch(ignoreMissing);
    await rename(partial, out);
  } finally {
    progress.end();
    await rm(partial, { recursive: true, force: true });
  }
  stdout.write(
    `${out}: ${files.length} files, ${byteText(sizeOf(files))}; ${layers.length} layers of ${expert} changed.\n`,
  );
}

async function requireNew(out: string): Promise<void> {
  const names = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`out must be a new folder, got ${out}: ${error.code}.`);
  });
  if (names.length > 0) throw new UsageError(`out must be a new folder, got ${out}, which holds files.`);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** How references condition the model was decided where the LoRA was trained, and lies beside it then. */
async function findConditioning(loraFile: string): Promise<string | undefined> {
  const file = path.join(path.dirname(loraFile), CONDITIONING_FILE);
  if (!(await stat(file).catch(() => undefined))) return undefined;
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${file} must be a readable file, got ${error.code}.`, { cause: error });
  });
  parseReferenceConditioning(text, file);
  return file;
}

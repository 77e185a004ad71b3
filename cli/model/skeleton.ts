/**
 * A model in the bucket as a directory on this machine, as far as an inspection looks: configs and the headers of safetensors files
 * are there, all weights are holes. A model of 40 GB takes a few megabytes of traffic and of disk.
 */
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import type { LargeFiles } from '../../clients/large-files';
import type { ObjectStore } from '../../clients/object-store';
import { modelKey } from '../../contract/keys';
import { ModelError } from '../../gpu-worker/errors';

export interface SkeletonSource {
  /** Bucket `models`. */
  readonly bucket: Pick<ObjectStore, 'list'>;
  readonly files: Pick<LargeFiles, 'readRange'>;
}

const HEADER_LENGTH_BYTES = 8;
/** Holds the header of most files, so that one request is enough. */
const FIRST_READ_BYTES = 256 * 1024;
/** Larger ones are refused by whoever reads them. */
const MAX_HEADER_BYTES = 100_000_000;
/** Read whole: configs and indexes. The vocabulary, which is as large as both, is not looked into. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;
const VOCABULARY = 'tokenizer/tokenizer.json';

/**
 * @param dir is there, and empty.
 * @returns the paths of all files inside the model.
 * @throws ModelError when a file's name leads out of the model.
 */
export async function fetchSkeleton({ bucket, files }: SkeletonSource, model: string, dir: string): Promise<string[]> {
  const prefix = modelKey(model, '');
  const paths: string[] = [];
  for await (const { key, size } of bucket.list(prefix)) {
    // What consoles make to show a folder.
    if (key.endsWith('/') && size === 0) continue;
    const inside = requireInside(model, key.slice(prefix.length));
    paths.push(inside);
    const start = size === 0 ? new Uint8Array() : await readStart(files, key, inside, size);
    await writeHollow(path.join(dir, inside), start, size);
  }
  return paths;
}

function requireInside(model: string, file: string): string {
  const parts = file.split('/');
  if (parts.every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part))) return file;
  throw new ModelError(`${model}: a file must have a path inside the model, got ${JSON.stringify(file)}.`);
}

/** What an inspection reads of the file. */
async function readStart(
  files: SkeletonSource['files'],
  key: string,
  inside: string,
  size: number,
): Promise<Uint8Array> {
  const read = async (from: number, length: number) =>
    length > 0 ? ((await files.readRange(key, from, length)) ?? new Uint8Array()) : new Uint8Array();
  if (inside.endsWith('.json') && inside !== VOCABULARY) return read(0, Math.min(size, MAX_JSON_BYTES));
  if (!inside.endsWith('.safetensors')) return new Uint8Array();
  const first = await read(0, Math.min(size, FIRST_READ_BYTES));
  if (first.length < HEADER_LENGTH_BYTES) return first;
  const headerLength = Number(Buffer.from(first).readBigUInt64LE());
  const needed = HEADER_LENGTH_BYTES + Math.min(headerLength, MAX_HEADER_BYTES);
  const rest = await read(first.length, Math.min(needed, size) - first.length);
  return Buffer.concat([first, rest]).subarray(0, Math.min(needed, size));
}

async function writeHollow(file: string, start: Uint8Array, size: number): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(start);
    await handle.truncate(size);
  } finally {
    await handle.close();
  }
}

/** The files of a model directory as they go into the models bucket. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { MODEL_HASHES_FILE_NAME } from '../../contract/keys';
import { UsageError } from '../exit-code';

export interface ModelFile {
  /** Inside the model, with slashes. */
  readonly path: string;
  /** On this machine. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

/** No model has so deep folders; a link that leads back to its own folder has. */
const MAX_DEPTH = 8;

/**
 * In the order of their paths' UTF-8 bytes. Hidden files (.git, what download tools leave) are none of the model's, and its hashes
 * are made anew. Symbolic links are followed: caches of downloaded models consist of them.
 * @throws UsageError for a link that leads nowhere, and for something that is no file.
 */
export async function listModelFiles(dir: string): Promise<ModelFile[]> {
  const files = await filesIn(dir, []);
  return files.sort((one, other) => Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)));
}

async function filesIn(dir: string, names: readonly string[]): Promise<ModelFile[]> {
  if (names.length > MAX_DEPTH) throw new UsageError(`${dir} must be at most ${MAX_DEPTH} folders deep, got more.`);
  const found: ModelFile[] = [];
  for (const name of await readdir(path.join(dir, ...names))) {
    if (name.startsWith('.') || (names.length === 0 && name === MODEL_HASHES_FILE_NAME)) continue;
    const inside = [...names, name];
    const file = path.join(dir, ...inside);
    const status = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(`${file} must be a readable file, got ${error.code}.`);
    });
    if (status.isDirectory()) found.push(...(await filesIn(dir, inside)));
    else if (status.isFile()) found.push({ path: inside.join('/'), file, size: status.size });
    else throw new UsageError(`${file} must be a file or a folder, got neither.`);
  }
  return found;
}

/** Bytes of all of them. */
export function sizeOf(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

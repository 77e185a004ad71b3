/** One hash for a whole model directory: of the paths, sizes and contents of its files, wherever it lies. */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { sha256OfFile } from './file-hash';

export interface HashedFile {
  /** Inside the directory, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** @param files in the order of their paths' UTF-8 bytes, as a bucket lists them. */
export function modelHash(files: readonly HashedFile[]): string {
  const entries = files.map(({ path: file, size, sha256 }) => ({ path: file, size, sha256 }));
  return createHash('sha256').update(JSON.stringify(entries)).digest('hex');
}

/** The same hash of a directory as the cache gives a model from the bucket. Hidden files are none of the model's. */
export async function hashModelDirectory(dir: string): Promise<string> {
  const names = await readdir(dir, { recursive: true });
  const paths = names
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => !name.split('/').some((part) => part.startsWith('.')))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const files: HashedFile[] = [];
  for (const file of paths) {
    const whole = path.join(dir, file);
    const status = await stat(whole);
    if (status.isFile()) files.push({ path: file, size: status.size, sha256: await sha256OfFile(whole) });
  }
  return modelHash(files);
}

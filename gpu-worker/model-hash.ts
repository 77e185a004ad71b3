/** One hash for a whole model directory: of the paths, sizes and contents of its files, wherever it lies. */
import { createHash } from 'node:crypto';

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

/**
 * Etags of files. A small file has the hash of its content. A large one would take minutes to hash whenever a model is listed; its
 * inode, size and time of change tell it apart as well, because it cannot be written twice within one tick of the clock.
 */
import { createHash } from 'node:crypto';
import { type BigIntStats, readSync } from 'node:fs';

const MAX_HASHED_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** A file changed a moment ago may change again within the same tick of the file system's clock. */
const SETTLED_MS = 2000;
const MAX_REMEMBERED = 100_000;

export class FileEtags {
  private readonly hashes = new Map<string, string>();

  /** @param descriptor of the open file; is read from its beginning. @param stats of that file. */
  of(descriptor: number, stats: BigIntStats): string {
    const identity = `${stats.dev.toString(36)}-${stats.ino.toString(36)}-${stats.size.toString(36)}-${stats.mtimeNs.toString(36)}`;
    if (stats.size > MAX_HASHED_BYTES) return identity;
    const known = this.hashes.get(identity);
    if (known !== undefined) return known;
    const hash = hashOf(descriptor);
    if (Date.now() - Number(stats.mtimeMs) > SETTLED_MS) this.remember(identity, hash);
    return hash;
  }

  private remember(identity: string, hash: string): void {
    if (this.hashes.size >= MAX_REMEMBERED) this.hashes.clear();
    this.hashes.set(identity, hash);
  }
}

function hashOf(descriptor: number): string {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let position = 0; ; ) {
    const length = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
    if (length === 0) return hash.digest('hex');
    hash.update(chunk.subarray(0, length));
    position += length;
  }
}

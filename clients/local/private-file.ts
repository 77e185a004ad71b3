/** Small files that only their owner may read. They are there completely or not at all. */
import { randomUUID } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const OWNER_ONLY = 0o600;

/** Null when there is none. */
export function readPrivateFile(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Replaces the file, mode 0600; on the disk when it returns. */
export function writePrivateFile(file: string, text: string): void {
  const folder = path.dirname(file);
  const temporary = `${file}.${randomUUID()}.partial`;
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: OWNER_ONLY, flush: true });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}

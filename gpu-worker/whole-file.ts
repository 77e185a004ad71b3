/** Files that are there completely or not at all. */
import { rename, rm, writeFile } from 'node:fs/promises';

/**
 * Writes under a temporary name and renames when every byte is on the disk.
 * @throws the system's error with `path` set to `file`; nothing is left behind.
 */
export async function writeWholeFile(file: string, bytes: Uint8Array | string): Promise<void> {
  const temporary = `${file}.partial`;
  try {
    await writeFile(temporary, bytes, { flush: true });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw Object.assign(error as Error, { path: file });
  }
}

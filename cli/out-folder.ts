/** The folder that --out names, before anything is computed for it. */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { mustBe } from '../contract/field-error';
import { UsageError } from './exit-code';

/**
 * Makes the folder and those above it, one after the other: Node's own recursive way goes round for ever where none can be made (/proc).
 * @throws UsageError when it cannot be.
 */
export async function makeOutFolder(out: string): Promise<void> {
  const folder = path.resolve(out);
  const above = path.dirname(folder);
  try {
    const status = await stat(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (status?.isDirectory()) return;
    if (status) throw Object.assign(new Error(), { code: 'ENOTDIR' });
    if (above !== folder) await makeOutFolder(above);
    await mkdir(folder);
  } catch (error) {
    if (error instanceof UsageError) throw outError(out, error.cause);
    throw outError(out, (error as NodeJS.ErrnoException).code);
  }
}

function outError(out: string, code: unknown): UsageError {
  const { message } = mustBe('--out', 'a folder that can be written to', `${out} (${code})`);
  return Object.assign(new UsageError(message), { cause: code });
}

/** The key that signs links to the objects of a home. */
import { randomBytes } from 'node:crypto';
import type { Exclusively } from './exclusively';
import { readPrivateFile, writePrivateFile } from './private-file';

const KEY_BYTES = 32;
const HEX_KEY = /^[0-9a-f]{64}$/;

/**
 * Reads the key, and makes it at first use.
 * @throws Error when the file holds anything else than a key.
 */
export async function linkKey(file: string, exclusively: Exclusively): Promise<Uint8Array> {
  const hex = readPrivateFile(file) ?? (await exclusively(() => readPrivateFile(file) ?? makeKey(file)));
  if (!HEX_KEY.test(hex.trim()))
    throw new Error(`${file} must be a key of ${KEY_BYTES} bytes in hex, got something else.`);
  return Buffer.from(hex.trim(), 'hex');
}

function makeKey(file: string): string {
  const hex = randomBytes(KEY_BYTES).toString('hex');
  writePrivateFile(file, `${hex}\n`);
  return hex;
}

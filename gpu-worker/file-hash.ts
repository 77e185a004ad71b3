/** SHA-256 of files of any size: they are streamed. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** 64 lower-case hexadecimal digits. @throws the system's error when the file cannot be read. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** Reference sets for tests: a folder with images and a job.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

/** Writes `front.png` and `side.png` (80 x 64) and a job.json, and returns the folder. */
export async function writeReferenceSet(folder: string, input: Record<string, unknown> = {}): Promise<string> {
  mkdirSync(folder, { recursive: true });
  for (const [i, file] of ['front.png', 'side.png'].entries()) {
    const pixels = Uint8Array.from({ length: 3 * 80 * 64 }, (_, at) => (at * (7 + i)) % 256);
    await sharp(pixels, { raw: { width: 80, height: 64, channels: 3 } }).toFile(path.join(folder, file));
  }
  writeJob(folder, manifest(input));
  return folder;
}

export function manifest(input: Record<string, unknown> = {}) {
  return {
    schema_version: 1,
    model: 'random',
    input: { prompt: 'a head turns to the left', seed: 7, ...input },
    reference_set: {
      subject: 'Test',
      consent: { confirmed: true, reference: 'drawn by a test' },
      images: [{ file: 'front.png' }, { file: 'side.png' }],
      // They show stripes.
      accept: ['no_face'],
    },
  };
}

export function writeJob(folder: string, job: unknown): void {
  writeFileSync(path.join(folder, 'job.json'), JSON.stringify(job));
}

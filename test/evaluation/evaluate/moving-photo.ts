/** Photographs of test/fixtures/photos as references, and as videos in which a camera moves over them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { type Planes, planesOf } from '../video/write-clip';

export type Person = 'astronaut' | 'biden' | 'obama';

const SIZE = { width: 320, height: 240 };

export function photo(person: Person): string {
  return path.resolve(__dirname, `../../fixtures/photos/${person}.jpg`);
}

/** @param times the photo stands side by side in each frame. */
export async function movingPhoto(person: Person, numFrames: number, times: 1 | 2 = 1): Promise<Planes[]> {
  const part = { width: SIZE.width / times, height: SIZE.height };
  return Promise.all(
    Array.from({ length: numFrames }, async (_, i) => {
      // A window that moves to the right by a tenth of the photo.
      const { width, height } = await sharp(photo(person)).metadata();
      const [w, h] = [Math.round(0.8 * width), Math.min(height, Math.round((0.8 * width * part.height) / part.width))];
      const left = Math.round(width * (0.05 + (0.1 * i) / numFrames));
      const tile = await sharp(photo(person))
        .extract({ left, top: 0, width: w, height: h })
        .resize({ ...part, fit: 'cover', position: 'top' })
        .png()
        .toBuffer();
      const places = Array.from({ length: times }, (_, column) => ({ input: tile, left: column * part.width, top: 0 }));
      const data = await sharp({ create: { ...SIZE, channels: 3, background: '#808080' } })
        .composite(places)
        .removeAlpha()
        .raw()
        .toBuffer();
      return planesOf({ data, ...SIZE });
    }),
  );
}

/** A folder with the person's photo, and with what is wrong as a reference. */
export async function putReferences(
  folder: string,
  person: Person | null,
  { blank = false, twice = false, broken = false } = {},
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  if (person) await sharp(photo(person)).toFile(path.join(folder, `${person}.jpg`));
  if (blank)
    await sharp({ create: { ...SIZE, channels: 3, background: '#5a785a' } }).toFile(path.join(folder, 'blank.png'));
  if (broken) writeFileSync(path.join(folder, 'text.jpg'), 'hello');
  if (twice && person) {
    const single = await sharp(photo(person)).resize(300).png().toBuffer();
    const { height } = await sharp(single).metadata();
    const places = [0, 300].map((left) => ({ input: single, left, top: 0 }));
    const create = { width: 600, height, channels: 3, background: '#808080' } as const;
    await sharp({ create }).composite(places).toFile(path.join(folder, 'twice.jpg'));
  }
}

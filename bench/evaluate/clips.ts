/** Sixty cases to evaluate: three clips of photographs that a camera moves over, under sixty names. */
import { linkSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { openVideoWriter } from '../../gpu-worker/video';
import { ORIGIN } from '../../test/origin';

export const SIZE = { width: 832, height: 480 };
export const FPS = 24;
export const SECONDS = 5;

const PHOTOS = path.resolve(__dirname, '../../test/fixtures/photos');
const PEOPLE = ['astronaut', 'biden', 'obama'];

/** `<folder>/videos/<case>.mp4` and `<folder>/references/<case>/*.jpg`; only three clips lie on the disk. */
export async function writeCases(folder: string, numCases: number): Promise<{ videos: string; references: string }> {
  const [videos, references, clips] = ['videos', 'references', 'clips'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const made of [videos, references, clips]) mkdirSync(made, { recursive: true });
  for (const person of PEOPLE)
    await writeMovingPhoto(path.join(PHOTOS, `${person}.jpg`), path.join(clips, `${person}.mp4`));
  for (let i = 0; i < numCases; i++) {
    const person = PEOPLE[i % PEOPLE.length]!;
    const name = `case-${String(i + 1).padStart(3, '0')}`;
    linkSync(path.join(clips, `${person}.mp4`), path.join(videos, `${name}.mp4`));
    mkdirSync(path.join(references, name));
    await sharp(path.join(PHOTOS, `${person}.jpg`))
      .jpeg()
      .toFile(path.join(references, name, 'front.jpg'));
  }
  return { videos, references };
}

/** The camera goes round the middle of the photo's upper half and comes nearer. */
async function writeMovingPhoto(photo: string, file: string): Promise<void> {
  const { width, height } = await sharp(photo).metadata();
  const writer = await openVideoWriter(file, SIZE, FPS, { origin: ORIGIN });
  const count = FPS * SECONDS;
  for (let i = 0; i < count; i++) {
    const turn = (2 * Math.PI * i) / count;
    const shown = 0.9 - 0.2 * (i / count);
    const [w, h] = [Math.round(shown * width), Math.round((shown * width * SIZE.height) / SIZE.width)];
    const left = Math.round((width - w) * (0.5 + 0.4 * Math.cos(turn)));
    const top = Math.round(Math.max(0, Math.min(height - h, height * 0.05 + 0.05 * height * Math.sin(turn))));
    const rgb = await sharp(photo)
      .extract({ left, top, width: w, height: h })
      .resize({ ...SIZE, fit: 'fill' })
      .raw()
      .toBuffer();
    await writer.add(planes(rgb));
  }
  await writer.finish();
}

/** Interleaved bytes -> [3, height, width], -1..1. */
function planes(rgb: Uint8Array): Float32Array {
  const area = SIZE.width * SIZE.height;
  const frame = new Float32Array(3 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) frame[channel * area + at] = rgb[3 * at + channel]! / 127.5 - 1;
  }
  return frame;
}

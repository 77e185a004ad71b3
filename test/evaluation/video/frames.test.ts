/** Clips that this program wrote, read back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openClip, VideoUnreadable } from '../../../evaluation/video/frames';
import { openVideoWriter } from '../../../gpu-worker/video';
import { ORIGIN } from '../../origin';

const SIZE = { width: 64, height: 48 };
const FPS = 8;
const COLOURS = [[200, 40, 60], [30, 160, 80], [50, 70, 210]] as const; // biome-ignore format: one row

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-frames-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function writeClip(numFrames: number): Promise<string> {
  const file = path.join(folder, `${numFrames}.mp4`);
  const writer = await openVideoWriter(file, SIZE, FPS, { origin: ORIGIN });
  const area = SIZE.width * SIZE.height;
  for (let i = 0; i < numFrames; i++) {
    const colour = COLOURS[i % COLOURS.length]!;
    await writer.add(Float32Array.from({ length: 3 * area }, (_, at) => colour[Math.floor(at / area)]! / 127.5 - 1));
  }
  await writer.finish();
  return file;
}

test('every frame comes once, in order, at its time, in its colour', async () => {
  const clip = await openClip(await writeClip(20));
  expect(clip.durationSeconds).toBeCloseTo(20 / FPS);
  let i = 0;
  for await (const { time, pixels } of clip.frames) {
    expect(time).toBeCloseTo(i / FPS, 4);
    expect(pixels).toMatchObject(SIZE);
    expect(pixels.data).toHaveLength(3 * SIZE.width * SIZE.height);
    const at = 3 * (24 * SIZE.width + 32);
    for (const channel of [0, 1, 2]) {
      expect(Math.abs(pixels.data[at + channel]! - COLOURS[i % COLOURS.length]![channel]!)).toBeLessThanOrEqual(4);
    }
    i++;
  }
  expect(i).toBe(20);
});

test('whoever has seen enough leaves', async () => {
  const clip = await openClip(await writeClip(9));
  for await (const { time } of clip.frames) if (time > 0.3) break;
});

test('a file that is not there, or no video, is named', async () => {
  const text = path.join(folder, 'text.mp4');
  writeFileSync(text, 'no video');
  await expect(openClip(path.join(folder, 'none.mp4'))).rejects.toThrow(/^file must be a video .*none.mp4 \(ENOENT\)/);
  await expect(openClip(text)).rejects.toThrow(VideoUnreadable);
});

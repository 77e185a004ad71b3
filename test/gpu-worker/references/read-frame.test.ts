import sharp from 'sharp';
import type { Pixels } from '../../../faces/pixels';
import { onFrame, readFrame } from '../../../gpu-worker/references/read-frame';

const SIZE = { width: 40, height: 20 };

/** 80 x 40: each pixel says where it lies, columns in red, rows in green. */
function marked(): Buffer {
  const data = Buffer.alloc(3 * 80 * 40);
  for (let row = 0; row < 40; row++) {
    for (let column = 0; column < 80; column++) data.set([3 * column, 6 * row, 0], 3 * (80 * row + column));
  }
  return data;
}

function png(): Promise<Buffer> {
  return sharp(marked(), { raw: { width: 80, height: 40, channels: 3 } })
    .png()
    .toBuffer();
}

function at({ data, width }: Pixels, x: number, y: number): number[] {
  return [...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
}

async function shown(
  bytes: Uint8Array,
  x: number,
  y: number,
  width: number,
  height: number,
  isUpsideDown = false,
): Promise<Pixels> {
  return onFrame(await readFrame(bytes, { x, y, width, height }, SIZE, isUpsideDown), SIZE, SIZE);
}

test('a part of the picture, pixel for pixel', async () => {
  const picture = await shown(await png(), 30, 10, 40, 20);
  expect([picture.width, picture.height]).toEqual([40, 20]);
  expect(at(picture, 0, 0)).toEqual([90, 60, 0]);
  expect(at(picture, 39, 19)).toEqual([207, 174, 0]);
});

test('what lies beyond the picture is white, on every side', async () => {
  const picture = await shown(await png(), -10, -5, 40, 20);
  expect(at(picture, 9, 10)).toEqual([255, 255, 255]);
  expect(at(picture, 10, 4)).toEqual([255, 255, 255]);
  expect(at(picture, 10, 5)).toEqual([0, 0, 0]);
  const other = await shown(await png(), 60, 30, 40, 20);
  expect(at(other, 19, 9)).toEqual([237, 234, 0]);
  expect(at(other, 20, 9)).toEqual([255, 255, 255]);
  expect(at(other, 19, 10)).toEqual([255, 255, 255]);
});

test('a frame that is not of whole pixels, or larger than the picture, fills its size', async () => {
  for (const [x, y, width, height] of [
    [3.3, 2.7, 51.4, 25.7],
    [-400, -200, 1000, 500],
    [79.6, 39.7, 40, 20],
  ] as const) {
    // biome-ignore format: one row
    const picture = await shown(await png(), x, y, width, height);
    expect(picture.data).toHaveLength(3 * 40 * 20);
  }
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'EXIF orientation %i: the frame is one of the upright picture',
  async (orientation) => {
    const stored = await sharp(marked(), { raw: { width: 80, height: 40, channels: 3 } })
      .png()
      .withMetadata({ orientation })
      .toBuffer();
    const upright = await sharp(stored).autoOrient().png().toBuffer();
    for (const [x, y, width, height] of [
      [30, 10, 40, 20],
      [5, 2, 20, 10],
      [-10, 30, 60, 30],
    ] as const) {
      // biome-ignore format: one row
      const halfTurned = await sharp(upright).rotate(180).png().toBuffer();
      const plain = await shown(upright, x, y, width, height);
      for (const turned of [
        await shown(stored, x, y, width, height),
        await shown(halfTurned, x, y, width, height, true),
        await shown(await sharp(stored).rotate(180).keepExif().toBuffer(), x, y, width, height, true),
      ]) {
        // The decoder's library enlarges a mirrored picture a little otherwise.
        const differences = turned.data.map((value, at) => Math.abs(value - plain.data[at]!));
        expect(Math.max(...differences)).toBeLessThanOrEqual(width < 40 ? 3 : 0);
      }
    }
  },
);

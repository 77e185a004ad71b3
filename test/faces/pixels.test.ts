import sharp, { type Sharp } from 'sharp';
import { letterboxSquare, readPixels } from '../../faces/pixels';

/** Red left, blue right. */
function halves(width: number, height: number): Sharp {
  const data = Buffer.alloc(3 * width * height);
  for (let at = 0; at < width * height; at++) data[3 * at + (at % width < width / 2 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const pixelAt = ({ data, width }: { data: Uint8Array; width: number }, x: number, y: number) => [
  ...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3),
];

test('a picture is turned upright', async () => {
  // 6: the camera was turned by 90 degrees; what is left in the file is up.
  const file = await halves(40, 20).withMetadata({ orientation: 6 }).png().toBuffer();
  const picture = await readPixels(file);
  expect([picture.width, picture.height]).toEqual([20, 40]);
  expect(pixelAt(picture, 10, 5)).toEqual([255, 0, 0]);
  expect(pixelAt(picture, 10, 35)).toEqual([0, 0, 255]);
});

test.each([
  ['grey', () => halves(40, 20).greyscale().png()],
  ['16 bits', () => halves(40, 20).toColourspace('rgb16').png()],
  ['CMYK', () => halves(40, 20).toColourspace('cmyk').jpeg()],
  ['transparent', () => halves(40, 20).ensureAlpha(0.5).png()],
])('%s becomes three bytes a pixel', async (_, make) => {
  const { data, width, height } = await readPixels(await make().toBuffer());
  expect([width, height, data.length]).toEqual([40, 20, 2400]);
});

test('what is transparent is white', async () => {
  const clear = { create: { width: 8, height: 8, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } } as const;
  expect(pixelAt(await readPixels(await sharp(clear).png().toBuffer()), 4, 4)).toEqual([255, 255, 255]);
});

test('a large picture is made smaller, and its scale says by how much', async () => {
  const file = await halves(3000, 1500).jpeg().toBuffer();
  const { width, height, scale } = await readPixels(file, 1000);
  expect([width, height, scale]).toEqual([1000, 500, 3]);
  expect((await readPixels(await halves(40, 20).png().toBuffer())).scale).toBe(1);
});

test('a letterbox keeps the proportions, in the middle of grey', async () => {
  const picture = await readPixels(await halves(64, 32).png().toBuffer());
  const { pixels, scale, x, y } = await letterboxSquare(picture, 32);
  expect([scale, x, y]).toEqual([0.5, 0, 8]);
  expect(pixelAt(pixels, 16, 2)).toEqual([128, 128, 128]);
  expect(pixelAt(pixels, 4, 16)).toEqual([255, 0, 0]);
  expect(pixelAt(pixels, 28, 16)).toEqual([0, 0, 255]);
});

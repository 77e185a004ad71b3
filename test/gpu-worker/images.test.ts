import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp, { type Color } from 'sharp';
import { letterbox as fitted, readReferenceImage, toPlanes } from '../../gpu-worker/images';

const SIZE = { width: 96, height: 64 };
const RED = { r: 255, g: 0, b: 0 };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-images-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function solid(width: number, height: number, background: Color, channels: 3 | 4 = 3) {
  return sharp({ create: { width, height, channels, background } });
}

async function letterbox(bytes: Uint8Array, size: typeof SIZE): Promise<Float32Array> {
  return toPlanes(await fitted(bytes, size));
}

/** RGB at a pixel, rounded to a tenth. */
function pixel(planes: Float32Array, x: number, y: number): number[] {
  const area = SIZE.width * SIZE.height;
  return [0, 1, 2].map((channel) => Math.round(10 * planes[channel * area + y * SIZE.width + x]!) / 10 || 0);
}

describe('letterbox', () => {
  test.each(['png', 'jpeg', 'webp'] as const)('a %s is fitted inside, centred, on white', async (format) => {
    const planes = await letterbox(await solid(100, 100, RED).toFormat(format, { quality: 100 }).toBuffer(), SIZE);
    expect(planes).toHaveLength(3 * 96 * 64);
    expect(pixel(planes, 48, 32)).toEqual([1, -1, -1]);
    expect(pixel(planes, 8, 32)).toEqual([1, 1, 1]);
    expect(pixel(planes, 87, 32)).toEqual([1, 1, 1]);
    expect(pixel(planes, 48, 0)).toEqual([1, -1, -1]);
  });

  test('values are (pixel / 127.5) - 1 and untouched where no resize is needed', async () => {
    const pixels = Uint8Array.from({ length: 3 * 96 * 64 }, (_, at) => (at * 7) % 256);
    const png = await sharp(pixels, { raw: { width: 96, height: 64, channels: 3 } })
      .png()
      .toBuffer();
    const planes = await letterbox(png, SIZE);
    for (const at of [0, 1, 95, 96, 96 * 64 - 1]) {
      for (const channel of [0, 1, 2]) {
        expect(planes[channel * 96 * 64 + at]).toBeCloseTo(pixels[3 * at + channel]! / 127.5 - 1, 6);
      }
    }
  });

  test('EXIF orientation is applied', async () => {
    const halves = await sharp({ create: { width: 96, height: 64, channels: 3, background: 'white' } })
      .composite([{ input: await solid(48, 64, RED).png().toBuffer(), left: 0, top: 0 }])
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation: 3 }) // upside down: red moves to the right
      .toBuffer();
    const planes = await letterbox(halves, SIZE);
    expect(pixel(planes, 80, 32)[1]).toBeLessThan(-0.9);
    expect(pixel(planes, 10, 32)[1]).toBeGreaterThan(0.9);
  });

  test('transparency is composited on white', async () => {
    const png = await solid(96, 64, { ...RED, alpha: 0 }, 4)
      .png()
      .toBuffer();
    expect(pixel(await letterbox(png, SIZE), 48, 32)).toEqual([1, 1, 1]);
    const half = await solid(96, 64, { ...RED, alpha: 0.5 }, 4)
      .png()
      .toBuffer();
    expect(pixel(await letterbox(half, SIZE), 48, 32)).toEqual([1, 0, 0]);
  });

  test.each([
    ['greyscale', () => solid(96, 64, { r: 128, g: 128, b: 128 }).toColourspace('b-w').png(), [0, 0, 0]],
    ['16-bit', () => solid(96, 64, RED).toColourspace('rgb16').png(), [1, -1, -1]],
    ['16-bit greyscale', () => solid(96, 64, 'white').toColourspace('grey16').png(), [1, 1, 1]],
    ['palette', () => solid(96, 64, RED).png({ palette: true }), [1, -1, -1]],
  ])('%s becomes RGB', async (_name, image, expected) => {
    expect(pixel(await letterbox(await image().toBuffer(), SIZE), 48, 32)).toEqual(expected);
  });

  test('CMYK becomes RGB', async () => {
    const jpeg = await solid(96, 64, RED).toColourspace('cmyk').jpeg().toBuffer();
    expect((await sharp(jpeg).metadata()).space).toBe('cmyk');
    const [red, green, blue] = pixel(await letterbox(jpeg, SIZE), 48, 32);
    expect(red).toBeGreaterThan(0.7);
    expect(green).toBeLessThan(-0.5);
    expect(blue).toBeLessThan(-0.5);
  });
});

describe('readReferenceImage refuses, naming field and file', () => {
  async function message(file: string, bytes?: Uint8Array | Promise<Uint8Array>, sha256?: string): Promise<string> {
    if (bytes) writeFileSync(path.join(folder, file), await bytes);
    const read = readReferenceImage(folder, { file, sha256 }, 'reference_set.images[1]', SIZE);
    return read.then(
      () => 'accepted',
      (error: Error) => error.message,
    );
  }

  test('a missing file', async () => {
    expect(await message('none.png')).toBe(
      'reference_set.images[1].file must be a file beside job.json, got none.png (ENOENT).',
    );
  });

  test('an empty file and a text', async () => {
    expect(await message('empty.png', Buffer.alloc(0))).toMatch(
      /^reference_set\.images\[1\]\.file must be a PNG, JPEG or WebP image, got empty\.png \(.+\)\.$/,
    );
    expect(await message('text.png', Buffer.from('hello'))).toMatch(
      /^reference_set\.images\[1\]\.file must be a PNG, JPEG or WebP image, got text\.png \(.+\)\.$/,
    );
  });

  test('another image format, whatever its name', async () => {
    expect(await message('a.png', solid(96, 64, RED).gif().toBuffer())).toContain('got a.png (gif).');
    expect(
      await message('b.png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>')),
    ).toContain('got b.png (svg).');
  });

  test.each(['png', 'jpeg', 'webp'] as const)('a truncated %s', async (format) => {
    const noisy = sharp(Buffer.from(Array.from({ length: 3 * 128 * 128 }, (_, at) => (at * at) % 251)), {
      raw: { width: 128, height: 128, channels: 3 },
    });
    const whole = await noisy.toFormat(format).toBuffer();
    expect(await message(`whole.${format}`, Promise.resolve(whole))).toBe('accepted');
    expect(await message(`cut.${format}`, Promise.resolve(whole.subarray(0, whole.length / 2)))).toMatch(
      new RegExp(
        `^reference_set\\.images\\[1\\]\\.file must be a (complete|PNG, JPEG or WebP) image, got cut\\.${format} \\(.+\\)\\.$`,
      ),
    );
  });

  test('an animated WebP and an animated PNG', async () => {
    const animated = await sharp(
      [await solid(64, 64, RED).png().toBuffer(), await solid(64, 64, 'white').png().toBuffer()],
      {
        join: { animated: true },
      },
    )
      .webp({ loop: 0 })
      .toBuffer();
    expect(await message('a.webp', Promise.resolve(animated))).toContain(
      'must be a still image, got a.webp (animated).',
    );
    expect(await message('a.png', asAnimatedPng(await solid(64, 64, RED).png().toBuffer()))).toContain(
      'must be a still image, got a.png (animated).',
    );
  });

  test('an image of one pixel, and one that is too narrow once upright', async () => {
    expect(await message('dot.png', solid(1, 1, RED).png().toBuffer())).toBe(
      'reference_set.images[1].file must be at least 64 pixels wide and high, got dot.png (1 x 1).',
    );
    const turned = solid(100, 40, RED).jpeg().withMetadata({ orientation: 6 }).toBuffer();
    expect(await message('thin.jpg', turned)).toContain('got thin.jpg (40 x 100).');
  });

  test('a decompression bomb, before decoding it', async () => {
    const bomb = solid(9000, 9000, 'white').png({ compressionLevel: 9 }).toBuffer();
    expect(await message('bomb.png', bomb)).toContain('must be at most 64000000 pixels, got bomb.png (9000 x 9000).');
  });

  test('bytes that are not those whose sha256 job.json states', async () => {
    const bytes = await solid(64, 64, RED).png().toBuffer();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await message('sum.png', Promise.resolve(bytes), sha256)).toBe('accepted');
    expect(await message('sum.png', undefined, '0'.repeat(64))).toBe(
      `reference_set.images[1].sha256 must be that of sum.png (${sha256}), got ${'0'.repeat(64)}.`,
    );
  });
});

/** Puts an acTL chunk (two frames) behind the header chunk; the checksum is not looked at. */
function asAnimatedPng(png: Buffer): Buffer {
  const headerEnd = 8 + 25;
  const chunk = Buffer.concat([
    Buffer.from([0, 0, 0, 8]),
    Buffer.from('acTL'),
    Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]),
    Buffer.alloc(4),
  ]);
  return Buffer.concat([png.subarray(0, headerEnd), chunk, png.subarray(headerEnd)]);
}

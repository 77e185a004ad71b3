import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { readImageFile, requireDecodes, requireImageHeader } from '../../faces/reference-image';

const FIELD = 'reference_set.images[0]';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-reference-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function solid(width: number, height: number) {
  return sharp({ create: { width, height, channels: 3, background: '#c08060' } });
}

/** Photos have noise: nothing in their data can be left out unseen. */
function noise(width: number, height: number) {
  const pixels = Uint8Array.from({ length: 3 * width * height }, (_, at) => ((at * 2654435761) >>> 13) & 255);
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

function messageOf(judged: Promise<unknown>): Promise<string> {
  return judged.then(
    () => 'accepted',
    (error: Error) => error.message,
  );
}

async function judge(bytes: Uint8Array, file = 'a.png'): Promise<string> {
  return messageOf(requireImageHeader(bytes, { file }, FIELD).then(() => requireDecodes(bytes, { file }, FIELD)));
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body) >>> 0, 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** An RGB PNG of 8 bits with the given chunks of image data and others before them. */
function png(width: number, height: number, data: Buffer, ...others: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    ...others,
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('bytes', () => {
  test.each(['png', 'jpeg', 'webp'] as const)('a %s passes, also at an offset of a larger buffer', async (format) => {
    const bytes = await noise(100, 80).toFormat(format).toBuffer();
    expect(await judge(bytes)).toBe('accepted');
    const within = Buffer.concat([Buffer.alloc(7), bytes]).subarray(7);
    expect(await requireImageHeader(new Uint8Array(within), { file: 'a' }, FIELD)).toEqual({ width: 100, height: 80 });
  });

  test.each(['png', 'jpeg', 'webp'] as const)('a %s whose last rows are missing does not', async (format) => {
    const bytes = await noise(640, 480).toFormat(format).toBuffer();
    for (const kept of [0.5, 0.9, 0.97]) {
      expect(await judge(bytes.subarray(0, bytes.length * kept))).toMatch(
        /(complete|PNG, JPEG or WebP) image, got a\.png/,
      );
    }
  });

  test.each<[string, string]>([
    ['<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>', 'svg'],
    [
      '<?xml version="1.0"?><!-- a portrait -->\n<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90">' +
        '<image href="http://169.254.169.254/latest/meta-data" width="90" height="90"/></svg>',
      'svg',
    ],
    ['<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>', 'svg'],
    ['GIF89a', 'gif'],
    ['II*\0\b\0\0\0', 'tiff'],
    ['MM\0*\0\0\0\b', 'tiff'],
    ['\0\0\0\x18ftypheic', 'heif'],
    ['%PDF-1.7', 'pdf'],
    ['<html>', 'contains unsupported image format'],
    ['RIFF\0\0\0\0WAVE', 'contains unsupported image format'],
  ])('%j is never given to a decoder', async (text, found) => {
    const metadata = jest.spyOn(sharp.prototype, 'metadata');
    expect(await judge(Buffer.from(text, 'latin1'))).toBe(
      `${FIELD}.file must be a PNG, JPEG or WebP image, got a.png (${found}).`,
    );
    expect(metadata).not.toHaveBeenCalled();
    metadata.mockRestore();
  });

  test('a signature with nothing behind it', async () => {
    for (const text of ['\x89PNG\r\n\x1a\n', '\xff\xd8\xff', 'RIFF\0\0\0\0WEBP']) {
      expect(await judge(Buffer.from(text, 'latin1'))).toMatch(
        /must be a PNG, JPEG or WebP image, got a\.png \(.+\)\.$/,
      );
    }
  });
});

describe('bombs cost little memory', () => {
  let smallMiB: number | null = null;

  /** Peak memory (MiB) of a process that judges the file, over that of one that judges a small image. */
  function extraMemoryMiB(bomb: Buffer, times = 1): { message: string; extraMiB: number } {
    const script = `
      const { readFileSync } = require('node:fs');
      require('./bin/typescript');
      const { peakMemoryBytes } = require(${JSON.stringify(path.resolve('gpu-worker/peak-memory'))});
      const { requireDecodes, requireImageHeader } = require(${JSON.stringify(path.resolve('faces/reference-image'))});
      const bytes = readFileSync(0);
      const image = { file: 'a.png' };
      const judge = async () => {
        await requireImageHeader(bytes, image, 'image');
        for (let i = 0; i < ${times}; i++) await requireDecodes(bytes, image, 'image');
      };
      judge().then(() => 'accepted', (error) => error.message).then((message) => console.log(JSON.stringify({ message, peakMiB: peakMemoryBytes() / 2 ** 20 })));
    `;
    const measure = (input: Buffer): { message: string; peakMiB: number } =>
      JSON.parse(execFileSync(process.execPath, ['-e', script], { input, encoding: 'utf8' }));
    if (smallMiB === null) {
      const small = measure(png(64, 64, deflateSync(Buffer.alloc(64 * (1 + 3 * 64)))));
      expect(small.message).toBe('accepted');
      smallMiB = small.peakMiB;
    }
    const { message, peakMiB } = measure(bomb);
    return { message, extraMiB: peakMiB - smallMiB };
  }

  test('far more data than the header says', () => {
    const bomb = png(64, 64, deflateSync(Buffer.alloc(512 * 1024 * 1024), { level: 9 }));
    const { message, extraMiB } = extraMemoryMiB(bomb);
    expect(message).toMatch(/^(accepted|image\.file must be a complete image)/);
    expect(extraMiB).toBeLessThan(100);
  });

  test('far more pixels than a photo has', () => {
    const bomb = png(60_000, 60_000, deflateSync(Buffer.alloc(1024)));
    const { message, extraMiB } = extraMemoryMiB(bomb);
    expect(message).toBe('image.file must be at most 64000000 pixels, got a.png (60000 x 60000).');
    expect(extraMiB).toBeLessThan(100);
  });

  test('a compressed text that unfolds to half a gigabyte', () => {
    const text = Buffer.concat([Buffer.from('Comment\0\0'), deflateSync(Buffer.alloc(512 * 1024 * 1024, 'a'))]);
    const bomb = png(64, 64, deflateSync(Buffer.alloc(64 * (1 + 3 * 64))), chunk('zTXt', text));
    const { extraMiB } = extraMemoryMiB(bomb);
    expect(extraMiB).toBeLessThan(100);
  });

  test('progressive images one after the other, each of which is held as a whole while it is decoded', async () => {
    const image = await solid(4000, 4000).jpeg({ progressive: true, chromaSubsampling: '4:4:4' }).toBuffer();
    const { message, extraMiB } = extraMemoryMiB(image, 4);
    expect(message).toBe('accepted');
    // 92 MiB of coefficients, once.
    expect(extraMiB).toBeLessThan(150);
  });

  test('the most pixels that are allowed, of one colour', () => {
    const data = deflateSync(Buffer.alloc(8000 * (1 + 3 * 8000)), { level: 9 });
    const { message, extraMiB } = extraMemoryMiB(png(8000, 8000, data));
    expect(message).toBe('accepted');
    // 183 MiB if all of it were held at once.
    expect(extraMiB).toBeLessThan(120);
  });
});

describe('files', () => {
  async function read(file: string): Promise<string> {
    return messageOf(readImageFile(folder, { file }, FIELD));
  }

  test('a file is read', async () => {
    writeFileSync(path.join(folder, 'a.png'), await solid(64, 64).png().toBuffer());
    expect(await read('a.png')).toBe('accepted');
  });

  test('a symbolic link is not followed, wherever it leads', async () => {
    writeFileSync(path.join(folder, 'real.png'), await solid(64, 64).png().toBuffer());
    for (const [name, target] of [
      ['inside.png', 'real.png'],
      ['outside.png', '/etc/passwd'],
      ['nowhere.png', 'none.png'],
    ] as const) {
      symlinkSync(target, path.join(folder, name));
      expect(await read(name)).toBe(`${FIELD}.file must be a plain file, got ${name} (symbolic link).`);
    }
  });

  test('a pipe is not waited for', async () => {
    execFileSync('mkfifo', [path.join(folder, 'pipe.png')]);
    expect(await read('pipe.png')).toBe(`${FIELD}.file must be a plain file, got pipe.png (not a file).`);
  });

  test('a file of too many bytes is not read', async () => {
    writeFileSync(path.join(folder, 'large.png'), Buffer.alloc(33 * 1024 * 1024));
    expect(await read('large.png')).toContain('must be at most 33554432 bytes, got large.png (34603008 bytes).');
  });
});

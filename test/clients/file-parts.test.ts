import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cutFile, partBytes } from '../../clients/file-parts';

const MIB = 1024 * 1024;

test.each([
  [0, 8 * MIB],
  [80_000 * MIB, 8 * MIB],
  [80_000 * MIB + 1, 9 * MIB],
  [5 * 1024 * 1024 * MIB, 525 * MIB], // 5 TiB, the most that an object has
])('a file of %d bytes has parts of %d', (size, expected) => {
  expect(partBytes(size)).toBe(expected);
  expect(Math.ceil(size / partBytes(size))).toBeLessThanOrEqual(10_000);
});

test('parts follow each other, and every hash is that of what it names', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-parts-'));
  const file = path.join(folder, 'file');
  const content = randomBytes(16 * MIB + 3);
  writeFileSync(file, content);
  const read: number[] = [];
  const cut = await cutFile(file, { onRead: (bytes) => read.push(bytes) });
  expect(cut).toMatchObject({ file, size: content.length, sha256: createHash('sha256').update(content).digest('hex') });
  expect(cut.parts.map(({ number, start, size }) => [number, start, size])).toEqual([
    [1, 0, 8 * MIB],
    [2, 8 * MIB, 8 * MIB],
    [3, 16 * MIB, 3],
  ]);
  for (const { start, size, sha256 } of cut.parts) {
    const part = content.subarray(start, start + size);
    expect(sha256).toBe(createHash('sha256').update(part).digest('base64'));
  }
  expect(read).toEqual([8 * MIB, 8 * MIB, 3]);
  rmSync(folder, { recursive: true });
});

test('stops where it is told to', async () => {
  const stop = new AbortController();
  const reading = cutFile(__filename, { signal: AbortSignal.abort(new Error('stopped')) });
  await expect(reading).rejects.toThrow('stopped');
  stop.abort();
});

/** What every implementation of LargeFiles promises. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cutFile } from '../../clients/file-parts';
import type { LargeFiles } from '../../clients/large-files';
import type { ObjectStore } from '../../clients/object-store';

export interface LargeFilesHarness {
  readonly files: LargeFiles;
  /** The same bucket. */
  readonly store: Pick<ObjectStore, 'get' | 'put' | 'head'>;
  close(): Promise<void>;
}

/** Three parts and a bit of a fourth. */
export const LARGE_BYTES = 25 * 1024 * 1024 + 5;

type LargeFilesCapability = 'parts' | 'checksums';

/** @param options.without what this one cannot, so that it is no test there. */
export function describeLargeFiles(
  name: string,
  open: () => Promise<LargeFilesHarness>,
  { without = [] }: { readonly without?: readonly LargeFilesCapability[] } = {},
): void {
  const sizes: [name: string, size: number][] = [
    ['empty', 0],
    ['small', 1000],
    ['of exactly one part', 8 * 1024 * 1024],
  ];
  if (!without.includes('parts')) sizes.push(['of several parts', LARGE_BYTES]);

  describe(`large files: ${name}`, () => {
    let folder: string;
    let harness: LargeFilesHarness;
    beforeAll(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'mv2id-large-'));
      harness = await open();
    });
    afterAll(async () => {
      await harness.close();
      rmSync(folder, { recursive: true });
    });

    function write(name: string, content: Buffer): string {
      const file = path.join(folder, name);
      writeFileSync(file, content);
      return file;
    }

    test.each(sizes)('a file that is %s arrives as it is', async (name, size) => {
      const content = randomBytes(size);
      const file = await cutFile(write(name, content));
      const arrived: number[] = [];
      await harness.files.send(`m/${name}`, file, { onArrived: (bytes) => arrived.push(bytes) });
      const found = await harness.store.get(`m/${name}`);
      expect(hashOf(found!.body)).toBe(hashOf(content));
      expect(arrived.reduce((sum, bytes) => sum + bytes, 0)).toBe(size);
    });

    if (!without.includes('checksums')) {
      test('an object is known by its content, however many parts it has', async () => {
        const content = randomBytes(LARGE_BYTES);
        const file = await cutFile(write('held', content));
        expect(await harness.files.holds('h/held', file)).toBe(false);
        await harness.files.send('h/held', file);
        expect(await harness.files.holds('h/held', file)).toBe(true);
        content[LARGE_BYTES - 1]! ^= 1;
        expect(await harness.files.holds('h/held', await cutFile(write('other', content)))).toBe(false);
        const small = await cutFile(write('small-held', Buffer.from('small')));
        await harness.files.send('h/small', small);
        expect(await harness.files.holds('h/small', small)).toBe(true);
        expect(await harness.files.holds('h/small', await cutFile(write('shorter', Buffer.from('smal'))))).toBe(false);
      });
    }

    test('a range is read where the object has one', async () => {
      await harness.store.put('r/object', 'abcdefghij');
      const read = async (start: number, length: number) => {
        const bytes = await harness.files.readRange('r/object', start, length);
        return Buffer.from(bytes!).toString();
      };
      expect(await read(0, 3)).toBe('abc');
      expect(await read(4, 3)).toBe('efg');
      expect(await read(8, 30)).toBe('ij');
      expect(await read(10, 5)).toBe('');
      expect(await harness.files.readRange('r/nothing', 0, 5)).toBeNull();
    });

    test('what was stopped before it began leaves nothing', async () => {
      const stop = new AbortController();
      stop.abort(new Error('stopped'));
      for (const size of [10, LARGE_BYTES]) {
        const file = await cutFile(write(`stopped-${size}`, randomBytes(size)));
        await expect(harness.files.send(`s/${size}`, file, { signal: stop.signal })).rejects.toThrow('stopped');
        expect(await harness.store.head(`s/${size}`)).toBeNull();
      }
    });
  });
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

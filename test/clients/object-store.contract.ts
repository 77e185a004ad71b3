/** What every object store promises, whichever it is: run against the folder and against S3. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ObjectStore, ObjectTooLarge, PreconditionFailed } from '../../clients/object-store';

/** What an emulator may lack; whoever runs the suite names it, and the tests of it are left out. */
export type ObjectStoreCapability =
  | 'conditional-writes'
  /** Of several conditional writers at the same moment exactly one wins. */
  | 'concurrent-conditional-writes'
  /** A key may be another key's folder: `a` and `a/b`. */
  | 'key-below-a-key'
  /** Listings in the order of the keys' UTF-8 bytes beyond ASCII. */
  | 'byte-order';

export interface ObjectStoreHarness {
  /** An empty bucket. */
  readonly store: ObjectStore;
  /** The same bucket as another process has it. */
  readonly other: ObjectStore;
  close(): Promise<void>;
}

export interface ObjectStoreSuiteOptions {
  readonly without?: readonly ObjectStoreCapability[];
}

const ODD_KEYS = [
  'sets/anna/my set/left side.png',
  'sets/anna/a+b/1+1=2.png',
  'sets/anna/percent/100%25.png',
  'sets/anna/punctuation/(a) & b; c = d, @e #1 $2 !~*\'".png',
  'sets/anna/ünïcödé/été.png',
  'sets/anna/日本語/顔.png',
  'sets/anna/emoji/😀.png',
  'sets/anna/dots/..a..b.png',
];

/** Neighbours of the slash, and two letters whose order in UTF-16 is the other one. */
const KEYS_IN_BYTE_ORDER = ['o/a b', 'o/a+b', 'o/a.txt', 'o/a/b', 'o/a0', 'o/b', 'o/é', 'o/\uff9e', 'o/😀'];

export function describeObjectStore(
  name: string,
  open: () => Promise<ObjectStoreHarness>,
  options: ObjectStoreSuiteOptions = {},
): void {
  describe(`object store: ${name}`, () => {
    let harness: ObjectStoreHarness;
    let store: ObjectStore;
    let folder: string;

    beforeEach(async () => {
      harness = await open();
      store = harness.store;
      folder = mkdtempSync(path.join(tmpdir(), 'mv2id-objects-'));
    });
    afterEach(async () => {
      await harness.close();
      rmSync(folder, { recursive: true });
    });

    function testWith(capability: ObjectStoreCapability, title: string, run: () => Promise<void>): void {
      if (!options.without?.includes(capability)) test(title, run);
    }

    test('what was put is there, for every reader, at once', async () => {
      const before = Date.now();
      const info = await store.put('jobs/1/job.json', '{"größe":1}', { contentType: 'application/json' });
      expect(info).toMatchObject({ key: 'jobs/1/job.json', size: 13, etag: expect.stringMatching(/^[^"]+$/) });
      for (const reader of [store, harness.other]) {
        const object = await reader.get('jobs/1/job.json');
        expect(text(object?.body)).toBe('{"größe":1}');
        expect(object).toMatchObject({ key: 'jobs/1/job.json', size: 13, etag: info.etag });
        expect(await reader.head('jobs/1/job.json')).toMatchObject({ size: 13, etag: info.etag });
        expect(Math.abs((object?.lastModified.getTime() ?? 0) - before)).toBeLessThan(60_000);
      }
    });

    test('bytes of every value come back, from memory and from a file', async () => {
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) % 256);
      const file = path.join(folder, 'source');
      writeFileSync(file, bytes);
      await store.put('memory', bytes);
      await store.put('file', { file });
      await store.put('nothing', new Uint8Array());
      expect(Buffer.from((await store.get('memory'))?.body ?? []).equals(bytes)).toBe(true);
      expect(Buffer.from((await store.get('file'))?.body ?? []).equals(bytes)).toBe(true);
      expect((await store.get('nothing'))?.body.length).toBe(0);
    });

    test('what is not there is null, and may be deleted all the same', async () => {
      expect(await store.get('no/such/key')).toBeNull();
      expect(await store.head('no/such/key')).toBeNull();
      expect(await store.download('no/such/key', path.join(folder, 'file'))).toBeNull();
      expect(readdirSync(folder)).toEqual([]);
      await store.delete('no/such/key');
    });

    test('a later write replaces an earlier one and has another etag; the same content may have the same', async () => {
      const first = await store.put('key', 'one');
      const second = await store.put('key', 'two');
      expect(second.etag).not.toBe(first.etag);
      expect(text((await harness.other.get('key'))?.body)).toBe('two');
      expect((await store.head('key'))?.etag).toBe(second.etag);
    });

    test('what was deleted is gone, for every reader', async () => {
      await store.put('a/b/c', 'x');
      await harness.other.delete('a/b/c');
      expect(await store.get('a/b/c')).toBeNull();
      expect(await keys(store, '')).toEqual([]);
    });

    test('an object larger than the limit is not read', async () => {
      await store.put('large', new Uint8Array(11));
      await expect(store.get('large', { maxBytes: 10 })).rejects.toThrow(ObjectTooLarge);
      expect((await store.get('large', { maxBytes: 11 }))?.size).toBe(11);
    });

    test('a download is the whole object, and replaces what was there', async () => {
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
      const put = await store.put('video', bytes);
      const file = path.join(folder, 'video.mp4');
      writeFileSync(file, 'old');
      expect(await store.download('video', file)).toMatchObject({ size: 300_000, etag: put.etag });
      expect(readFileSync(file).equals(bytes)).toBe(true);
      expect(readdirSync(folder)).toEqual(['video.mp4']);
    });

    test('a key may have spaces, plus signs, percent signs and any letters', async () => {
      for (const key of ODD_KEYS) await store.put(key, key);
      for (const key of ODD_KEYS) {
        expect(text((await store.get(key))?.body)).toBe(key);
        expect((await store.head(key))?.key).toBe(key);
        expect(await keys(store, key)).toEqual([key]);
      }
      expect([...(await keys(store, 'sets/'))].sort()).toEqual([...ODD_KEYS].sort());
      for (const key of ODD_KEYS) await store.delete(key);
      expect(await keys(store, '')).toEqual([]);
    });

    test('a listing has the objects under the prefix, which need not be a folder, and no other', async () => {
      for (const key of ['sets/anna/1/a', 'sets/anna/12/b', 'sets/anna/2/c', 'sets/ben/1/d', 'settings']) {
        await store.put(key, 'x');
      }
      expect(await keys(store, 'sets/anna/1')).toEqual(['sets/anna/1/a', 'sets/anna/12/b']);
      expect(await keys(store, 'sets/anna/1/')).toEqual(['sets/anna/1/a']);
      expect(await keys(store, 'set')).toHaveLength(5);
      expect(await keys(store, 'sets/clara/')).toEqual([]);
      expect(await keys(store, '')).toHaveLength(5);
    });

    test('a listing knows size, etag and time', async () => {
      const info = await store.put('a/b', 'four');
      for await (const listed of harness.other.list('')) {
        expect(listed).toMatchObject({ key: 'a/b', size: 4, etag: info.etag });
        expect(Number.isNaN(listed.lastModified.getTime())).toBe(false);
      }
    });

    testWith('byte-order', 'a listing is in the order of the UTF-8 bytes', async () => {
      for (const key of [...KEYS_IN_BYTE_ORDER].reverse()) await store.put(key, 'x');
      expect(await keys(store, 'o/')).toEqual(KEYS_IN_BYTE_ORDER);
    });

    test('a listing may begin behind a key, which need not be there', async () => {
      const wanted = ['l/a/1', 'l/a/2', 'l/b', 'l/c/1', 'l/c/2'];
      for (const key of wanted) await store.put(key, 'x');
      expect(await keys(store, 'l/', 'l/a/1')).toEqual(wanted.slice(1));
      expect(await keys(store, 'l/', 'l/a/15')).toEqual(wanted.slice(1));
      expect(await keys(store, 'l/', 'l/b/any')).toEqual(wanted.slice(3));
      expect(await keys(store, 'l/', 'l/c/2')).toEqual([]);
      expect(await keys(store, 'l/c', 'l/a/1')).toEqual(wanted.slice(3));
    });

    test('a listing goes on past 1,000 objects', async () => {
      const wanted = Array.from({ length: 1005 }, (_, i) => `many/${String(i % 7)}/${String(i).padStart(4, '0')}`);
      await inParallel(wanted, 16, async (key) => {
        await store.put(key, 'x');
      });
      expect(await keys(store, 'many/')).toEqual([...wanted].sort());
      let seen = 0;
      for await (const _ of store.list('many/')) if (++seen === 3) break;
      expect(seen).toBe(3);
    });

    testWith('conditional-writes', 'a write may demand that there is nothing yet', async () => {
      await store.put('once', 'first', { ifNoneMatch: '*' });
      const refused = store.put('once', 'second', { ifNoneMatch: '*' });
      await expect(refused).rejects.toThrow(PreconditionFailed);
      expect(text((await store.get('once'))?.body)).toBe('first');
      await store.delete('once');
      await store.put('once', 'third', { ifNoneMatch: '*' });
      expect(text((await store.get('once'))?.body)).toBe('third');
    });

    testWith('conditional-writes', 'a write may demand that nothing has changed', async () => {
      const first = await store.put('key', 'one');
      const second = await harness.other.put('key', 'two', { ifMatch: first.etag });
      await expect(store.put('key', 'three', { ifMatch: first.etag })).rejects.toThrow(PreconditionFailed);
      expect(text((await store.get('key'))?.body)).toBe('two');
      await store.put('key', 'four', { ifMatch: second.etag });
      expect(text((await store.get('key'))?.body)).toBe('four');
    });

    testWith('conditional-writes', 'a write that is based on an object that is gone is refused', async () => {
      const { etag } = await store.put('key', 'one');
      await store.delete('key');
      await expect(store.put('key', 'two', { ifMatch: etag })).rejects.toThrow(PreconditionFailed);
      expect(await store.get('key')).toBeNull();
    });

    testWith('concurrent-conditional-writes', 'of writers that all demand nothing, one wins', async () => {
      const outcomes = await race(20, (i) =>
        (i % 2 === 0 ? store : harness.other).put('claim', `writer ${i}`, { ifNoneMatch: '*' }),
      );
      expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
      expect(text((await store.get('claim'))?.body)).toBe(
        `writer ${outcomes.findIndex((outcome) => outcome !== null)}`,
      );
    });

    testWith('concurrent-conditional-writes', 'of writers that are based on one version, one wins', async () => {
      const { etag } = await store.put('counter', '0');
      const outcomes = await race(20, (i) =>
        (i % 2 === 0 ? store : harness.other).put('counter', `writer ${i}`, { ifMatch: etag }),
      );
      expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
      const winner = outcomes.findIndex((outcome) => outcome !== null);
      expect(text((await store.get('counter'))?.body)).toBe(`writer ${winner}`);
    });

    test('a reader never sees half an object', async () => {
      const contents = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
      await store.put('shared', contents[0] ?? '');
      let writing = true;
      const writer = inParallel([...contents, ...contents, ...contents], 1, async (content) => {
        await harness.other.put('shared', content);
      }).finally(() => {
        writing = false;
      });
      while (writing) expect(contents.includes(text((await store.get('shared'))?.body))).toBe(true);
      await writer;
    });

    test('what is erased is listed, and gone for every reader; the rest stays', async () => {
      for (const key of ['sets/anna/1/a', 'sets/anna/1/b', 'sets/anna/12/c', 'sets/ben/1/d'])
        await store.put(key, 'four');
      await store.put('sets/anna/1/a', 'written again');
      expect(await versionKeys(store, 'sets/anna/1/')).toEqual(['sets/anna/1/a', 'sets/anna/1/b']);
      const erased: string[] = [];
      for await (const { key, size } of harness.other.erase('sets/anna/1/')) {
        erased.push(key);
        expect(size).toBe(key === 'sets/anna/1/a' ? 13 : 4);
      }
      expect(erased.sort()).toEqual(['sets/anna/1/a', 'sets/anna/1/b']);
      expect(await versionKeys(store, 'sets/')).toEqual(['sets/anna/12/c', 'sets/ben/1/d']);
      expect(await store.get('sets/anna/1/a')).toBeNull();
    });

    test('what was written after a time is not erased up to it', async () => {
      await store.put('a/1', 'x');
      const times: Date[] = [];
      for await (const listed of store.listVersions('a/')) times.push(listed.lastModified);
      const lastModified = times[0]!;
      const before = new Date(lastModified.getTime() - 1);
      expect(await eraseAll(store, 'a/', before)).toEqual([]);
      expect(await eraseAll(store, 'a/', lastModified)).toEqual(['a/1']);
      expect(await eraseAll(store, 'a/', lastModified)).toEqual([]);
    });

    test('an erasure that is broken off has erased what it listed, and is taken up again', async () => {
      for (let i = 0; i < 5; i++) await store.put(`a/${i}`, 'x');
      for await (const _ of store.erase('a/')) break;
      const rest = await keys(store, 'a/');
      expect(rest.length).toBeLessThan(5);
      await eraseAll(store, 'a/');
      expect(await versionKeys(store, 'a/')).toEqual([]);
    });

    testWith('key-below-a-key', 'a key may lie below another', async () => {
      await store.put('a', '1');
      await store.put('a/b', '2');
      expect(await keys(store, '')).toEqual(['a', 'a/b']);
    });
  });
}

function text(body: Uint8Array | undefined): string {
  return Buffer.from(body ?? []).toString('utf8');
}

async function keys(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list(prefix, { after })) found.push(key);
  return found;
}

async function versionKeys(store: ObjectStore, prefix: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const { key } of store.listVersions(prefix)) found.add(key);
  return [...found].sort();
}

async function eraseAll(store: ObjectStore, prefix: string, until?: Date): Promise<string[]> {
  const erased: string[] = [];
  for await (const { key } of store.erase(prefix, until && { until })) erased.push(key);
  return erased;
}

/** Starts all of them at once. @returns what each got, null for those that met another version. */
async function race<T>(writers: number, write: (index: number) => Promise<T>): Promise<(T | null)[]> {
  return Promise.all(
    Array.from({ length: writers }, (_, i) =>
      write(i).catch((error: unknown) => {
        if (error instanceof PreconditionFailed) return null;
        throw error;
      }),
    ),
  );
}

async function inParallel<T>(items: readonly T[], width: number, run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) await run(items[next++] as T);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

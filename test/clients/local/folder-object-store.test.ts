import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { InvalidKey, KeyConflict, RESERVED_FOLDER } from '../../../clients/local/folder-key';
import { FolderObjectStore } from '../../../clients/local/folder-object-store';
import { LmdbStore } from '../../../clients/local/lmdb-store';
import { describeObjectStore } from '../object-store.contract';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

describeObjectStore(
  'a folder',
  async () => {
    const { folder, remove } = temporaryFolder();
    const locks = [new LmdbStore(path.join(folder, 'store')), new LmdbStore(path.join(folder, 'store'))];
    const bucket = path.join(folder, 'bucket');
    const [store, other] = await Promise.all(
      locks.map((lock) => FolderObjectStore.open(bucket, { exclusively: lock.change })),
    );
    if (!store || !other) throw new Error('two stores must be open');
    const close = async () => {
      for (const lock of locks) await lock.close();
      remove();
    };
    return { store, other, close };
  },
  { without: ['key-below-a-key'] },
);

describe('folder object store', () => {
  let temporary: TemporaryFolder;
  let bucket: string;
  let lock: LmdbStore;
  let store: FolderObjectStore;

  beforeEach(async () => {
    temporary = temporaryFolder();
    bucket = path.join(temporary.folder, 'bucket');
    lock = new LmdbStore(path.join(temporary.folder, 'store'));
    store = await FolderObjectStore.open(bucket, { exclusively: lock.change });
  });
  afterEach(async () => {
    await lock.close();
    temporary.remove();
  });

  async function keys(prefix = ''): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of store.list(prefix)) found.push(key);
    return found;
  }

  const OUTSIDE = [
    '../secret',
    'a/../../secret',
    '..',
    '.',
    './a',
    'a/./b',
    '/etc/passwd',
    'a//b',
    'a/',
    '',
    'a\0b',
    '..\\a',
  ];
  test.each([...OUTSIDE, `${RESERVED_FOLDER}/x`, 'x'.repeat(256), 'a/'.repeat(600), 'lone \ud800'])(
    'the key %j is refused with its name, whatever is done with it',
    async (key) => {
      writeFileSync(path.join(temporary.folder, 'secret'), 'secret');
      for (const use of [store.put(key, 'x'), store.get(key), store.head(key), store.delete(key)]) {
        await expect(use).rejects.toThrow(InvalidKey);
      }
      await expect(store.download(key, path.join(temporary.folder, 'file'))).rejects.toThrow(InvalidKey);
      expect(readFileSync(path.join(temporary.folder, 'secret'), 'utf8')).toBe('secret');
      expect(await keys()).toEqual([]);
    },
  );

  test('a prefix that leads out of the folder is refused', async () => {
    await expect(keys('../')).rejects.toThrow(InvalidKey);
    await expect(keys('a/../../b')).rejects.toThrow(InvalidKey);
  });

  test('what lies behind a symbolic link is not there', async () => {
    const outside = path.join(temporary.folder, 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'secret'), 'secret');
    mkdirSync(path.join(bucket, 'set'));
    symlinkSync(path.join(outside, 'secret'), path.join(bucket, 'set', 'image.png'));
    symlinkSync(outside, path.join(bucket, 'linked'));
    symlinkSync(path.join(bucket, 'set'), path.join(bucket, 'inside'));
    for (const key of ['set/image.png', 'linked/secret']) {
      expect(await store.get(key)).toBeNull();
      expect(await store.head(key)).toBeNull();
      expect(await store.download(key, path.join(temporary.folder, 'copy'))).toBeNull();
    }
    expect(await keys()).toEqual([]);
    expect(await keys('linked/')).toEqual([]);
    await store.delete('linked/secret');
    await expect(store.put('linked/new', 'x')).rejects.toThrow(InvalidKey);
    expect(readdirSync(outside)).toEqual(['secret']);
    await store.put('set/image.png', 'a file of its own');
    expect(readFileSync(path.join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(await keys()).toEqual(['set/image.png']);
  });

  test("an object cannot be another one's folder", async () => {
    await store.put('a', 'x');
    await expect(store.put('a/b', 'y')).rejects.toThrow(KeyConflict);
    await expect(store.put('a/b/c', 'y')).rejects.toThrow('a/b/c must be neither below another key');
    expect(await store.get('a/b')).toBeNull();
    await store.put('c/d/e', 'x');
    await expect(store.put('c/d', 'y')).rejects.toThrow(KeyConflict);
    expect(await store.get('c/d')).toBeNull();
    await store.delete('c/d/e');
    await store.put('c', 'now it can');
    expect(await keys()).toEqual(['a', 'c']);
  });

  test("a folder that somebody made is nothing, and in nobody's way", async () => {
    mkdirSync(path.join(bucket, 'empty'));
    expect(await keys()).toEqual([]);
    await store.put('empty', 'x');
    expect(await keys()).toEqual(['empty']);
  });

  test('deleting the last object of a folder leaves no folder', async () => {
    await store.put('a/b/c', 'x');
    await store.put('a/d', 'x');
    await store.delete('a/b/c');
    expect(existsSync(path.join(bucket, 'a/b'))).toBe(false);
    await store.delete('a/d');
    expect(readdirSync(bucket)).toEqual([RESERVED_FOLDER]);
  });

  test('files that people put there are objects, and their changes show', async () => {
    mkdirSync(path.join(bucket, 'sets/anna'), { recursive: true });
    const file = path.join(bucket, 'sets/anna/left.png');
    writeFileSync(file, 'one');
    const first = await store.head('sets/anna/left.png');
    writeFileSync(file, 'two');
    const second = await store.head('sets/anna/left.png');
    expect(second?.etag).not.toBe(first?.etag);
    const longAgo = new Date('2020-01-01T00:00:00Z');
    utimesSync(file, longAgo, longAgo);
    const third = await store.head('sets/anna/left.png');
    expect(third).toMatchObject({ etag: second?.etag, lastModified: longAgo });
    expect((await store.head('sets/anna/left.png'))?.etag).toBe(second?.etag);
  });

  test('a large file has an etag that changes with it, and is not read for it', async () => {
    const file = path.join(bucket, 'weights');
    writeFileSync(file, 'x');
    truncateSync(file, 2 ** 40); // a terabyte of holes
    const first = await store.head('weights');
    expect(first?.size).toBe(2 ** 40);
    await expect(store.get('weights', { maxBytes: 100 })).rejects.toThrow('weights must be at most 100 bytes');
    const later = new Date(Date.now() + 60_000);
    utimesSync(file, later, later);
    expect((await store.head('weights'))?.etag).not.toBe(first?.etag);
  });

  test('objects that are being written do not show, and what a killed process left is removed after an hour', async () => {
    const partial = path.join(bucket, RESERVED_FOLDER);
    writeFileSync(path.join(partial, 'fresh'), 'half');
    writeFileSync(path.join(partial, 'old'), 'half');
    const twoHoursAgo = new Date(Date.now() - 2 * 3600_000);
    utimesSync(path.join(partial, 'old'), twoHoursAgo, twoHoursAgo);
    expect(await keys()).toEqual([]);
    await FolderObjectStore.open(bucket, { exclusively: lock.change });
    expect(readdirSync(partial)).toEqual(['fresh']);
  });

  test('a write that fails leaves nothing', async () => {
    await expect(store.put('a/b', { file: path.join(temporary.folder, 'missing') })).rejects.toThrow('ENOENT');
    expect(readdirSync(bucket)).toEqual([RESERVED_FOLDER]);
    expect(readdirSync(path.join(bucket, RESERVED_FOLDER))).toEqual([]);
  });

  test('without anybody to serve it there is no link', async () => {
    await store.put('a', 'x');
    expect(await store.presign('a', 60)).toBeNull();
  });
});

/** The watcher over a real folder and the real bucket, queue and marks. */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { FolderObjectStore } from '../../clients/local/folder-object-store';
import type { LocalHome } from '../../clients/local/home';
import { LmdbJobQueue } from '../../clients/local/lmdb-job-queue';
import type { LmdbStore } from '../../clients/local/lmdb-store';
import { UploadMarks } from '../../clients/local/upload-marks';
import { type UploadEvent, UploadEventSchema } from '../../contract/events';
import { MAX_MANIFEST_BYTES } from '../../contract/limits';
import { UploadWatcher, type UploadWatcherOptions } from '../../local/upload-watcher';
import { openStore, temporaryHome, until } from './home';

const KEY = 'sets/studio/ada/job.json';
const watchers: UploadWatcher[] = [];

afterEach(async () => {
  await Promise.all(watchers.splice(0).map((watcher) => watcher.stop()));
});

class Uploads {
  readonly home: LocalHome = temporaryHome();
  readonly store: LmdbStore = openStore(this.home);
  readonly queue = new LmdbJobQueue(this.store, 'intake');
  readonly folder = this.home.bucket('uploads');

  file(key: string): string {
    return path.join(this.folder, key);
  }

  write(key: string, text: string): void {
    mkdirSync(path.dirname(this.file(key)), { recursive: true });
    writeFileSync(this.file(key), text);
  }

  async watch(options: Partial<UploadWatcherOptions> = {}): Promise<UploadWatcher> {
    const watcher = new UploadWatcher({
      folder: this.folder,
      marks: new UploadMarks(this.store),
      queue: this.queue,
      settleMs: 60_000,
      onError: (error) => {
        throw error;
      },
      ...options,
    });
    watchers.push(watcher);
    await watcher.start();
    return watcher;
  }

  /** The next event; they stay in the queue for nobody else. */
  async next(): Promise<UploadEvent> {
    const [message] = await until(async () => {
      const messages = await this.queue.receive({ max: 1, visibilitySeconds: 600, waitSeconds: 1 });
      return messages.length > 0 && messages;
    });
    await this.queue.delete([message!.receipt]);
    return UploadEventSchema.parse(JSON.parse(message!.body));
  }

  async waiting(): Promise<number> {
    return (await this.queue.depth()).visible;
  }
}

const about = ({ 'detail-type': type, detail }: UploadEvent) => [type, detail.object.key];

test('a job.json written, written over and deleted', async () => {
  const uploads = new Uploads();
  await uploads.watch();
  const before = Date.now();
  uploads.write(KEY, '{"a":1}');
  const created = await uploads.next();
  expect(created).toMatchObject({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: 'uploads' }, object: { key: KEY, size: 7 } },
  });
  expect(Math.abs(Date.parse(created.time) - before)).toBeLessThan(60_000);

  uploads.write(KEY, '{"a":22}');
  const overwritten = await uploads.next();
  expect(about(overwritten)).toEqual(['Object Created', KEY]);
  expect(overwritten.id).not.toBe(created.id);
  expect(overwritten.detail.object.sequencer! >= created.detail.object.sequencer!).toBe(true);

  unlinkSync(uploads.file(KEY));
  expect(about(await uploads.next())).toEqual(['Object Deleted', KEY]);
  expect(await uploads.waiting()).toBe(0);
});

test('what our own store puts and deletes is announced once, images not at all', async () => {
  const uploads = new Uploads();
  const bucket = await FolderObjectStore.open(uploads.folder, { exclusively: uploads.store.change });
  const watcher = await uploads.watch();
  await bucket.put('sets/studio/ada/front.png', 'not looked at');
  await bucket.put(KEY, '{}');
  expect(about(await uploads.next())).toEqual(['Object Created', KEY]);
  await bucket.delete(KEY);
  expect(about(await uploads.next())).toEqual(['Object Deleted', KEY]);
  await watcher.sync();
  expect(await uploads.waiting()).toBe(0);
});

test('every one of many sets that are uploaded at the same time', async () => {
  const uploads = new Uploads();
  const bucket = await FolderObjectStore.open(uploads.folder, { exclusively: uploads.store.change });
  await uploads.watch();
  const keys = Array.from({ length: 200 }, (_, i) => `sets/tenant-${i % 3}/set-${i}/job.json`);
  await Promise.all(keys.map((key) => bucket.put(key, '{}')));
  const seen = new Set<string>();
  while (seen.size < keys.length) seen.add((await uploads.next()).detail.object.key);
  expect([...seen].sort()).toEqual([...keys].sort());
});

test('a file that is still being written is announced when it is JSON', async () => {
  const uploads = new Uploads();
  await uploads.watch();
  uploads.write(KEY, '{"a":');
  uploads.write('sets/studio/other/job.json', '{}');
  expect(about(await uploads.next())).toEqual(['Object Created', 'sets/studio/other/job.json']);
  expect(await uploads.waiting()).toBe(0);
  appendFileSync(uploads.file(KEY), '1}');
  expect(await uploads.next()).toMatchObject({ detail: { object: { key: KEY, size: 7 } } });
});

test.each([
  ['no JSON', 'this is no JSON'],
  ['too large', `"${'x'.repeat(MAX_MANIFEST_BYTES)}"`],
  ['empty', ''],
])('a file that stays as it is, %s, is announced after a while', async (_, text) => {
  const uploads = new Uploads();
  await uploads.watch({ settleMs: 30 });
  uploads.write(KEY, text);
  expect(await uploads.next()).toMatchObject({ detail: { object: { key: KEY, size: text.length } } });
});

test('only a job.json in a set counts', async () => {
  const uploads = new Uploads();
  await uploads.watch();
  uploads.write('job.json', '{}');
  uploads.write('sets/job.json', '{}');
  uploads.write('sets/studio/job.json', '{}');
  uploads.write('sets/studio/ada/deeper/job.json', '{}');
  uploads.write('sets/studio/ada/job.json.bak', '{}');
  uploads.write('sets/STUDIO/ada/job.json', '{}');
  uploads.write('elsewhere/studio/ada/job.json', '{}');
  uploads.write(KEY, '{}');
  expect(about(await uploads.next())).toEqual(['Object Created', KEY]);
  expect(await uploads.waiting()).toBe(0);
});

test('behind a symbolic link is nothing', async () => {
  const uploads = new Uploads();
  const watcher = await uploads.watch();
  const outside = path.join(uploads.home.folder, 'outside');
  mkdirSync(outside);
  writeFileSync(path.join(outside, 'job.json'), '{}');
  mkdirSync(uploads.file('sets/studio/linked-file'), { recursive: true });
  symlinkSync(outside, uploads.file('sets/studio/linked-set'));
  symlinkSync(path.join(outside, 'job.json'), uploads.file('sets/studio/linked-file/job.json'));
  await watcher.sync();
  uploads.write(KEY, '{}');
  expect(about(await uploads.next())).toEqual(['Object Created', KEY]);
  expect(await uploads.waiting()).toBe(0);
});

describe('folders', () => {
  test('a set that is removed takes its job.json along', async () => {
    const uploads = new Uploads();
    await uploads.watch();
    uploads.write(KEY, '{}');
    await uploads.next();
    rmSync(uploads.file('sets/studio/ada'), { recursive: true });
    expect(about(await uploads.next())).toEqual(['Object Deleted', KEY]);
  });

  test.each(['sets/studio/ada', 'sets/studio'])('%s that is moved away does, too', async (folder) => {
    const uploads = new Uploads();
    await uploads.watch();
    uploads.write(KEY, '{}');
    await uploads.next();
    renameSync(uploads.file(folder), path.join(uploads.home.folder, 'away'));
    expect(about(await uploads.next())).toEqual(['Object Deleted', KEY]);
  });

  test('a set that is moved in is there, also in the place of another', async () => {
    const uploads = new Uploads();
    await uploads.watch();
    uploads.write(KEY, '{}');
    await uploads.next();
    const made = path.join(uploads.home.folder, 'made');
    mkdirSync(made);
    writeFileSync(path.join(made, 'job.json'), '{"made":"elsewhere"}');
    rmSync(uploads.file('sets/studio'), { recursive: true });
    mkdirSync(uploads.file('sets/studio'));
    renameSync(made, uploads.file('sets/studio/ada'));
    let last: UploadEvent;
    do last = await uploads.next();
    while (last['detail-type'] === 'Object Deleted');
    expect(last).toMatchObject({ 'detail-type': 'Object Created', detail: { object: { key: KEY, size: 20 } } });
    uploads.write(KEY, '{"still":"watched"}');
    expect(await uploads.next()).toMatchObject({ detail: { object: { key: KEY, size: 19 } } });
  });
});

describe('restart', () => {
  test('announces what was created, changed and deleted meanwhile, and nothing else', async () => {
    const uploads = new Uploads();
    const first = await uploads.watch();
    for (const set of ['stays', 'changes', 'goes']) {
      uploads.write(`sets/studio/${set}/job.json`, '{}');
      await uploads.next();
    }
    await first.stop();
    uploads.write('sets/studio/changes/job.json', '{"a":1}');
    uploads.write('sets/studio/comes/job.json', '{}');
    rmSync(uploads.file('sets/studio/goes'), { recursive: true });
    await uploads.watch();
    const events = [await uploads.next(), await uploads.next(), await uploads.next()].map(about);
    expect(events.sort()).toEqual([
      ['Object Created', 'sets/studio/changes/job.json'],
      ['Object Created', 'sets/studio/comes/job.json'],
      ['Object Deleted', 'sets/studio/goes/job.json'],
    ]);
    expect(await uploads.waiting()).toBe(0);
  });

  test('a copy that keeps its times is noticed', async () => {
    const uploads = new Uploads();
    const file = uploads.file(KEY);
    const keepTimes = () => utimesSync(file, 1_700_000_000, 1_700_000_000);
    uploads.write(KEY, '{"a":1}');
    keepTimes();
    const first = await uploads.watch();
    await uploads.next();
    await first.stop();
    writeFileSync(`${file}.copy`, '{"a":2}');
    copyFileSync(`${file}.copy`, file);
    keepTimes();
    await uploads.watch();
    expect(about(await uploads.next())).toEqual(['Object Created', KEY]);
  });

  test('an announcement that failed is made up for', async () => {
    const uploads = new Uploads();
    const errors: unknown[] = [];
    const watcher = await uploads.watch({ onError: (error) => errors.push(error) });
    const send = uploads.queue.send.bind(uploads.queue);
    uploads.queue.send = async () => {
      throw new Error('disk full');
    };
    uploads.write(KEY, '{}');
    await until(() => errors.length > 0);
    uploads.queue.send = send;
    await watcher.sync();
    expect(about(await uploads.next())).toEqual(['Object Created', KEY]);
    expect(errors[0]).toEqual(new Error('disk full'));
  });
});

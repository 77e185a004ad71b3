/** Models in a folder that several workers fill at once, and die in. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderObjectStore } from '../../clients/local/folder-object-store';
import { ModelError } from '../../gpu-worker/errors';
import { fetchModel, type ModelRequest } from '../../gpu-worker/model-cache';

const PROCESS = path.join(__dirname, 'fetch-model.ts');
const FILES = { 'model_index.json': '{}', 'vae/config.json': '{"z_dim": 4}', 'vae/weights.bin': 'x'.repeat(100_000) };

let folder: string;
let cases = 0;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-cache-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A bucket with a model `m` of these files, and an empty cache. */
async function setUp(files: Record<string, string> = FILES) {
  const bucketFolder = path.join(folder, `bucket-${++cases}`);
  const cacheFolder = path.join(folder, `cache-${cases}`);
  const store = await FolderObjectStore.open(bucketFolder, { exclusively: async (work) => work() });
  for (const [file, content] of Object.entries(files)) await store.put(`m/${file}`, content);
  const request: ModelRequest = { bucket: store, model: 'm', cacheFolder };
  return { store, request, bucketFolder, cacheFolder };
}

function contentsOf(dir: string): Record<string, string> {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = entries.map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)));
  return Object.fromEntries(files.sort().map((file) => [file, readFileSync(path.join(dir, file), 'utf8')]));
}

function withoutMarker(dir: string): Record<string, string> {
  const { '.mv2id-model.json': _, ...files } = contentsOf(dir);
  return files;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Starts a process that fetches; `lines` of its output are told as they come. */
function start(bucketFolder: string, cacheFolder: string, mode = '', onLine: (child: ChildProcess) => void = () => {}) {
  const child = spawn(
    process.execPath,
    ['--require', require.resolve('../../bin/typescript'), PROCESS, bucketFolder, 'm', cacheFolder, mode],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout?.on('data', (data: Buffer) => {
    output += data;
    onLine(child);
  });
  return new Promise<string>((resolve) => child.on('close', () => resolve(output)));
}

test('a model is downloaded once, and its hash is that of its contents', async () => {
  const { request } = await setUp();
  const download = jest.spyOn(request.bucket, 'download');
  const model = await fetchModel(request);
  expect(withoutMarker(model.dir)).toEqual(FILES);
  expect(await fetchModel(request)).toEqual(model);
  expect(download).toHaveBeenCalledTimes(3);
  const same = await setUp();
  expect((await fetchModel(same.request)).sha256).toBe(model.sha256);
  const other = await setUp({ ...FILES, 'vae/config.json': '{"z_dim": 5}' });
  expect((await fetchModel(other.request)).sha256).not.toBe(model.sha256);
});

test('a model that changes becomes another directory; the old one stays for who reads it', async () => {
  const { store, request } = await setUp();
  const before = await fetchModel(request);
  await store.put('m/vae/config.json', '{"z_dim": 8}');
  const after = await fetchModel(request);
  expect(after.dir).not.toBe(before.dir);
  expect(withoutMarker(before.dir)).toEqual(FILES);
  expect(withoutMarker(after.dir)['vae/config.json']).toBe('{"z_dim": 8}');
});

test('a model without its index is on its way, and nothing of it is downloaded', async () => {
  const { 'model_index.json': _, ...rest } = FILES;
  const { request, store } = await setUp(rest);
  const download = jest.spyOn(request.bucket, 'download');
  await expect(fetchModel(request)).rejects.toThrow(
    new ModelError('m must be whole in the models bucket, got no model_index.json.'),
  );
  expect(download).not.toHaveBeenCalled();
  await store.put('m/model_index.json', '{}');
  await fetchModel(request);
});

test('two processes at once end in one whole directory', async () => {
  const { bucketFolder, cacheFolder } = await setUp();
  const outputs = await Promise.all([start(bucketFolder, cacheFolder), start(bucketFolder, cacheFolder)]);
  const [first, second] = outputs.map((output) => JSON.parse(output.trim().split('\n').at(-1)!));
  expect(first).toEqual(second);
  expect(withoutMarker(first.dir)).toEqual(FILES);
  expect(readdirSync(path.join(cacheFolder, 'm'))).toEqual([path.basename(first.dir)]);
  // One of them waited: each file came once.
  expect(outputs.join('').match(/downloaded/g)).toHaveLength(3);
});

test('two that both hold the lock do not disturb each other', async () => {
  const { request, cacheFolder } = await setUp();
  const { bucket } = request;
  let both = 0;
  let release = () => {};
  const together = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = {
    list: (prefix: string) => bucket.list(prefix),
    async download(key: string, file: string) {
      if (++both === 1) {
        // As if this process had been silent for long.
        for (const name of readdirSync(path.join(cacheFolder, 'm'))) {
          if (name.endsWith('.lock')) utimesSync(path.join(cacheFolder, 'm', name), 0, 0);
        }
      }
      if (both === 2) release();
      await together;
      return bucket.download(key, file);
    },
  };
  const [first, second] = await Promise.all([
    fetchModel({ ...request, bucket: slow }),
    fetchModel({ ...request, bucket: slow }),
  ]);
  expect(both).toBe(6);
  expect(first).toEqual(second);
  expect(withoutMarker(first.dir)).toEqual(FILES);
});

test('the half-finished download of a killed process is no model, and is removed later', async () => {
  const { request, bucketFolder, cacheFolder } = await setUp();
  await start(bucketFolder, cacheFolder, 'hang', (child) => child.kill('SIGKILL'));
  const left = readdirSync(path.join(cacheFolder, 'm'));
  expect(left.map((name) => name.replace(/[0-9a-f-]{32,}/, '*')).sort()).toEqual(['*.lock', '.partial*']);

  // Its lock is void at once, because its process is dead; the folder only when it has been silent for long.
  const model = await fetchModel(request);
  expect(withoutMarker(model.dir)).toEqual(FILES);
  expect(readdirSync(path.join(cacheFolder, 'm'))).toHaveLength(2);
  await fetchModel({ ...request, now: () => new Date(Date.now() + 120_000) });
  expect(readdirSync(path.join(cacheFolder, 'm'))).toEqual([path.basename(model.dir)]);
});

test('the lock of a worker on another host is void when nobody has touched it for a minute', async () => {
  const { request, cacheFolder } = await setUp();
  const { dir } = await fetchModel(request);
  rmSync(dir, { recursive: true });
  writeFileSync(`${dir}.lock`, 'another-host 1');
  const later = () => new Date(Date.now() + 61_000);
  expect((await fetchModel({ ...request, now: later })).dir).toBe(dir);
  expect(readdirSync(path.join(cacheFolder, 'm'))).toEqual([path.basename(dir)]);
});

test.each([
  ['a file is cut', (dir: string) => truncateSync(path.join(dir, 'vae/weights.bin'), 10)],
  ['a file is gone', (dir: string) => rmSync(path.join(dir, 'model_index.json'))],
  ['its marker is broken', (dir: string) => writeFileSync(path.join(dir, '.mv2id-model.json'), '{')],
])('a directory of which %s is made again', async (_, harm) => {
  const { request } = await setUp();
  const { dir } = await fetchModel(request);
  harm(dir);
  await fetchModel(request);
  expect(withoutMarker(dir)).toEqual(FILES);
});

test('every file is held against sha256.json', async () => {
  const hashes = Object.fromEntries(Object.entries(FILES).map(([file, content]) => [file, sha256(content)]));
  const good = await setUp({ ...FILES, 'sha256.json': JSON.stringify(hashes) });
  await expect(fetchModel(good.request)).resolves.toBeDefined();

  const refused = async (entries: Record<string, string> | string, message: string) => {
    const { request, cacheFolder } = await setUp({ ...FILES, 'sha256.json': JSON.stringify(entries) });
    await expect(fetchModel(request)).rejects.toThrow(new ModelError(message));
    expect(readdirSync(path.join(cacheFolder, 'm'))).toEqual([]);
  };
  const wrong = sha256('another');
  const config = hashes['vae/config.json']!;
  await refused(
    { ...hashes, 'vae/config.json': wrong },
    `m/vae/config.json must have the SHA-256 ${wrong}, got ${config}.`,
  );
  await refused({ ...hashes, 'unet/a.bin': wrong }, `m/unet/a.bin must have the SHA-256 ${wrong}, got no such file.`);
  const { 'vae/config.json': _, ...rest } = hashes;
  await refused(rest, 'm/vae/config.json must be named in sha256.json.');
  await refused('text', 'm/sha256.json must map paths to SHA-256 hashes.');
});

test('a model that changes while it is downloaded is listed again', async () => {
  const { store, request } = await setUp();
  let changes = 0;
  const bucket = {
    list: (prefix: string) => store.list(prefix),
    async download(key: string, file: string) {
      if (key === 'm/vae/config.json' && changes++ === 0) await store.put(key, '{"z_dim": 9}');
      return store.download(key, file);
    },
  };
  const { dir } = await fetchModel({ ...request, bucket });
  expect(withoutMarker(dir)['vae/config.json']).toBe('{"z_dim": 9}');
  const restless = {
    ...bucket,
    async download(key: string, file: string) {
      await store.put('m/vae/config.json', `{"z_dim": ${++changes}}`);
      return store.download(key, file);
    },
  };
  const elsewhere = path.join(folder, 'restless');
  await expect(fetchModel({ ...request, bucket: restless, cacheFolder: elsewhere })).rejects.toThrow(
    'm must stay as it is while it is downloaded.',
  );
});

test('a model that is not there, or whose files lead elsewhere, is refused', async () => {
  const { request } = await setUp({});
  await expect(fetchModel(request)).rejects.toThrow('model must be one in the models bucket, got "m".');
  for (const key of ['m/../evil', 'm/a//b', 'm/./a', 'm/a\\b', 'm/.mv2id-model.json']) {
    const bucket = {
      async *list() {
        yield { key, size: 1, etag: 'e', lastModified: new Date(0) };
      },
      download: request.bucket.download,
    };
    await expect(fetchModel({ ...request, bucket })).rejects.toThrow('must have a path inside the model');
  }
});

test('what consoles make to show a folder is no file', async () => {
  const { store, request } = await setUp();
  const bucket = {
    async *list(prefix: string) {
      yield { key: 'm/', size: 0, etag: 'e', lastModified: new Date(0) };
      yield* store.list(prefix);
    },
    download: (key: string, file: string) => store.download(key, file),
  };
  expect(withoutMarker((await fetchModel({ ...request, bucket })).dir)).toEqual(FILES);
});

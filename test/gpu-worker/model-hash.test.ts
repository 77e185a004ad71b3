/** The hash of a directory is the one that a worker's cache gives the same files from the bucket. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FolderObjectStore } from '../../clients/local/folder-object-store';
import { fetchModel } from '../../gpu-worker/model-cache';
import { hashModelDirectory } from '../../gpu-worker/model-hash';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-model-hash-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(file: string, text: string): void {
  const whole = path.join(folder, 'bucket', 'tiny', file);
  mkdirSync(path.dirname(whole), { recursive: true });
  writeFileSync(whole, text);
}

const hash = () => hashModelDirectory(path.join(folder, 'bucket', 'tiny'));

test('of a bucket and of a directory', async () => {
  for (const file of ['model_index.json', 'vae/config.json', 'vae0/config.json', 'vae.json', 'transformer/a b.json']) {
    write(file, `content of ${file}`);
  }
  const exclusively = async <T>(action: () => T) => action();
  const bucket = await FolderObjectStore.open(path.join(folder, 'bucket'), { exclusively });
  const fetched = await fetchModel({ bucket, model: 'tiny', cacheFolder: path.join(folder, 'cache') });
  expect(await hash()).toBe(fetched.sha256);
  // What the cache itself notes down in the directory is none of the model's.
  expect(await hashModelDirectory(fetched.dir)).toBe(fetched.sha256);
});

test('another content, name or file is another hash', async () => {
  const seen = new Set<string>();
  const changes: [string, string][] = [
    ['a', '1'],
    ['a', '2'],
    ['b', ''],
    ['b', '1'],
  ];
  for (const [file, text] of changes) {
    write(file, text);
    seen.add(await hash());
  }
  expect(seen.size).toBe(changes.length);
});

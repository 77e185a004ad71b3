import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cutFile } from '../../../clients/file-parts';
import { FolderLargeFiles } from '../../../clients/local/folder-large-files';
import { FolderObjectStore } from '../../../clients/local/folder-object-store';
import { describeLargeFiles } from '../large-files.contract';

async function openFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-folder-large-'));
  const store = await FolderObjectStore.open(folder, { exclusively: async (work) => work() });
  const close = async () => rmSync(folder, { recursive: true });
  return { folder, store, files: new FolderLargeFiles(store, folder), close };
}

describeLargeFiles('a folder', openFolder);

test('a file that changed since it was hashed is refused, and not left in the bucket', async () => {
  const { folder, store, files, close } = await openFolder();
  const file = path.join(folder, '.mv2id-partial', 'source');
  writeFileSync(file, 'before');
  const cut = await cutFile(file);
  writeFileSync(file, 'change');
  await expect(files.send('m/file', cut)).rejects.toThrow(
    `${file} must stay as it is while it is sent, got another content.`,
  );
  expect(await store.head('m/file')).toBeNull();
  await close();
});

test('behind a symbolic link is nothing', async () => {
  const { folder, store, files, close } = await openFolder();
  await store.put('m/real', 'content');
  symlinkSync(path.join(folder, 'm/real'), path.join(folder, 'm/link'));
  expect(await files.readRange('m/link', 0, 3)).toBeNull();
  expect(await files.holds('m/link', await cutFile(path.join(folder, 'm/real')))).toBe(false);
  await close();
});

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeOutFolder } from '../../cli/out-folder';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-out-'));
  writeFileSync(path.join(folder, 'file'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a folder is made with those above it, and one that is there is taken', async () => {
  const deep = path.join(folder, 'a/b/c');
  await makeOutFolder(deep);
  await makeOutFolder(deep);
  expect(statSync(deep).isDirectory()).toBe(true);
});

test.each([
  ['a file', () => path.join(folder, 'file'), 'ENOTDIR'],
  ['a folder in a file', () => path.join(folder, 'file/below/it'), 'ENOTDIR'],
  ['a folder where none can be made', () => '/proc/none/below', 'ENOENT'],
])('%s is told at once', async (_, name, code) => {
  const out = name();
  await expect(makeOutFolder(out)).rejects.toThrow(
    new RegExp(`^--out must be a folder .* got ${out} \\(${code}\\)\\.$`),
  );
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findCases } from '../../../cli/evaluate/find-cases';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-cases-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(...files: string[]): void {
  for (const file of files) {
    mkdirSync(path.join(folder, path.dirname(file)), { recursive: true });
    writeFileSync(path.join(folder, file), '');
  }
}

async function found(input: string, references = 'refs'): Promise<string[]> {
  const cases = await findCases(path.join(folder, input), path.join(folder, references));
  return cases.map(
    (each) =>
      `${each.method}/${each.name}: ${path.relative(folder, each.video)} ~ ${path.relative(folder, each.references)}`,
  );
}

test('a video alone is compared with the whole references folder', async () => {
  put('ada.mp4', 'refs/front.jpg');
  expect(await found('ada.mp4')).toEqual(['video/ada: ada.mp4 ~ refs']);
});

test('a folder of videos is one method, each video a case', async () => {
  put('ours/b.mp4', 'ours/a.WebM', 'ours/.hidden.mp4', 'ours/notes.txt', 'refs/a/1.jpg', 'refs/b/1.jpg');
  expect(await found('ours')).toEqual(['ours/a: ours/a.WebM ~ refs/a', 'ours/b: ours/b.mp4 ~ refs/b']);
});

test('a folder of folders is a method each', async () => {
  put('all/ours/a.mp4', 'all/theirs/a.mov', 'all/theirs/b.mkv', 'refs/a/1.jpg', 'refs/b/1.jpg');
  expect(await found('all')).toEqual([
    'ours/a: all/ours/a.mp4 ~ refs/a',
    'theirs/a: all/theirs/a.mov ~ refs/a',
    'theirs/b: all/theirs/b.mkv ~ refs/b',
  ]);
});

test.each([
  ['no folder', [], 'none', /^video must be a video or a folder of videos, got .*none \(ENOENT\)\.$/],
  ['nothing in it', ['all/a.txt'], 'all', /^video must be a video or a folder of videos, got .*all \(none in it\)\.$/],
  [
    'both kinds',
    ['all/a.mp4', 'all/ours/a.mp4', 'refs/a/1.jpg'],
    'all',
    /^video must be a folder of videos, or of folders of videos, got .*\(1 beside 1 in folders\)\.$/,
  ],
  [
    'two of a case',
    ['all/a.mp4', 'all/a.mov', 'refs/a/1.jpg'],
    'all',
    /^video must be one video a case, got two of .*all\/a\.$/,
  ],
  [
    'a case without references',
    ['all/a.mp4'],
    'all',
    /^--references must be a folder of pictures, got .*refs\/a \(ENOENT\)\.$/,
  ],
] as const)('%s is told', async (_, files, input, message) => {
  put('refs/x.txt', ...files);
  await expect(found(input)).rejects.toThrow(message);
});

test('a file for the references is told', async () => {
  put('a.mp4', 'refs.jpg');
  await expect(found('a.mp4', 'refs.jpg')).rejects.toThrow(
    /^--references must be a folder of pictures, got .*refs\.jpg \(a file\)\.$/,
  );
});

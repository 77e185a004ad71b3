/** `mv2id check` on photographs and on the drawn example, with the networks that validation looks with. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { ReferenceCheckSchema } from '../../contract/reference-check';
import { manifest, writeJob, writeReferenceSet } from '../reference-set';
import { run } from './command';

const ADA = path.resolve(__dirname, '../../examples/ada');
const PHOTOS = path.resolve(__dirname, '../fixtures/photos');

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-check-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A folder with photographs, and with a job.json if `accept` is given. */
function setOf(name: string, files: readonly string[], accept?: readonly string[]): string {
  const set = path.join(folder, name);
  mkdirSync(set);
  for (const file of files) copyFileSync(path.join(PHOTOS, file), path.join(set, file));
  if (accept) {
    const { reference_set, ...job } = manifest();
    writeJob(set, { ...job, reference_set: { ...reference_set, images: files.map((file) => ({ file })), accept } });
  }
  return set;
}

test('a good set: a line for each photo in the order of job.json, and no error', async () => {
  const { exitCode, stdout, stderr } = await run('check', ADA);
  const [heading, ...lines] = stdout.split('\n');
  expect(heading).toMatch(/^FILE +VIEW +YAW +FACE +SHARPNESS +NEAREST +VERDICT$/);
  expect(lines.slice(0, 3)).toEqual([
    expect.stringMatching(/^yaw-060\.png +right_45 +5\d° right +\d+ px +\d+ +0\.\d\d +(ok|warning)$/),
    expect.stringMatching(/^yaw\+000\.png +front +\d°( left| right)? +\d+ px +\d+ +0\.\d\d +(ok|warning)$/),
    expect.stringMatching(/^yaw\+060\.png +left_45 +6\d° left +\d+ px +\d+ +0\.\d\d +(ok|warning)$/),
  ]);
  // A drawn head may be told to be one.
  expect(lines.at(-2)).toMatch(/^Usable[.:]/);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
});

test('two people: not usable, errors before warnings, each a sentence on a line of its own', async () => {
  const { exitCode, stdout } = await run('check', setOf('two-people', ['obama.jpg', 'biden.jpg'], []));
  expect(exitCode).toBe(64);
  const [table, findings = '', summary] = stdout.split('\n\n');
  expect(table).toMatch(/\nobama\.jpg .* warning\nbiden\.jpg .* error$|\nobama\.jpg .* ok\nbiden\.jpg .* error$/);
  const words = findings.split('\n').map((line) => line.split(' ')[0]);
  expect(words).toEqual([...words].sort());
  expect(findings).toMatch(
    /^error {4}different_person: reference_set\.images\[1\]\.file must be of the same person .*\.$/m,
  );
  expect(summary).toMatch(/^Not usable: 1 error, \d warnings\.\n$/);
});

test('what job.json accepts is usable, and said to be accepted', async () => {
  const { exitCode, stdout } = await run('check', setOf('accepted', ['obama.jpg', 'biden.jpg'], ['different_person']));
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^accepted different_person: /m);
  expect(stdout).toMatch(/\nUsable: \d warnings\.\n$/);
});

test('without a job.json all images are looked at, in the order of their names; --json prints the check', async () => {
  const set = setOf('loose', ['obama.jpg', 'biden.jpg', 'astronaut.jpg']);
  writeFileSync(path.join(set, 'notes.txt'), 'none');
  const { exitCode, stdout, stderr } = await run('check', set, '--json');
  expect(exitCode).toBe(64);
  expect(stderr).toBe(`No job.json in ${set}: all 3 images are checked.\n`);
  const check = ReferenceCheckSchema.parse(JSON.parse(stdout));
  expect(check.images.map(({ file, faces }) => [file, faces])).toEqual([
    ['astronaut.jpg', 1],
    ['biden.jpg', 1],
    ['obama.jpg', 1],
  ]);
  expect(check.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toContain(
    'different_person',
  );
});

test('images that no job.json could name, and more than it takes, are not usable', async () => {
  const loose = (name: string, files: readonly string[]) => {
    const set = path.join(folder, name);
    mkdirSync(set);
    for (const file of files) copyFileSync(path.join(ADA, 'yaw+000.png'), path.join(set, file));
    return run('check', set);
  };
  const named = await loose('odd names', ['view #1.png']);
  expect(named.exitCode).toBe(64);
  expect(named.stderr).toContain('reference_set.images[0].file must be a plain file name');
  const many = await loose(
    'nine',
    [...'abcdefghi'].map((letter) => `${letter}.png`),
  );
  expect(many.exitCode).toBe(64);
  expect(many.stderr).toContain('reference_set.images must be a list of 1 to 8 images, got a list of 9.');
});

test('an image that the service would not take is told in its words', async () => {
  const set = path.join(folder, 'damaged');
  cpSync(ADA, set, { recursive: true });
  const photo = readFileSync(path.join(set, 'yaw+060.png'));
  writeFileSync(path.join(set, 'yaw+060.png'), photo.subarray(0, photo.length / 2));
  const { exitCode, stdout, stderr } = await run('check', set);
  expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
  expect(stderr).toMatch(
    /^mv2id: reference_set\.images\[2\]\.file must be a complete image, got yaw\+060\.png \(.*\)\.\n$/,
  );
});

test.each([
  [
    'an empty folder',
    ['check', '.'],
    /^mv2id: set folder must be one with a job\.json, or with PNG, JPEG or WebP images/,
  ],
  ['no folder', ['check', 'none'], /^mv2id: job\.json must be a readable file in .*none, got ENOENT\.$/],
  ['a sheet of another format', ['check', ADA, '--sheet', 'a.gif'], /^mv2id: --sheet must be a file name ending in/],
  [
    'a sheet in no folder',
    ['check', ADA, '--sheet', '/none/a.png'],
    /^mv2id: --sheet must be a file that can be written, got/,
  ],
  [
    'no faces.json',
    ['check', ADA, '--faces', 'none.json'],
    /^mv2id: faces\.json must be a readable file, got none\.json/,
  ],
])('%s is said', async (_what, [command = '', set = '', ...more], message) => {
  mkdirSync(path.join(folder, 'empty'), { recursive: true });
  const { exitCode, stderr } = await run(command, path.resolve(folder, 'empty', set), ...more);
  expect(exitCode).toBe(64);
  expect(stderr.trim()).toMatch(message);
});

test.each(['png', 'jpg'])('the sheet as %s: a cell for each photo, framed by its verdict', async (format) => {
  const sheet = path.join(folder, `sheet.${format}`);
  const set = path.join(folder, `sheet-${format}`);
  await writeReferenceSet(set);
  copyFileSync(path.join(PHOTOS, 'obama.jpg'), path.join(set, 'obama.jpg'));
  const { reference_set, ...job } = manifest();
  const images = [{ file: 'obama.jpg' }, { file: 'front.png' }];
  writeJob(set, { ...job, reference_set: { ...reference_set, images, accept: [] } });
  expect(await run('check', set, '--sheet', sheet)).toMatchObject({ exitCode: 64, stderr: `Sheet: ${sheet}\n` });
  const { data, info } = await sharp(sheet).raw().toBuffer({ resolveWithObject: true });
  expect((await sharp(sheet).metadata()).format).toBe(format === 'png' ? 'png' : 'jpeg');
  const at = (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)];
  const isNear = (pixel: number[], other: number[]) => pixel.every((value, i) => Math.abs(value - other[i]!) < 24);
  // The upper left corners of two cells: a set of one face is a warning of the set's alone, a photo without a face an error.
  expect(isNear(at(20, 68), [0x1c, 0x6b, 0x3c])).toBe(true);
  expect(isNear(at(380, 68), [0xa3, 0x26, 0x2a])).toBe(true);
});

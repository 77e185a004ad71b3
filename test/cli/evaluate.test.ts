/** `mv2id evaluate` and `mv2id faces calibrate` as a person runs them: tables, files, exit codes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Evaluation } from '../../evaluation/evaluate/evaluate-cases';
import { movingPhoto, type Person, putReferences } from '../evaluation/evaluate/moving-photo';
import { writeClip } from '../evaluation/video/write-clip';
import { run } from './command';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-evaluate-'));
  // "right" shows each case's person, "wrong" the other one; one video of "wrong" is none.
  const cases: [string, Person][] = [
    ['right/obama', 'obama'],
    ['right/biden', 'biden'],
    ['wrong/obama', 'biden'],
  ];
  for (const [name, person] of cases) {
    mkdirSync(path.join(folder, 'videos', path.dirname(name)), { recursive: true });
    await writeClip(path.join(folder, 'videos', `${name}.mp4`), await movingPhoto(person, 4));
  }
  writeFileSync(path.join(folder, 'videos/wrong/biden.mp4'), 'hello');
  await putReferences(path.join(folder, 'references/obama'), 'obama');
  await putReferences(path.join(folder, 'references/biden'), 'biden');
});
afterAll(() => rmSync(folder, { recursive: true }));

const at = (...parts: string[]) => path.join(folder, ...parts);

test('methods and cases: the right people score above the wrong ones, and a file that is no video is a fault', async () => {
  const { exitCode, stdout, stderr } = await run(
    'evaluate',
    at('videos'),
    '--references',
    at('references'),
    '--out',
    at('out'),
  );
  expect(exitCode).toBe(64);
  expect(stderr).toMatch(/^Evaluating \.\.\.\n/);
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^method +cases +MvRC \(faceres\) \[95 %\] +best +norm\. +no face +>60$/);
  expect(lines[1]).toMatch(/^right +2 +0\.[89]\d\d \[0\.[89]\d\d, [01]\.\d{3}\] /);
  expect(lines[2]).toMatch(/^wrong +1 of 2 +0\.[1-5]\d\d +0/);
  expect(stdout).toMatch(
    /Fault: wrong\/biden: no_video: .*biden\.mp4 must be an MP4, MOV, WebM or Matroska video, got another file\.\n/,
  );
  expect(stdout).toMatch(/\nMeasured with blazeface \+ faceres \([0-9a-f]{12}\)\.\n/);
  expect(stdout).toMatch(/Other people score 0\.\d{3} \(1 pair of references of different cases\)\.\n/);
  expect(stdout).toMatch(/\nIt is no ArcFace: /);
  for (const line of lines.slice(0, 7)) expect(line.length).toBeLessThanOrEqual(80);

  const evaluation = JSON.parse(readFileSync(at('out/evaluation.json'), 'utf8')) as Evaluation;
  expect(evaluation).toMatchObject({ schema_version: 1, identity_figure: 'MvRC (faceres)', impostor: { pairs: 1 } });
  expect(evaluation.methods.map(({ method, cases }) => [method, cases])).toEqual([
    ['right', 2],
    ['wrong', 2],
  ]);
  expect(evaluation.videos.map((video) => [video.method, video.case, video.figures !== null])).toEqual([
    ['right', 'biden', true],
    ['right', 'obama', true],
    ['wrong', 'biden', false],
    ['wrong', 'obama', true],
  ]);
  const frames = JSON.parse(readFileSync(at('out/frames/right/obama.json'), 'utf8')) as { frames: unknown[] };
  expect(frames.frames).toHaveLength(4);
  const rows = readFileSync(at('out/evaluation.csv'), 'utf8').trimEnd().split('\r\n');
  expect(rows.map((row) => row.split(',').slice(0, 2).join())).toEqual([
    'method,case',
    'right,biden',
    'right,obama',
    'wrong,biden',
    'wrong,obama',
  ]);
  expect(new Set(rows.map((row) => row.split(',').length)).size).toBe(1);
  expect(rows[3]).toMatch(/,no_video$/);
});

test('one video: every figure by its name', async () => {
  const video = at('videos/right/obama.mp4');
  const { exitCode, stdout } = await run('evaluate', video, '--references', at('references/obama'));
  expect(exitCode).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(`${video}  avc, 320 x 240, 0.25 s`);
  expect(lines[1]).toMatch(/^ {2}MvRC \(faceres\) +0\.[89]\d\d {2}mean cosine of 4 frames with 1 reference$/);
  expect(stdout).toMatch(/\n {2}no face +0 % {2}0 of 4 frames\n/);
  expect(stdout).toContain("Other people score 0.418 (the embedder's calibration).");
  for (const line of lines.slice(1, 14)) expect(line.length).toBeLessThanOrEqual(80);
});

test('--json prints the evaluation', async () => {
  const { stdout } = await run(
    'evaluate',
    at('videos/right/obama.mp4'),
    '--references',
    at('references/obama'),
    '--json',
  );
  const evaluation = JSON.parse(stdout) as Evaluation;
  expect(evaluation.videos[0]).toMatchObject({ method: 'video', case: 'obama', codec: 'avc', findings: [] });
  expect(evaluation.calibration).toEqual({ same: 0.64, different: 0.56 });
});

test('faces.json decides what the figure is called', async () => {
  const faces = at('faces.json');
  writeFileSync(faces, JSON.stringify({ embedder: { preset: 'faceres', id: 'stand-in', arcface: true } }));
  const { stdout } = await run(
    'evaluate',
    at('videos/right/obama.mp4'),
    '--references',
    at('references/obama'),
    '--faces',
    faces,
  );
  expect(stdout).toMatch(/\n {2}MvRC-Arc +0\./);
  expect(stdout).toContain('Measured with blazeface + stand-in (');
  expect(stdout).not.toContain('no ArcFace');
});

test.each([
  [['evaluate', 'none.mp4'], /required option '--references <folder>' not specified/],
  [
    ['evaluate', 'none.mp4', '--references', '.'],
    /^mv2id: video must be a video or a folder of videos, got none\.mp4 \(ENOENT\)\.$/m,
  ],
  [
    ['evaluate', 'package.json', '--references', 'none'],
    /^mv2id: --references must be a folder of pictures, got none \(ENOENT\)\.$/m,
  ],
  [
    ['evaluate', 'package.json', '--references', 'test', '--faces', 'none.json'],
    /^mv2id: faces\.json must be a readable file, got none\.json \(ENOENT\)\.$/m,
  ],
  [
    ['faces', 'calibrate', 'none'],
    /^mv2id: folder must be a folder with a folder of pictures for each person, got none \(ENOENT\)\.$/m,
  ],
  [
    ['faces', 'calibrate', 'bench'],
    /^mv2id: folder must be folders of at least two people, one of them with two pictures, got bench \(0 with a face, 0 pairs of one person\)\.$/m,
  ],
])('%j is bad input', async (args, message) => {
  const { exitCode, stderr } = await run(...args);
  expect(exitCode).toBe(64);
  expect(stderr).toMatch(message);
});

test('calibrate: figures, a proposal, and what was left out', async () => {
  const people = at('people');
  await putReferences(path.join(people, 'obama'), 'obama', { twice: true });
  await putReferences(path.join(people, 'biden'), 'biden', { blank: true });
  await putReferences(path.join(people, 'again'), 'obama');
  await putReferences(path.join(people, 'obama/not looked into'), 'biden');
  writeFileSync(path.join(people, 'obama/second.jpg'), readFileSync(path.join(people, 'obama/obama.jpg')));
  const { exitCode, stdout } = await run('faces', 'calibrate', people);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(
    /^Left out: biden\/blank\.png \(no face\)\nLeft out: obama\/twice\.jpg \(2 faces\)\n3 people, 4 pictures, measured with blazeface/,
  );
  // "again" is the same photo under another name: half of the pairs of two people are as close as the pair of one.
  expect(stdout).toMatch(/\nall +1 +5 +0\.800 /);
  expect(stdout).toMatch(/\n {2}"thresholds": \{"same": [\d.]+, "different": [\d.]+\}, "impostor": 0\.\d+\n/);
  expect(stdout).toContain('\nsame: at most 1 % of intruders reach it');
  const json = JSON.parse((await run('faces', 'calibrate', people, '--json')).stdout) as Record<string, unknown>;
  expect(json).toMatchObject({
    people: 3,
    pictures: 4,
    pairs: { same: 1, different: 5 },
    left_out: [{ reason: 'no face' }, { reason: '2 faces' }],
  });
});

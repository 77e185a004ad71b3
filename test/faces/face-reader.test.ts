/** What a reader says of each face, and of which faces it says whose they are. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { FaceReader } from '../../faces/face-reader';
import { readFaceSettings } from '../../faces/face-settings';
import { picture } from './picture';
import { pixelEmbedderGraph, yunetGraph } from './plugin-graphs';

const SIDE = 128;
/** In cells: the middle in the cell's corner, one cell wide and high; eyes, nose and corners of the mouth. */
const BOX = [0, 0, 0, 0];
const FACE = { box: BOX, points: [-1, -1, 1, -1, 0, 0, -0.5, 1, 0.5, 1] };
const ONE_SPOT = { box: BOX, points: Array.from({ length: 10 }, () => 0) };
const EMBEDDER = {
  id: 'own',
  path: 'embedder.onnx',
  size: 112,
  layout: 'nchw',
  order: 'rgb',
  mean: 100,
  std: 50,
  template: 'arcface5',
  flip: false,
  thresholds: { same: 0.5, different: 0.4 },
};
/** YuNet's channels are BGR: blue is a face, green a larger one whose landmarks lie on one spot. */
const PICTURE = picture(
  SIDE,
  SIDE,
  [0, 0, 0],
  { x: 32, y: 32, width: 8, height: 8, colour: [0, 0, 255] },
  { x: 96, y: 32, width: 8, height: 8, colour: [0, 0, 255] },
  { x: 64, y: 96, width: 16, height: 16, colour: [0, 255, 0] },
);

let folder: string;
let reader: FaceReader;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-face-reader-'));
  writeFileSync(path.join(folder, 'yunet.onnx'), yunetGraph(SIDE, FACE, ONE_SPOT));
  writeFileSync(path.join(folder, 'embedder.onnx'), pixelEmbedderGraph(112, 'nchw', 56, 56));
  const detector = { kind: 'yunet', path: 'yunet.onnx', size: SIDE, min_score: 0.85 };
  const settings = path.join(folder, 'faces.json');
  writeFileSync(settings, JSON.stringify({ detector, embedder: EMBEDDER }));
  reader = await FaceReader.open(await readFaceSettings(settings));
});
afterAll(async () => {
  await reader.release();
  rmSync(folder, { recursive: true });
});

test('the largest that is a face has the embedding', async () => {
  const found = await reader.find(PICTURE);
  expect(found.map(({ box }) => box.width)).toEqual([8, 8]);
  expect(found.map(({ embedding }) => embedding !== null)).toEqual([true, false]);
});

test('sharpness is measured only where it is asked for', async () => {
  const [found] = await reader.find(PICTURE);
  const [read] = await reader.read(PICTURE);
  expect(found).not.toHaveProperty('sharpness');
  expect(read).toEqual({ ...found, sharpness: expect.any(Number) });
  expect(read!.sharpness).toBeGreaterThan(0);
});

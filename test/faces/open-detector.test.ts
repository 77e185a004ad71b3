/** YuNet and SCRFD, read as OpenCV and InsightFace read them: graphs that find coloured cells, and numbers worked out by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { DetectedFace } from '../../faces/detector';
import { openDetector } from '../../faces/open-detector';
import type { Pixels } from '../../faces/pixels';
import { picture } from './picture';
import { pixelEmbedderGraph, scrfdGraph, yunetGraph } from './plugin-graphs';

const SIDE = 64;
const BLACK = [0, 0, 0] as const;
const RED = [255, 0, 0] as const;
const GREEN = [0, 255, 0] as const;
const BLUE = [0, 0, 255] as const;
/** Offsets of right eye, left eye, nose, right and left corner of the mouth, in cells. */
const POINTS = [-1, -1, 1, -1, 0, 0, -0.5, 1, 0.5, 1];
/** Its middle half a cell right and a quarter down of the cell's corner, 2 cells wide and 4 high. */
const YUNET = { box: [0.5, 0.25, Math.log(2), Math.log(4)], points: POINTS };
/** Distances to left, top, right and bottom. */
const SCRFD = { box: [1, 2, 3, 4], points: POINTS };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-detectors-'));
  writeFileSync(path.join(folder, 'yunet.onnx'), yunetGraph(SIDE, YUNET));
  writeFileSync(path.join(folder, 'scrfd.onnx'), scrfdGraph(SIDE, SCRFD));
  writeFileSync(path.join(folder, 'other.onnx'), pixelEmbedderGraph(SIDE, 'nchw', 0, 0));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function detect(kind: 'yunet' | 'scrfd', image: Pixels, settings = {}): Promise<DetectedFace[]> {
  const file = path.join(folder, `${kind}.onnx`);
  const detector = await openDetector({ kind, path: file, size: SIDE, min_score: 0.6, ...settings });
  try {
    return await detector.detect(image);
  } finally {
    await detector.release();
  }
}

function cell(column: number, row: number, stride: number, colour: typeof RED | typeof GREEN | typeof BLUE) {
  return { x: column * stride, y: row * stride, width: stride, height: stride, colour };
}

function rounded({ box, score, landmarks }: DetectedFace) {
  const round = (value: number) => Math.round(1000 * value) / 1000;
  const places = Object.entries(landmarks).map(([name, { x, y }]) => [name, [round(x), round(y)]]);
  return { box: [box.x, box.y, box.width, box.height].map(round), score: round(score), ...Object.fromEntries(places) };
}

test('YuNet: BGR of 0..255, middle and logarithms of the sides, the root of both scores', async () => {
  const faces = await detect('yunet', picture(SIDE, SIDE, BLACK, cell(3, 2, 8, BLUE)));
  expect(faces.map(rounded)).toEqual([
    {
      // Middle (3.5, 2.25) cells of 8 pixels, 16 wide, 32 high; sqrt(1 * 0.81).
      box: [28 - 8, 18 - 16, 16, 32],
      score: 0.9,
      right_eye: [16, 8],
      left_eye: [32, 8],
      nose: [24, 16],
      right_mouth: [20, 24],
      left_mouth: [28, 24],
    },
  ]);
});

test('YuNet: a face of each grid, the largest first', async () => {
  const cells = [cell(6, 6, 8, BLUE), cell(0, 3, 16, GREEN), cell(0, 0, 32, RED)];
  const faces = await detect('yunet', picture(SIDE, SIDE, BLACK, ...cells));
  expect(faces.map(({ box }) => box.width)).toEqual([64, 32, 16].map((width) => expect.closeTo(width)));
  expect(faces.map(({ landmarks }) => landmarks.nose)).toEqual([
    { x: 0, y: 0 },
    { x: 0, y: 48 },
    { x: 48, y: 48 },
  ]);
});

test('SCRFD: RGB of -1..1, distances to the sides, the second anchor of a cell', async () => {
  const faces = await detect('scrfd', picture(SIDE, SIDE, BLACK, cell(3, 2, 8, RED)));
  expect(faces.map(rounded)).toEqual([
    {
      box: [24 - 8, 16 - 16, 8 + 24, 16 + 32],
      score: 0.996, // (255 - 127.5) / 128
      right_eye: [16, 8],
      left_eye: [32, 8],
      nose: [24, 16],
      right_mouth: [20, 24],
      left_mouth: [28, 24],
    },
  ]);
});

test('SCRFD: the middle and the coarse grid', async () => {
  const faces = await detect('scrfd', picture(SIDE, SIDE, BLACK, cell(3, 0, 16, GREEN), cell(0, 1, 32, BLUE)));
  expect(faces.map(({ box, landmarks }) => [box.width, landmarks.nose])).toEqual([
    [128, { x: 0, y: 32 }],
    [64, { x: 48, y: 0 }],
  ]);
});

test.each(['yunet', 'scrfd'] as const)(
  '%s: a wide picture is letterboxed, and places are told in the picture',
  async (kind) => {
    // Twice the square's side: half the size, with a quarter of the square above it.
    const colour = kind === 'yunet' ? BLUE : RED;
    const wide = picture(2 * SIDE, SIDE, BLACK, { x: 46, y: 14, width: 18, height: 18, colour });
    const faces = await detect(kind, wide, { min_score: 0.8 });
    // The cell at (24, 24) of the square, which is twice as large in the picture.
    expect(faces.map(({ landmarks }) => landmarks.nose)).toEqual([{ x: 48, y: 16 }]);
    expect(faces[0]!.landmarks.right_eye).toEqual({ x: 32, y: 0 });
    expect(faces[0]!.box.width).toBeCloseTo(kind === 'yunet' ? 32 : 64);
  },
);

test('a score under the least is no face', async () => {
  const image = picture(SIDE, SIDE, BLACK, cell(3, 2, 8, BLUE));
  expect(await detect('yunet', image, { min_score: 0.95 })).toEqual([]);
});

test.each([
  [
    'yunet',
    { path: 'other.onnx' },
    /^path must be a YuNet with the outputs cls_8, .*, got .*other\.onnx without cls_8, /,
  ],
  [
    'scrfd',
    { path: 'other.onnx' },
    /^path must be an SCRFD with landmarks \(nine outputs\), got .*other\.onnx \(one\)\.$/,
  ],
  ['yunet', { path: 'none.onnx' }, /^path must be a readable \.onnx file, got .*none\.onnx \(ENOENT\)\.$/],
  [
    'yunet',
    { path: 'yunet.onnx', size: 96 },
    /^path must be a network that takes this picture, got .*yunet\.onnx \(.*\)\.$/,
  ],
  [
    'scrfd',
    { path: 'scrfd.onnx', sha256: '0'.repeat(64) },
    /^sha256 must be that of .*scrfd\.onnx \([0-9a-f]{64}\), got 0{64}\.$/,
  ],
] as const)('%s with %j is told', async (kind, settings, message) => {
  const own = { ...settings, path: path.join(folder, settings.path) };
  await expect(openDetector({ kind, size: SIDE, min_score: 0.6, ...own })).rejects.toThrow(message);
});

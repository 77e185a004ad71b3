/** faces.json, from its errors to the figures of a reader that runs the user's own models. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EMBEDDER_PRESETS } from '../../faces/embedder-presets';
import { FaceReader } from '../../faces/face-reader';
import { builtInFaces, faceSettingsOf, readFaceSettings } from '../../faces/face-settings';
import { picture } from './picture';
import { pixelEmbedderGraph, yunetGraph } from './plugin-graphs';

/** The square that the detector sees, as large as the picture: nothing is scaled. */
const SIDE = 128;
/** Where ArcFace's template has the five points, as offsets from the cell of 32 pixels at the upper left: the crop is the picture's own. */
const POINTS = [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 41.5493, 92.3655, 70.7299, 92.2041].map(
  (at) => at / 32,
);
/** Of the crop of 112. */
const [ROW, COLUMN] = [30, 20];
const EMBEDDER = {
  id: 'own',
  path: 'own.onnx',
  size: 112,
  layout: 'nchw',
  order: 'rgb',
  mean: 100,
  std: 50,
  template: 'arcface5',
  flip: false,
  thresholds: { same: 0.5, different: 0.4 },
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-faces-'));
  const face = { box: [1.75, 1.75, Math.log(3), Math.log(3)], points: POINTS };
  writeFileSync(path.join(folder, 'yunet.onnx'), yunetGraph(SIDE, face));
  for (const layout of ['nchw', 'nhwc'] as const) {
    writeFileSync(path.join(folder, `${layout}.onnx`), pixelEmbedderGraph(112, layout, ROW, COLUMN));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(content: unknown): string {
  const file = path.join(folder, 'faces.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const DETECTOR = { kind: 'yunet', path: 'yunet.onnx', size: SIDE, min_score: 0.85 };
const RED = [255, 0, 0] as const;
/** The face is where a red cell begins; what the embedder reads, and its mirror image, have colours of their own. */
const PICTURE = picture(
  SIDE,
  SIDE,
  [0, 0, 0],
  { x: 0, y: 0, width: 4, height: 4, colour: RED },
  { x: COLUMN - 3, y: ROW - 3, width: 7, height: 7, colour: [200, 150, 50] },
  { x: 111 - COLUMN - 3, y: ROW - 3, width: 7, height: 7, colour: [100, 100, 200] },
);

async function embeddingWith(embedder: object): Promise<number[]> {
  const reader = await FaceReader.open(
    await readFaceSettings(write({ detector: DETECTOR, embedder: { ...EMBEDDER, ...embedder } })),
  );
  try {
    const readings = await reader.read(PICTURE);
    expect(readings).toHaveLength(1);
    return Array.from(readings[0]!.embedding!);
  } finally {
    await reader.release();
  }
}

function direction(...values: number[]) {
  const length = Math.hypot(...values);
  return values.map((value) => expect.closeTo(value / length, 3));
}

test.each([
  ['RGB, one mean and deviation', { path: 'nchw.onnx' }, [(200 - 100) / 50, (150 - 100) / 50, (50 - 100) / 50]],
  ['a mean and a deviation a channel', { path: 'nchw.onnx', mean: [0, 100, 200], std: [1, 2, 3] }, [200, 25, -50]],
  ['BGR', { path: 'nchw.onnx', order: 'bgr' }, [-1, 1, 2]],
  [
    'BGR: mean and deviation are in the order of the input',
    { path: 'nchw.onnx', order: 'bgr', mean: [50, 0, 0], std: [1, 1, 2] },
    [0, 150, 100],
  ],
  ['channels last', { path: 'nhwc.onnx', layout: 'nhwc' }, [2, 1, -1]],
  ['with the mirrored face', { path: 'nchw.onnx', flip: true }, [2 + 0, 1 + 0, -1 + 2]],
] as const)("an embedder of one's own is fed as faces.json says: %s", async (_, embedder, expected) => {
  expect(await embeddingWith(embedder)).toEqual(direction(...expected));
});

test('paths are relative to the file; figures carry names and hashes', async () => {
  const file = write({ detector: DETECTOR, embedder: { preset: 'auraface', path: 'nchw.onnx' } });
  const settings = await readFaceSettings(file);
  expect(settings.embedder).toEqual({ ...EMBEDDER_PRESETS.auraface, path: path.join(folder, 'nchw.onnx') });
  const reader = await FaceReader.open(settings);
  expect(reader.id).toMatch(/^yunet \([0-9a-f]{12}\) \+ auraface \([0-9a-f]{12}\)$/);
  await reader.release();
});

test("a key beside a preset replaces the preset's; the built-in one needs no path", async () => {
  expect(await readFaceSettings(write({}))).toEqual(builtInFaces());
  const { embedder } = await readFaceSettings(write({ embedder: { preset: 'faceres', flip: false } }));
  expect(embedder).toEqual({ ...builtInFaces().embedder, flip: false });
});

test('a matting of the user’s own lies beside the file, and a model directory has such a file', async () => {
  const file = write({ matting: { preset: 'modnet', path: 'modnet.onnx' } });
  const { matting } = await readFaceSettings(file);
  expect(matting).toMatchObject({ path: path.join(folder, 'modnet.onnx'), kind: 'matting', mean: 127.5 });
  expect((await faceSettingsOf(folder)).matting).toEqual(matting);
  expect(await faceSettingsOf(path.join(folder, 'none'))).toEqual(builtInFaces());
});

test.each([
  ['detector', { ...DETECTOR, path: '../yunet.onnx' }, '/tmp/yunet.onnx'],
  ['embedder', { preset: 'auraface', path: '/opt/glintr100.onnx' }, '/opt/glintr100.onnx'],
  ['matting', { preset: 'modnet', path: 'faces/../../modnet.onnx' }, '/tmp/modnet.onnx'],
] as const)('the %s of a model directory lies inside it; the command line may name any file', async (part, own, at) => {
  const file = write({ [part]: own });
  const named = at.replace('/tmp', path.dirname(folder));
  expect((await readFaceSettings(file))[part]?.path).toBe(named);
  await expect(faceSettingsOf(folder)).rejects.toThrow(
    `${part}.path must be a file inside the model directory, got ${named}.`,
  );
});

test('in a model directory too, the built-in models may be fed another way, and a name may begin with dots', async () => {
  write({ embedder: { preset: 'faceres', flip: false }, matting: { preset: 'modnet', path: '..modnet.onnx' } });
  const { embedder, matting } = await faceSettingsOf(folder);
  expect([embedder.path, matting.path]).toEqual([builtInFaces().embedder.path, path.join(folder, '..modnet.onnx')]);
});

test.each([
  ['{', /^faces\.json must be JSON, got /],
  [[], /^faces\.json must be an object, got \[\]\.$/],
  [{ detectors: {} }, /^detectors must be absent \(faces\.json takes detector, embedder, matting\), got \{\}\.$/],
  [
    { detector: { kind: 'retinaface', path: 'a' } },
    /^detector\.kind must be one of "yunet", "scrfd", got "retinaface"\.$/,
  ],
  [{ detector: { kind: 'yunet' } }, /^detector\.path must be a string, got nothing\.$/],
  [{ detector: { ...DETECTOR, size: 100 } }, /^detector\.size must be a multiple of 32 from 64 to 2048, got 100\.$/],
  [{ detector: { ...DETECTOR, min_score: 2 } }, /^detector\.min_score must be at most 1, got 2\.$/],
  [
    { embedder: { preset: 'arcface' } },
    /^embedder\.preset must be one of "faceres", "auraface", "insightface", "sface", got "arcface"\.$/,
  ],
  [{ embedder: { preset: 'sface' } }, /^embedder\.path must be a string, got nothing\.$/],
  [{ embedder: { ...EMBEDDER, std: 0 } }, /^embedder\.std must be a number above 0, or a list of three, got 0\.$/],
  [
    { embedder: { ...EMBEDDER, mean: [1, 2] } },
    /^embedder\.mean must be a number, or a list of three, got a list of 2\.$/,
  ],
  [
    { embedder: { ...EMBEDDER, sha256: 'ABC' } },
    /^embedder\.sha256 must be 64 lower-case hexadecimal digits, got "ABC"\.$/,
  ],
  [{ embedder: { ...EMBEDDER, template: 'ffhq' } }, /^embedder\.template must be "arcface5", got "ffhq"\.$/],
  [
    { embedder: { ...EMBEDDER, thresholds: { same: 0.2, different: 0.4 } } },
    /^embedder\.thresholds must be two cosines, different at most same, got \{"same":0\.2,"different":0\.4\}\.$/,
  ],
  [{ embedder: { ...EMBEDDER, impostor: 1 } }, /^embedder\.impostor must be less than 1, got 1\.$/],
  [{ matting: { preset: 'rvm', path: 'a' } }, /^matting\.preset must be one of "selfie", "modnet", got "rvm"\.$/],
  [{ matting: { preset: 'modnet' } }, /^matting\.path must be a string, got nothing\.$/],
  [{ embedder: { ...EMBEDDER, dim: 512 } }, /^embedder\.dim must be absent \(embedder takes id, path, /],
] as const)('%j is refused by the name of its field', async (content, message) => {
  await expect(readFaceSettings(write(content))).rejects.toThrow(message);
});

test('a file that is not there is told', async () => {
  await expect(readFaceSettings(path.join(folder, 'none.json'))).rejects.toThrow(
    /^faces\.json must be a readable file, got .*\(ENOENT\)\.$/,
  );
});

test.each([
  [{ detector: { ...DETECTOR, path: 'none.onnx' } }, /^detector\.path must be a readable \.onnx file, got /],
  [{ embedder: { ...EMBEDDER, path: 'none.onnx' } }, /^embedder\.path must be a readable \.onnx file, got /],
  [{ embedder: { ...EMBEDDER, path: 'faces.json' } }, /^embedder\.path must be an ONNX model, got /],
  [{ embedder: { ...EMBEDDER, path: 'nhwc.onnx' } }, /^embedder\.path must be a network that takes this picture, got /],
  [
    { embedder: { ...EMBEDDER, path: 'nchw.onnx', size: 128 } },
    /^embedder\.path must be a network that takes this picture, got /,
  ],
  [{ embedder: { ...EMBEDDER, path: 'nchw.onnx', sha256: '0'.repeat(64) } }, /^embedder\.sha256 must be that of /],
] as const)('a model that is not what its settings say is told when it is opened: %j', async (content, message) => {
  await expect(readFaceSettings(write(content)).then((settings) => FaceReader.open(settings))).rejects.toThrow(message);
});

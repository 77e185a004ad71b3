/** A clip of the example's own views, measured against them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { FACE_MODELS } from '../../contract/env';
import { parseManifest } from '../../contract/manifest';
import { ReportFacesSchema } from '../../contract/report-faces';
import { FaceModelError } from '../../faces/onnx-model';
import { readPixels } from '../../faces/pixels';
import { type FaceMeasurement, measureFaces } from '../../gpu-worker/measure-faces';
import { Graph } from '../../gpu-worker/onnx/graph';
import { Mul, ReduceMean, Reshape, Sqrt } from '../../gpu-worker/onnx/ops';
import { openVideoWriter } from '../../gpu-worker/video';
import { ORIGIN } from '../origin';
import { manifest } from '../reference-set';

const SET = path.resolve(__dirname, '../../examples/ada');
const FRONT = 'yaw+000.png';
const LEFT = 'yaw+060.png';
const SIZE = { width: 128, height: 128 };
const FPS = 4;

let folder: string;
let measurement: FaceMeasurement;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-measure-'));
  const video = path.join(folder, 'video.mp4');
  const writer = await openVideoWriter(video, SIZE, FPS, { origin: ORIGIN });
  for (const view of [LEFT, FRONT, null]) await writer.add(await frameOf(view));
  await writer.finish();
  const job = manifest();
  const images = [{ file: FRONT }];
  const text = JSON.stringify({ ...job, reference_set: { ...job.reference_set, images } });
  measurement = {
    modelDir: folder,
    manifest: parseManifest(new TextEncoder().encode(text)),
    setFolder: SET,
    videos: [video],
    requireRunning: () => {},
  };
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Grey where there is no view. */
async function frameOf(view: string | null): Promise<Float32Array> {
  const area = SIZE.width * SIZE.height;
  if (view === null) return new Float32Array(3 * area);
  const { data } = await readPixels(path.join(SET, view), SIZE.width);
  return Float32Array.from({ length: 3 * area }, (_, at) => data[3 * (at % area) + Math.floor(at / area)]! / 127.5 - 1);
}

test('frames are measured, and the best and the worst of them shown', async () => {
  const { faces, extremes } = await measureFaces(measurement);
  expect(ReportFacesSchema.parse(faces)).toEqual(faces);
  expect(faces.references).toEqual([{ file: FRONT, faces: 1, yaw: expect.closeTo(0, -1), pitch: expect.any(Number) }]);
  const { frames, identity, coverage, experimental } = faces.outputs[0]!;
  expect(frames.map(({ time, faces: count }) => [time, count])).toEqual([[0, 1], [0.25, 1], [0.5, 0]]); // biome-ignore format: one row
  expect(frames[1]!.face!.similarity![0]).toBeGreaterThan(0.95);
  expect(frames[0]!.face!.similarity![0]).toBeLessThan(0.8);
  expect(identity).toMatchObject({ frames: 2, best: { time: 0.25 }, worst: { time: 0 } });
  expect(coverage).toMatchObject({ frames: 3, frames_without_face: 1, beyond_30_share: 0.5 });
  expect(experimental.near_duplicate_share).toBe(0.5);
  const [pictures] = extremes;
  for (const [jpeg, view] of [
    [pictures!.best, FRONT],
    [pictures!.worst, LEFT],
  ] as const) {
    expect(await distance(jpeg, path.join(SET, view))).toBeLessThan(6);
  }
  expect(await distance(pictures!.best, path.join(SET, LEFT))).toBeGreaterThan(12);
});

test('whoever stops it is heard', async () => {
  let left = 2;
  const requireRunning = () => {
    if (left-- === 0) throw new Error('stopped');
  };
  await expect(measureFaces({ ...measurement, requireRunning })).rejects.toThrow('stopped');
});

test('without its models it throws what is missing', async () => {
  process.env[FACE_MODELS] = folder;
  try {
    await expect(measureFaces(measurement)).rejects.toThrow(FaceModelError);
  } finally {
    delete process.env[FACE_MODELS];
  }
});

test('figures that are no numbers are told, and not returned', async () => {
  const modelDir = path.join(folder, 'rooted');
  mkdirSync(modelDir);
  writeFileSync(path.join(modelDir, 'rooted.onnx'), rootedEmbedder());
  // Grey, which a model is shown first, is 0; the root of what is below is none.
  const embedder = { preset: 'auraface', path: 'rooted.onnx', mean: 128, std: 1 };
  writeFileSync(path.join(modelDir, 'faces.json'), JSON.stringify({ embedder }));
  await expect(measureFaces({ ...measurement, modelDir })).rejects.toThrow(/identity/);
});

/** [1, 3]: the root of minus the square of each channel's mean. */
function rootedEmbedder(): Uint8Array {
  const g = new Graph('rooted');
  const means = ReduceMean(g, g.input('data', 'float32', [1, 3, 112, 112]), { axes: [2, 3] });
  const squares = Mul(g, Mul(g, means, means), g.scalar(-1));
  g.output('fc1', Reshape(g, Sqrt(g, squares), [1, 3]));
  return g.toBytes();
}

/** Mean difference of two pictures in grey levels. */
async function distance(a: Uint8Array | string, b: Uint8Array | string): Promise<number> {
  const raw = (picture: Uint8Array | string) => sharp(picture).removeAlpha().resize(64, 64).raw().toBuffer();
  const [first, second] = [await raw(a), await raw(b)];
  return first.reduce((sum, value, i) => sum + Math.abs(value - second[i]!), 0) / first.length;
}

/**
 * The converted face models against their sources on the same pictures, and the files in models/faces against the converter. The
 * numbers are those of TensorFlow.js 4.22 (its CPU backend), and for selfie those of MediaPipe 0.10.14 with the package's file.
 * Each fixture holds every n-th number of every output.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Graph } from '../../../gpu-worker/onnx/graph';
import { createSession } from '../../../gpu-worker/session';
import { convertFaceModel, FACE_MODELS, type FaceModel, TARGET } from '../../../training/face-models/convert';

type Golden = Record<string, { dims: number[]; step: number; values: number[] }>;

/** Smooth waves, another phase in every channel: what the fixtures were made from. */
function waves(name: FaceModel): Float32Array {
  const { size } = FACE_MODELS[name];
  const scale = name === 'faceres' ? 100 : 1;
  return Float32Array.from({ length: 3 * size * size }, (_, index) => {
    const [channel, y, x] = [Math.floor(index / size ** 2), Math.floor(index / size) % size, index % size];
    const wave = Math.fround(Math.sin(0.05 * x + channel) * Math.cos(0.03 * y - channel));
    // MediaPipe takes the bytes of a picture and nothing else.
    return name === 'selfie' ? Math.round(127.5 * (1 + wave)) / 255 : scale * wave;
  });
}

/** Converts a model once for all tests. */
const converted = new Map<FaceModel, Graph>();
function graphOf(name: FaceModel): Graph {
  const graph = converted.get(name) ?? convertFaceModel(name);
  converted.set(name, graph);
  return graph;
}

/** The sigmoid behind selfie's large sums makes ten of their rounding; on average it does not. */
const TOLERANCE = { blazeface: 1e-5, faceres: 1e-5, facemesh: 1e-5, selfie: 1e-4 } satisfies Record<FaceModel, number>;

test.each(Object.keys(FACE_MODELS) as FaceModel[])('%s gives the numbers of its source', async (name) => {
  const { size } = FACE_MODELS[name];
  const golden = JSON.parse(
    readFileSync(path.join(__dirname, '../../fixtures/faces', `${name}.json`), 'utf8'),
  ) as Golden;
  const session = await createSession(graphOf(name), { provider: 'cpu', numThreads: 1 });
  const results = await session.run({ image: { dtype: 'float32', dims: [1, 3, size, size], data: waves(name) } });
  await session.release();
  expect(Object.keys(results).sort()).toEqual(Object.keys(golden).sort());
  for (const [output, { dims, step, values }] of Object.entries(golden)) {
    expect(results[output]!.dims).toEqual(dims);
    const found = [...(results[output]!.data as Float32Array)].filter((_, index) => index % step === 0);
    const largest = Math.max(...values.map(Math.abs));
    const errors = values.map((value, index) => Math.abs(value - found[index]!) / largest);
    expect(Math.max(...errors)).toBeLessThan(TOLERANCE[name]);
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(5e-6);
  }
});

test.each(Object.keys(FACE_MODELS) as FaceModel[])('models/faces/%s.onnx is what the converter makes', (name) => {
  const shipped = readFileSync(path.join(TARGET, `${name}.onnx`));
  expect(shipped.equals(graphOf(name).toBytes())).toBe(true);
});

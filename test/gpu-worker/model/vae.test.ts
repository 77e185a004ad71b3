import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type VaeConfig, vaeConfigSchema } from '../../../gpu-worker/model/config';
import { emitVaeDecoder, emitVaeEncoder } from '../../../gpu-worker/model/vae';
import { openWeights, type Weights } from '../../../gpu-worker/model/weights';
import type { FloatDType } from '../../../gpu-worker/onnx/graph';
import { createSession, type FloatTensor } from '../../../gpu-worker/session';
import { VaeDecoder } from '../../../gpu-worker/vae-decoder';
import {
  type Golden,
  randomTensor,
  readGolden,
  relativeError,
  type WeightSpec,
  writeRandomComponent,
} from '../../golden';

interface VaeGolden {
  prefix: string;
  config: unknown;
  height: number;
  width: number;
  weights: WeightSpec[];
}

const CASES = ['wan21', 'flat-z16', 'tiny', 'patch-4', 'time-first', 'wan22'];
const SESSION = { provider: 'cpu', numThreads: 1 } as const;
const TOLERANCE = 1e-4;

const folder = mkdtempSync(join(tmpdir(), 'vae-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function open(name: string): Promise<{ golden: Golden<VaeGolden>; config: VaeConfig; weights: Weights }> {
  const golden = readGolden<VaeGolden>(`vae-${name}`);
  const { prefix, config, weights } = golden.metadata;
  const directory = join(folder, name);
  writeRandomComponent(directory, 'diffusion_pytorch_model.safetensors', config, prefix, weights);
  return { golden, config: vaeConfigSchema.parse(config), weights: await openWeights(directory) };
}

const framesOf = (golden: Golden<unknown>, kind: string): number[] =>
  Object.keys(golden.tensors)
    .filter((name) => name.startsWith(`${kind}/`))
    .map((name) => Number(name.split('/')[1]));

describe.each(CASES)('%s', (name) => {
  test('encodes as diffusers does, one image and whole clips', async () => {
    const { golden, config, weights } = await open(name);
    const { prefix, height, width } = golden.metadata;
    for (const numFrames of framesOf(golden, 'encode')) {
      const session = await createSession(emitVaeEncoder(config, weights, { numFrames, height, width }), SESSION);
      const dims = [1, 3, numFrames, height, width];
      const data = randomTensor(`${prefix}/sample/${numFrames}`, 3 * numFrames * height * width);
      const { latents } = await session.run({ sample: { dtype: 'float32', dims, data } });
      await session.release();
      const expected = golden.tensors[`encode/${numFrames}`]!;
      expect(latents!.dims).toEqual(expected.dims);
      expect(relativeError(latents!.data as Float32Array, expected.data as Float32Array)).toBeLessThan(TOLERANCE);
    }
  });

  test.each([1, 2, 3])('decodes as diffusers does, %i latent frames at a time', async (numLatentFrames) => {
    const { golden, config, weights } = await open(name);
    for (const frames of framesOf(golden, 'decode')) {
      const expected = golden.tensors[`decode/${frames}`]!;
      const sample = await decode(config, weights, golden, frames, { numLatentFrames });
      expect(sample.dims).toEqual(expected.dims);
      expect(relativeError(sample.data, expected.data as Float32Array)).toBeLessThan(TOLERANCE);
    }
  });
});

/** All pieces put together. */
async function decode(
  config: VaeConfig,
  weights: Weights,
  golden: Golden<VaeGolden>,
  frames: number,
  options: { numLatentFrames: number; computeDtype?: FloatDType },
): Promise<FloatTensor> {
  const latentDims = Object.entries(golden.tensors).find(([name]) => name.startsWith('encode/'))![1].dims;
  const [latentHeight, latentWidth] = latentDims.slice(3) as [number, number];
  const decoder = new VaeDecoder(config, weights, { latentHeight, latentWidth, session: SESSION, ...options });
  const dims = [1, config.z_dim, frames, latentHeight, latentWidth];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const data = randomTensor(`${golden.metadata.prefix}/latents/${frames}`, count, 0, 1.5);
  const pieces: FloatTensor[] = [];
  for await (const piece of decoder.decode({ dtype: 'float32', dims, data })) pieces.push(piece);
  await decoder.release();
  return joinPieces(pieces);
}

function joinPieces(pieces: readonly FloatTensor[]): FloatTensor {
  const [, channels, , height, width] = pieces[0]!.dims as [number, number, number, number, number];
  const frames = pieces.reduce((total, piece) => total + piece.dims[2]!, 0);
  const area = height * width;
  const data = new Float32Array(channels * frames * area);
  let at = 0;
  for (const piece of pieces) {
    const length = piece.dims[2]! * area;
    for (let channel = 0; channel < channels; channel++) {
      data.set(piece.data.subarray(channel * length, (channel + 1) * length), channel * frames * area + at);
    }
    at += length;
  }
  return { dtype: 'float32', dims: [1, channels, frames, height, width], data };
}

test('an encoder refuses sizes off its grid and says the rule', async () => {
  const { config, weights } = await open('tiny');
  expect(() => emitVaeEncoder(config, weights, { numFrames: 5, height: 20, width: 16 })).toThrow(
    new RangeError('height must be a multiple of 8, got 20.'),
  );
  expect(() => emitVaeEncoder(config, weights, { numFrames: 6, height: 16, width: 16 })).toThrow(
    new RangeError('numFrames must be 4 k + 1, got 6.'),
  );
});

test('a missing tensor is named', async () => {
  const { config } = await open('tiny');
  const { weights } = await open('flat-z16');
  expect(() => emitVaeDecoder(config, weights, { chunk: 'first', latentHeight: 2, latentWidth: 2 })).toThrow(
    /post_quant_conv\.weight must have shape \[12, 12, 1, 1, 1\], got \[16, 16, 1, 1, 1\]/,
  );
});

test.each([
  ['float16', 5e-3],
  ['bfloat16', TOLERANCE],
] as const)('computing in %s stays within %d, streamed too', async (computeDtype, tolerance) => {
  const { golden, config, weights } = await open('tiny');
  const expected = golden.tensors['decode/5']!.data as Float32Array;
  const { data } = await decode(config, weights, golden, 5, { numLatentFrames: 2, computeDtype });
  expect(relativeError(data, expected)).toBeLessThan(tolerance);
});

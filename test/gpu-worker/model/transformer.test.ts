import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelError } from '../../../gpu-worker/errors';
import {
  type TransformerConfig,
  transformerConfigSchema,
  transformerParameterCount,
} from '../../../gpu-worker/model/config';
import { type PositionScheme, ropePositions, ropeTables } from '../../../gpu-worker/model/rope';
import { emitTransformer } from '../../../gpu-worker/model/transformer';
import { openWeights } from '../../../gpu-worker/model/weights';
import type { FloatDType } from '../../../gpu-worker/onnx/graph';
import { createSession, type Tensor } from '../../../gpu-worker/session';
import { randomTensor, readGolden, relativeError, type WeightSpec, writeRandomComponent } from '../../golden';

interface Run {
  frames: number;
  height: number;
  width: number;
  references: number;
  scheme: PositionScheme;
  offset: number;
  policy: 'same' | 'zero';
  text: number;
  timestep: number;
}

interface Metadata {
  config: Record<string, unknown>;
  weights: WeightSpec[];
  runs: Run[];
}

const CASES = ['head-dim-12', 'head-dim-14', 'head-dim-64', 'no-cross-norm', 'no-cross-norm-references'];

let dir: string;

beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'transformer-')));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe.each(CASES)('the emitted transformer %s', (name) => {
  const { metadata, tensors } = readGolden<Metadata>(`transformer-${name}`);

  test.each(metadata.runs.map((run, index) => ({ ...run, index })))(
    'agrees with diffusers: $frames frames, $references references, $scheme, $policy timestep',
    async ({ index, ...run }) => {
      const config = writeModel(name, metadata);

      const sample = await runTransformer(config, run, `transformer-${name}/${index}`);

      const expected = tensors[`sample.${index}`]!;
      expect(sample.dims).toEqual(expected.dims);
      expect(relativeError(sample.data as Float32Array, expected.data as Float32Array)).toBeLessThan(1e-4);
    },
  );
});

describe('flavours', () => {
  const name = 'head-dim-64';
  const { metadata, tensors } = readGolden<Metadata>(`transformer-${name}`);
  const [run] = metadata.runs as [Run];
  const options = {
    numVideoFrames: run.frames,
    latentHeight: run.height,
    latentWidth: run.width,
    numReferences: run.references,
    textLength: run.text,
  };

  test('float16 computes the same to its own precision', async () => {
    const config = writeModel(name, metadata);

    const sample = await runTransformer(config, run, `transformer-${name}/0`, 'float16');

    const error = relativeError(sample.data as Float32Array, tensors['sample.0']!.data as Float32Array);
    expect(error).toBeGreaterThan(1e-5);
    expect(error).toBeLessThan(1e-2);
  });

  // No CPU kernel multiplies bfloat16 matrices, so this flavour only has to be a graph whose types agree.
  test.each(['same', 'zero'] as const)(
    'bfloat16 is emitted with float32 inputs and outputs, timestep %s',
    async (referenceTimestep) => {
      const config = writeModel(name, metadata);
      const weights = await openWeights(dir);

      const graph = emitTransformer(config, weights, { ...options, referenceTimestep, computeDtype: 'bfloat16' });

      expect(new Set([...graph.inputs, ...graph.outputs].map((value) => value.dtype))).toEqual(new Set(['float32']));
      expect(graph.weightBytes).toBe(weights.byteSize);
    },
  );
});

describe('what cannot be emitted', () => {
  const name = 'no-cross-norm';
  const { metadata } = readGolden<Metadata>(`transformer-${name}`);
  const options = {
    computeDtype: 'float32',
    numVideoFrames: 4,
    latentHeight: 3,
    latentWidth: 9,
    numReferences: 0,
    textLength: 6,
    referenceTimestep: 'same',
  } as const;

  test.each([
    [
      { latentWidth: 10 },
      "latentWidth must be a positive multiple of 3, as the transformer's patch_size says, got 10.",
    ],
    [
      { numVideoFrames: 0 },
      "numVideoFrames must be a positive multiple of 2, as the transformer's patch_size says, got 0.",
    ],
    [{ numReferences: 1 }, 'transformer/config.json: patch_size must start with 1 where there are references, got 2.'],
  ])('a size off the grid: %j', async (change, message) => {
    const config = writeModel(name, metadata);
    const weights = await openWeights(dir);

    expect(() => emitTransformer(config, weights, { ...options, ...change })).toThrow(new ModelError(message));
  });

  test('weights that are not those of the config', async () => {
    const config = writeModel(name, metadata);
    const weights = await openWeights(dir);

    expect(() => emitTransformer({ ...config, ffn_dim: 50 }, weights, options)).toThrow(
      new ModelError(
        `${join(dir, 'diffusion_pytorch_model.safetensors')}: tensor blocks.0.ffn.net.0.proj.weight must have shape [50, 40], got [48, 40].`,
      ),
    );
  });

  test('a block that is missing', async () => {
    const config = writeModel(name, metadata);
    const weights = await openWeights(dir);

    expect(() => emitTransformer({ ...config, num_layers: 3 }, weights, options)).toThrow(
      new ModelError(`${dir}: tensor blocks.2.scale_shift_table must be present, got none.`),
    );
  });
});

test('every tensor of the checkpoint is used', async () => {
  const { metadata } = readGolden<Metadata>('transformer-head-dim-12');
  const config = writeModel('head-dim-12', metadata);
  const weights = await openWeights(dir);

  const graph = emitTransformer(config, weights, {
    computeDtype: 'float32',
    numVideoFrames: 1,
    latentHeight: 2,
    latentWidth: 2,
    numReferences: 0,
    textLength: 4,
    referenceTimestep: 'same',
  });

  expect(graph.weightBytes).toBe(weights.byteSize);
  expect(weights.parameterCount).toBe(transformerParameterCount(config));
});

function writeModel(name: string, { config, weights }: Metadata): TransformerConfig {
  writeRandomComponent(dir, 'diffusion_pytorch_model.safetensors', config, `transformer-${name}`, weights);
  return transformerConfigSchema.parse(config);
}

async function runTransformer(
  config: TransformerConfig,
  run: Run,
  prefix: string,
  computeDtype: FloatDType = 'float32',
): Promise<Tensor> {
  const graph = emitTransformer(config, await openWeights(dir), {
    computeDtype,
    numVideoFrames: run.frames,
    latentHeight: run.height,
    latentWidth: run.width,
    numReferences: run.references,
    textLength: run.text,
    referenceTimestep: run.policy,
  });
  const session = await createSession(graph, { provider: 'cpu' });
  const latents = (frames: number) => [1, config.in_channels, frames, run.height, run.width];
  const [pt, ph, pw] = config.patch_size as [number, number, number];
  const positions = ropePositions({
    scheme: run.scheme,
    offset: run.offset,
    numFrames: run.frames / pt,
    height: run.height / ph,
    width: run.width / pw,
    numReferences: run.references,
  });
  const { cos, sin } = ropeTables(positions, config.attention_head_dim);
  const table = [positions.length / 3, config.attention_head_dim / 2];
  const timesteps = run.policy === 'zero' && run.references > 0 ? [run.timestep, 0] : [run.timestep];
  const feeds: Record<string, Tensor> = {
    hidden_states: random(`${prefix}/hidden_states`, latents(run.frames), 0, 2),
    encoder_hidden_states: random(`${prefix}/encoder_hidden_states`, [1, run.text, config.text_dim], 0, 1),
    timestep: { dtype: 'float32', dims: [timesteps.length], data: Float32Array.from(timesteps) },
    rope_cos: { dtype: 'float32', dims: table, data: cos },
    rope_sin: { dtype: 'float32', dims: table, data: sin },
  };
  if (run.references > 0) feeds.references = random(`${prefix}/references`, latents(run.references), 0.1, 1.5);
  const { sample } = await session.run(feeds);
  await session.release();
  return sample!;
}

function random(name: string, dims: number[], mean: number, scale: number): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { dtype: 'float32', dims, data: randomTensor(name, count, mean, scale) };
}

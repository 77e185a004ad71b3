import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TransformerConfig, transformerConfigSchema } from '../../../gpu-worker/model/config';
import { type PositionScheme, ropePositions, ropeTables } from '../../../gpu-worker/model/rope';
import { emitTransformer } from '../../../gpu-worker/model/transformer';
import { openWeights } from '../../../gpu-worker/model/weights';
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
  dir = mkdtempSync(join(tmpdir(), 'transformer-'));
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

function writeModel(name: string, { config, weights }: Metadata): TransformerConfig {
  writeRandomComponent(dir, 'diffusion_pytorch_model.safetensors', config, `transformer-${name}`, weights);
  return transformerConfigSchema.parse(config);
}

async function runTransformer(config: TransformerConfig, run: Run, prefix: string): Promise<Tensor> {
  const graph = emitTransformer(config, await openWeights(dir), {
    computeDtype: 'float32',
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

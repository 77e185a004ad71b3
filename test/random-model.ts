/**
 * Whole model directories with random weights, tiny by default: the real classes, for tests that need all of them together.
 * Names and shapes of the tensors are those that the emitters ask for; parity with diffusers is tested elsewhere.
 */
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { textEncoderConfigSchema, transformerConfigSchema, vaeConfigSchema } from '../gpu-worker/model/config';
import { emitTextEncoder } from '../gpu-worker/model/text-encoder';
import { emitTransformer } from '../gpu-worker/model/transformer';
import { emitVaeDecoder, emitVaeEncoder } from '../gpu-worker/model/vae';
import { type TensorRef, Weights } from '../gpu-worker/model/weights';
import { randomTensor, readGoldenJson, writeSafetensors } from './golden';

export interface RandomModelOptions {
  /** Keys that replace those of the tiny configs. */
  readonly transformer?: Record<string, unknown>;
  readonly vae?: Record<string, unknown>;
  readonly textEncoder?: Record<string, unknown>;
  readonly scheduler?: { className: string; config: Record<string, unknown> };
  /** Contents of reference_conditioning.json; null leaves the file out. */
  readonly conditioning?: unknown;
  /** model_max_length of the tokenizer; 16 unless given. */
  readonly textLength?: number;
  /** Weights are holes in sparse files, read as zeros: any size, for tests that only look at headers. */
  readonly sparse?: boolean;
  /** Adds a second expert (Wan 2.2) below this share of the timesteps. */
  readonly boundaryRatio?: number;
}

const Z_DIM = 4;

/** 8 x 8 pixels a latent, 4 frames a latent frame; the grid is 16 x 16 pixels. */
const TRANSFORMER = {
  patch_size: [1, 2, 2],
  num_attention_heads: 2,
  attention_head_dim: 12,
  in_channels: Z_DIM,
  out_channels: Z_DIM,
  text_dim: 16,
  freq_dim: 32,
  ffn_dim: 32,
  num_layers: 2,
};
const VAE = {
  base_dim: 8,
  z_dim: Z_DIM,
  dim_mult: [1, 1, 2],
  num_res_blocks: 1,
  temperal_downsample: [true, true],
  latents_mean: [0.1, -0.1, 0.2, 0],
  latents_std: [1, 0.9, 1.1, 1],
  in_channels: 12,
  out_channels: 12,
  patch_size: 2,
};
const TEXT_ENCODER = { d_model: 16, d_kv: 8, d_ff: 32, num_layers: 1, num_heads: 2 };
const SCHEDULER = {
  className: 'UniPCMultistepScheduler',
  config: { prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: 3 },
};

/** Two references at most change nothing of the tests' speed; three branches, so that every feed is exercised. */
export const CONDITIONING = {
  version: 1,
  scheme: 'rd-rope',
  offset: 1,
  reference_timestep: 'zero',
  max_references: 4,
  dropped_references: 'omit',
  guidance: {
    branches: [
      { name: 'text_references', text: true, references: true, weight: { text: 1 } },
      { name: 'references', text: false, references: true, weight: { text: -1, image: 1 } },
      { name: 'neither', text: false, references: false, weight: { constant: 1, image: -1 } },
    ],
  },
  defaults: { width: 64, height: 64, num_frames: 5, fps: 8, steps: 2, guidance: { text: 2, image: 1.5 } },
};

/** Notes which tensors an emitter asks for, and has none. */
class AskedWeights extends Weights {
  readonly asked = new Map<string, readonly number[]>();

  constructor() {
    super('', new Map());
  }

  override get(name: string, expectedShape?: readonly number[]): TensorRef {
    if (!expectedShape) throw new Error(`The shape of ${name} must be known, got none.`);
    this.asked.set(name, expectedShape);
    return { name, file: '/none', dtype: 'F32', shape: expectedShape, offset: 0, length: 4 * count(expectedShape) };
  }
}

/** Writes the directory and returns its path. */
export function writeRandomModel(dir: string, options: RandomModelOptions = {}): string {
  const writeWeights = options.sparse ? writeSparseWeights : writeRandomWeights;
  const tokenizer = readGoldenJson<{ tokenizer: unknown; tokenizer_config: Record<string, unknown> }>('tokenizer-toy');
  const transformer = { ...TRANSFORMER, ...options.transformer };
  const vae = { ...VAE, ...options.vae };
  const textEncoder = { ...TEXT_ENCODER, vocab_size: 512, ...options.textEncoder };
  const scheduler = options.scheduler ?? SCHEDULER;
  const hasSecond = options.boundaryRatio !== undefined;

  writeJson(dir, 'model_index.json', {
    _class_name: 'WanPipeline',
    transformer: ['diffusers', 'WanTransformer3DModel'],
    ...(hasSecond && { transformer_2: ['diffusers', 'WanTransformer3DModel'], boundary_ratio: options.boundaryRatio }),
    vae: ['diffusers', 'AutoencoderKLWan'],
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    scheduler: ['diffusers', scheduler.className],
  });
  writeJson(dir, 'tokenizer/tokenizer.json', tokenizer.tokenizer);
  writeJson(dir, 'tokenizer/tokenizer_config.json', {
    ...tokenizer.tokenizer_config,
    model_max_length: options.textLength ?? 16,
  });
  writeJson(dir, 'scheduler/scheduler_config.json', scheduler.config);
  writeJson(dir, 'transformer/config.json', transformer);
  writeJson(dir, 'vae/config.json', vae);
  writeJson(dir, 'text_encoder/config.json', textEncoder);
  if (options.conditioning !== null) {
    writeJson(dir, 'reference_conditioning.json', options.conditioning ?? CONDITIONING);
  }

  const transformerShapes = askedShapes((weights) =>
    emitTransformer(transformerConfigSchema.parse(transformer), weights, {
      computeDtype: 'float32',
      numVideoFrames: 1,
      latentHeight: 8,
      latentWidth: 8,
      numReferences: 1,
      textLength: 4,
      referenceTimestep: 'zero',
    }),
  );
  writeWeights(dir, 'transformer/diffusion_pytorch_model.safetensors', transformerShapes);
  if (hasSecond) {
    writeJson(dir, 'transformer_2/config.json', transformer);
    writeWeights(dir, 'transformer_2/diffusion_pytorch_model.safetensors', transformerShapes);
  }
  const vaeShapes = askedShapes((weights) => {
    const config = vaeConfigSchema.parse(vae);
    emitVaeEncoder(config, weights, { numFrames: 5, height: 64, width: 64 });
    for (const chunk of ['first', 'next'] as const) {
      emitVaeDecoder(config, weights, { chunk, latentHeight: 8, latentWidth: 8 });
    }
  });
  writeWeights(dir, 'vae/diffusion_pytorch_model.safetensors', vaeShapes);
  const textShapes = askedShapes((weights) =>
    emitTextEncoder({ className: 'UMT5EncoderModel', config: textEncoderConfigSchema.parse(textEncoder) }, weights, {
      textLength: 4,
    }),
  );
  writeWeights(dir, 'text_encoder/model.safetensors', textShapes);
  return dir;
}

function askedShapes(emit: (weights: Weights) => void): ReadonlyMap<string, readonly number[]> {
  const weights = new AskedWeights();
  emit(weights);
  return weights.asked;
}

/** Values that keep signals near 1 through any depth: norms about 1, the rest scaled by fan-in. */
function writeRandomWeights(dir: string, file: string, shapes: ReadonlyMap<string, readonly number[]>): void {
  const tensors = [...shapes].map(([name, shape]) => {
    const isNorm = /gamma|norm.*weight|layer_norm/.test(name);
    const fanIn = count(shape) / shape[0]!;
    const scale = isNorm || shape.length === 1 ? 0.1 : Math.sqrt(3 / fanIn);
    return { name, shape: [...shape], data: randomTensor(`${file}/${name}`, count(shape), isNorm ? 1 : 0, scale) };
  });
  writeSafetensors(path.join(dir, file), tensors);
}

function writeSparseWeights(dir: string, file: string, shapes: ReadonlyMap<string, readonly number[]>): void {
  let end = 0;
  const entries = [...shapes].map(([name, shape]) => {
    const start = end;
    end += 2 * count(shape);
    return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  writeFileSync(path.join(dir, file), Buffer.concat([length, header]));
  truncateSync(path.join(dir, file), length.length + header.length + end);
}

function writeJson(dir: string, file: string, value: unknown): void {
  mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
  writeFileSync(path.join(dir, file), JSON.stringify(value, null, 2));
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

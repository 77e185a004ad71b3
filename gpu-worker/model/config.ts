/**
 * A model directory in the diffusers layout: `model_index.json` and the config of each component, read and checked.
 *
 * Config objects keep the keys of the files as they are, so that a key is found by the same word here, in the file and in
 * diffusers. Keys that this engine does not read are tolerated, as diffusers writes new ones with every release; classes that it
 * does not know are refused by name. Defaults are those of the diffusers 0.40 and transformers 5 constructors.
 */

import { join } from 'node:path';
import { z } from 'zod';
import { ModelError } from '../errors';
import { type FlowMatchEulerConfig, flowMatchEulerConfigSchema } from '../schedulers/flow-match-euler-discrete';
import { type UniPcConfig, uniPcConfigSchema } from '../schedulers/uni-pc-multistep';
import { parseAs, readJson } from './json-file';

const positive = z.int().positive().meta({ rule: 'a whole number of at least 1' });
const even = z.int().positive().multipleOf(2).meta({ rule: 'an even number of at least 2' });
const absent = z.null().default(null).meta({ rule: 'null: image-to-video models are not supported' });

export const transformerConfigSchema = z
  .object({
    patch_size: z.array(positive).length(3).default([1, 2, 2]).meta({ rule: 'three whole numbers of at least 1' }),
    num_attention_heads: positive.default(40),
    attention_head_dim: even.default(128),
    in_channels: positive.default(16),
    out_channels: positive.nullish(),
    text_dim: positive.default(4096),
    freq_dim: even.default(256),
    ffn_dim: positive.default(13824),
    num_layers: positive.default(40),
    cross_attn_norm: z.boolean().default(true),
    eps: z.number().positive().default(1e-6),
    image_dim: absent,
    added_kv_proj_dim: absent,
  })
  .transform((config) => ({ ...config, out_channels: config.out_channels ?? config.in_channels }));

export const vaeConfigSchema = z
  .object({
    base_dim: positive.default(96),
    decoder_base_dim: positive.nullish(),
    z_dim: positive.default(16),
    dim_mult: z.array(positive).min(1).default([1, 2, 4, 4]),
    num_res_blocks: positive.default(2),
    attn_scales: z
      .array(z.number())
      .length(0)
      .default([])
      .meta({ rule: 'empty: attention within stages is not supported' }),
    temperal_downsample: z.array(z.boolean()).default([false, true, true]),
    latents_mean: z.array(z.number()),
    latents_std: z.array(z.number().positive()),
    is_residual: z.boolean().default(false),
    in_channels: positive.default(3),
    out_channels: positive.default(3),
    patch_size: positive.nullish(),
  })
  .refine((config) => config.temperal_downsample.length === config.dim_mult.length - 1, {
    path: ['temperal_downsample'],
    error: 'one entry fewer than dim_mult',
  })
  .refine((config) => config.latents_mean.length === config.z_dim, {
    path: ['latents_mean'],
    error: 'one number a channel of z_dim',
  })
  .refine((config) => config.latents_std.length === config.z_dim, {
    path: ['latents_std'],
    error: 'one number a channel of z_dim',
  })
  .transform((config) => ({
    ...config,
    decoder_base_dim: config.decoder_base_dim ?? config.base_dim,
    patch_size: config.patch_size ?? 1,
  }));

/** UMT5 has a relative attention bias in every block, T5 in the first alone; otherwise the two encoders are one. */
export const textEncoderConfigSchema = z.object({
  vocab_size: positive,
  d_model: positive,
  d_kv: positive,
  d_ff: positive,
  num_layers: positive,
  num_heads: positive,
  relative_attention_num_buckets: positive.default(32),
  relative_attention_max_distance: positive.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  feed_forward_proj: z.enum(['gated-gelu', 'relu']).default('gated-gelu'),
});

const component = z.tuple([z.string().nullable(), z.string().nullable()]).meta({ rule: 'a pair of library and class' });

const modelIndexSchema = z.object({
  _class_name: z.literal('WanPipeline'),
  transformer: component,
  transformer_2: component.optional(),
  vae: component,
  text_encoder: component,
  tokenizer: component,
  scheduler: component,
  /** Share of the timesteps below which `transformer_2` takes over. */
  boundary_ratio: z.number().min(0).max(1).nullish(),
});

export type TransformerConfig = z.infer<typeof transformerConfigSchema>;
export type VaeConfig = z.infer<typeof vaeConfigSchema>;
export type TextEncoderConfig = z.infer<typeof textEncoderConfigSchema>;

export type SchedulerConfig =
  | { readonly className: 'UniPCMultistepScheduler'; readonly config: UniPcConfig }
  | { readonly className: 'FlowMatchEulerDiscreteScheduler'; readonly config: FlowMatchEulerConfig };

export interface ModelDirectory {
  readonly dir: string;
  readonly transformer: TransformerConfig;
  /** The low-noise expert of Wan 2.2; undefined where there is one transformer. */
  readonly transformer2: TransformerConfig | undefined;
  readonly boundaryRatio: number | undefined;
  readonly vae: VaeConfig;
  readonly textEncoder: {
    readonly className: 'UMT5EncoderModel' | 'T5EncoderModel';
    readonly config: TextEncoderConfig;
  };
  readonly scheduler: SchedulerConfig;
  /** Tokens of a prompt that the transformer attends to, zero rows included: min(512, the tokenizer's model_max_length). */
  readonly textLength: number;
}

/** Wan's pipelines never give more tokens than this, whatever the tokenizer could do. */
const MAX_TEXT_LENGTH = 512;

/**
 * Reads `model_index.json` and the config of every component it names.
 *
 * @throws ModelError naming the file and the key, when a file is missing or unreadable, a class is unknown, a value is one that
 *   this engine does not do, or two components do not fit together.
 */
export async function readModelDirectory(dir: string): Promise<ModelDirectory> {
  const indexFile = join(dir, 'model_index.json');
  const index = await readConfig(indexFile, modelIndexSchema);
  const requireClass = <Name extends string>(key: keyof typeof index, ...known: readonly Name[]): Name => {
    const className = (index[key] as z.infer<typeof component>)[1];
    const found = known.find((name) => name === className);
    if (found === undefined)
      throw new ModelError(`${indexFile}: ${key} must be ${known.join(' or ')}, got ${className}.`);
    return found;
  };

  requireClass('transformer', 'WanTransformer3DModel');
  requireClass('vae', 'AutoencoderKLWan');
  requireClass('tokenizer', 'T5TokenizerFast', 'T5Tokenizer', 'PreTrainedTokenizerFast', 'TokenizersBackend');
  const textEncoderClass = requireClass('text_encoder', 'UMT5EncoderModel', 'T5EncoderModel');
  const hasSecond = index.transformer_2 !== undefined && index.transformer_2[1] !== null;
  if (hasSecond) requireClass('transformer_2', 'WanTransformer3DModel');

  const model: ModelDirectory = {
    dir,
    transformer: await readConfig(join(dir, 'transformer/config.json'), transformerConfigSchema),
    transformer2: hasSecond
      ? await readConfig(join(dir, 'transformer_2/config.json'), transformerConfigSchema)
      : undefined,
    boundaryRatio: index.boundary_ratio ?? undefined,
    vae: await readConfig(join(dir, 'vae/config.json'), vaeConfigSchema),
    textEncoder: {
      className: textEncoderClass,
      config: await readConfig(join(dir, 'text_encoder/config.json'), textEncoderConfigSchema),
    },
    scheduler: await readScheduler(
      dir,
      requireClass('scheduler', 'UniPCMultistepScheduler', 'FlowMatchEulerDiscreteScheduler'),
    ),
    textLength: await readTextLength(join(dir, 'tokenizer/tokenizer_config.json')),
  };
  requireFit(model);
  return model;
}

/** Elements of all tensors of a WanTransformer3DModel. */
export function transformerParameterCount(config: TransformerConfig): number {
  const width = innerDim(config);
  const { text_dim, freq_dim, ffn_dim, num_layers, in_channels, out_channels, cross_attn_norm } = config;
  const patch = config.patch_size.reduce((product, size) => product * size, 1);
  const attention = 4 * linear(width, width) + 2 * width;
  const feedForward = linear(width, ffn_dim) + linear(ffn_dim, width);
  const block = 2 * attention + (cross_attn_norm ? 2 * width : 0) + feedForward + 6 * width;
  const timeEmbedder = linear(freq_dim, width) + linear(width, width) + linear(width, 6 * width);
  const textEmbedder = linear(text_dim, width) + linear(width, width);
  const ends = linear(in_channels * patch, width) + linear(width, out_channels * patch) + 2 * width;
  return num_layers * block + timeEmbedder + textEmbedder + ends;
}

/** Elements of all tensors of an AutoencoderKLWan, encoder and decoder. */
export function vaeParameterCount(config: VaeConfig): number {
  return (
    encoderCount(config) +
    decoderCount(config) +
    conv(2 * config.z_dim, 2 * config.z_dim, 1) +
    conv(config.z_dim, config.z_dim, 1)
  );
}

/** Elements of all tensors of the encoder, the tied embedding counted once. */
export function textEncoderParameterCount({ className, config }: ModelDirectory['textEncoder']): number {
  const { d_model, d_kv, d_ff, num_heads, num_layers, vocab_size, relative_attention_num_buckets } = config;
  const attention = 4 * d_model * d_kv * num_heads;
  const feedForward = (config.feed_forward_proj === 'gated-gelu' ? 3 : 2) * d_model * d_ff;
  const biases = (className === 'UMT5EncoderModel' ? num_layers : 1) * relative_attention_num_buckets * num_heads;
  return vocab_size * d_model + num_layers * (attention + feedForward + 2 * d_model) + biases + d_model;
}

/** D: the width of the transformer's tokens. */
export function innerDim(config: TransformerConfig): number {
  return config.num_attention_heads * config.attention_head_dim;
}

async function readScheduler(dir: string, className: SchedulerConfig['className']): Promise<SchedulerConfig> {
  const file = join(dir, 'scheduler/scheduler_config.json');
  return className === 'UniPCMultistepScheduler'
    ? { className, config: await readConfig(file, uniPcConfigSchema) }
    : { className, config: await readConfig(file, flowMatchEulerConfigSchema) };
}

async function readTextLength(file: string): Promise<number> {
  // transformers writes 1e30 for "no limit", which is no safe integer.
  const { model_max_length } = await readConfig(
    file,
    z.object({ model_max_length: z.number().min(1).default(MAX_TEXT_LENGTH) }),
  );
  return Math.min(MAX_TEXT_LENGTH, Math.floor(model_max_length));
}

function requireFit({ dir, transformer, transformer2, vae, textEncoder }: ModelDirectory): void {
  const transformers = [
    { name: 'transformer', config: transformer },
    ...(transformer2 === undefined ? [] : [{ name: 'transformer_2', config: transformer2 }]),
  ];
  for (const { name, config } of transformers) {
    const file = join(dir, name, 'config.json');
    const rules = [
      { key: 'in_channels', got: config.in_channels, other: 'z_dim of the VAE', wanted: vae.z_dim },
      { key: 'out_channels', got: config.out_channels, other: 'z_dim of the VAE', wanted: vae.z_dim },
      {
        key: 'text_dim',
        got: config.text_dim,
        other: 'd_model of the text encoder',
        wanted: textEncoder.config.d_model,
      },
    ];
    for (const { key, got, other, wanted } of rules) {
      if (got !== wanted) throw new ModelError(`${file}: ${key} must equal ${other}, ${wanted}, got ${got}.`);
    }
  }
}

async function readConfig<Schema extends z.ZodType>(file: string, schema: Schema): Promise<z.output<Schema>> {
  return parseAs(schema, await readJson(file), file, 'its content');
}

function linear(inputs: number, outputs: number): number {
  return inputs * outputs + outputs;
}

function conv(inputs: number, outputs: number, kernel: number): number {
  return linear(inputs * kernel, outputs);
}

/** Two normalised 3x3x3 convolutions, and a 1x1x1 one where the width changes. */
function residualBlock(inputs: number, outputs: number): number {
  const shortcut = inputs === outputs ? 0 : conv(inputs, outputs, 1);
  return inputs + conv(inputs, outputs, 27) + outputs + conv(outputs, outputs, 27) + shortcut;
}

function middleBlock(width: number): number {
  const attention = width + conv(width, 3 * width, 1) + conv(width, width, 1);
  return 2 * residualBlock(width, width) + attention;
}

function encoderCount({
  base_dim,
  dim_mult,
  num_res_blocks,
  temperal_downsample,
  in_channels,
  z_dim,
}: VaeConfig): number {
  let width = base_dim;
  let total = conv(in_channels, width, 27);
  for (const [stage, factor] of dim_mult.entries()) {
    for (let block = 0; block < num_res_blocks; block++) {
      total += residualBlock(width, base_dim * factor);
      width = base_dim * factor;
    }
    if (stage < dim_mult.length - 1)
      total += conv(width, width, 9) + (temperal_downsample[stage] ? conv(width, width, 3) : 0);
  }
  return total + middleBlock(width) + width + conv(width, 2 * z_dim, 27);
}

function decoderCount({
  decoder_base_dim,
  dim_mult,
  num_res_blocks,
  temperal_downsample,
  out_channels,
  z_dim,
  is_residual,
}: VaeConfig): number {
  const widths = [...dim_mult].reverse().map((factor) => decoder_base_dim * factor);
  const upsamples = [...temperal_downsample].reverse();
  let width = widths[0]!;
  let total = conv(z_dim, width, 27) + middleBlock(width);
  for (const [stage, stageWidth] of widths.entries()) {
    for (let block = 0; block <= num_res_blocks; block++) {
      total += residualBlock(width, stageWidth);
      width = stageWidth;
    }
    if (stage === widths.length - 1) continue;
    // The upsampler of Wan 2.1 halves the width; that of 2.2 leaves it.
    const upsampled = is_residual ? width : width / 2;
    total += conv(width, upsampled, 9) + (upsamples[stage] ? conv(width, 2 * width, 3) : 0);
    width = upsampled;
  }
  return total + width + conv(width, out_channels, 27);
}

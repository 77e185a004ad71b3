import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  readModelDirectory,
  textEncoderConfigSchema,
  textEncoderParameterCount,
  transformerConfigSchema,
  transformerParameterCount,
  vaeConfigSchema,
  vaeParameterCount,
} from '../../../gpu-worker/model/config';

/** Wan2.1-T2V-1.3B as its repository has it, keys that nobody reads included. */
const WAN_1_3B = {
  'model_index.json': {
    _class_name: 'WanPipeline',
    _diffusers_version: '0.33.0.dev0',
    scheduler: ['diffusers', 'UniPCMultistepScheduler'],
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    transformer: ['diffusers', 'WanTransformer3DModel'],
    vae: ['diffusers', 'AutoencoderKLWan'],
  },
  'transformer/config.json': {
    _class_name: 'WanTransformer3DModel',
    added_kv_proj_dim: null,
    attention_head_dim: 128,
    cross_attn_norm: true,
    eps: 1e-6,
    ffn_dim: 8960,
    freq_dim: 256,
    image_dim: null,
    in_channels: 16,
    num_attention_heads: 12,
    num_layers: 30,
    out_channels: 16,
    patch_size: [1, 2, 2],
    qk_norm: 'rms_norm_across_heads',
    rope_max_seq_len: 1024,
    text_dim: 4096,
  },
  'vae/config.json': {
    _class_name: 'AutoencoderKLWan',
    attn_scales: [],
    base_dim: 96,
    dim_mult: [1, 2, 4, 4],
    dropout: 0,
    latents_mean: new Array(16).fill(0),
    latents_std: new Array(16).fill(1),
    num_res_blocks: 2,
    temperal_downsample: [false, true, true],
    z_dim: 16,
  },
  'text_encoder/config.json': {
    architectures: ['UMT5EncoderModel'],
    d_ff: 10240,
    d_kv: 64,
    d_model: 4096,
    feed_forward_proj: 'gated-gelu',
    num_heads: 64,
    num_layers: 24,
    relative_attention_max_distance: 128,
    relative_attention_num_buckets: 32,
    vocab_size: 256384,
  },
  'scheduler/scheduler_config.json': {
    _class_name: 'UniPCMultistepScheduler',
    beta_end: 0.02,
    flow_shift: 3,
    prediction_type: 'flow_prediction',
    use_flow_sigmas: true,
    use_karras_sigmas: false,
  },
  'tokenizer/tokenizer_config.json': { model_max_length: 1e30 },
};

type FileName = keyof typeof WAN_1_3B;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'config-'));
  for (const [name, content] of Object.entries(WAN_1_3B)) write(name, content);
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

test('a published directory is read, with the defaults of what it leaves out', async () => {
  const model = await readModelDirectory(dir);

  expect(model.transformer).toMatchObject({ num_attention_heads: 12, patch_size: [1, 2, 2], eps: 1e-6 });
  expect(model.vae).toMatchObject({ decoder_base_dim: 96, patch_size: 1, is_residual: false });
  expect(model.textEncoder).toMatchObject({ className: 'UMT5EncoderModel', config: { layer_norm_epsilon: 1e-6 } });
  expect(model.scheduler).toMatchObject({
    className: 'UniPCMultistepScheduler',
    config: { flow_shift: 3, solver_order: 2 },
  });
  expect(model.transformer2).toBeUndefined();
  expect(model.textLength).toBe(512);
});

test('a tokenizer with a limit of its own sets the text length', async () => {
  write('tokenizer/tokenizer_config.json', { model_max_length: 32 });

  expect((await readModelDirectory(dir)).textLength).toBe(32);
});

test('out_channels may be left to in_channels', () => {
  expect(transformerConfigSchema.parse({ in_channels: 7, out_channels: null }).out_channels).toBe(7);
});

test('a second transformer is read where the index names one', async () => {
  edit('model_index.json', { transformer_2: ['diffusers', 'WanTransformer3DModel'], boundary_ratio: 0.875 });
  write('transformer_2/config.json', { ...WAN_1_3B['transformer/config.json'], num_layers: 2 });

  const model = await readModelDirectory(dir);

  expect([model.transformer2?.num_layers, model.boundaryRatio]).toEqual([2, 0.875]);
});

test('a second transformer of [null, null] is none', async () => {
  edit('model_index.json', { transformer_2: [null, null], boundary_ratio: null });

  const model = await readModelDirectory(dir);

  expect([model.transformer2, model.boundaryRatio]).toEqual([undefined, undefined]);
});

describe('what this engine does not do is refused by file and key', () => {
  const refusals: [string, FileName, Record<string, unknown>, string][] = [
    [
      'another pipeline',
      'model_index.json',
      { _class_name: 'WanImageToVideoPipeline' },
      '_class_name must be "WanPipeline", got "WanImageToVideoPipeline".',
    ],
    [
      'another transformer',
      'model_index.json',
      { transformer: ['diffusers', 'FluxTransformer2DModel'] },
      'transformer must be WanTransformer3DModel, got FluxTransformer2DModel.',
    ],
    [
      'another VAE',
      'model_index.json',
      { vae: ['diffusers', 'AutoencoderKL'] },
      'vae must be AutoencoderKLWan, got AutoencoderKL.',
    ],
    [
      'another text encoder',
      'model_index.json',
      { text_encoder: ['transformers', 'CLIPTextModel'] },
      'text_encoder must be UMT5EncoderModel or T5EncoderModel, got CLIPTextModel.',
    ],
    [
      'another scheduler',
      'model_index.json',
      { scheduler: ['diffusers', 'DDIMScheduler'] },
      'scheduler must be UniPCMultistepScheduler or FlowMatchEulerDiscreteScheduler, got DDIMScheduler.',
    ],
    [
      'a component that is missing',
      'model_index.json',
      { vae: undefined },
      'vae must be a pair of library and class, got nothing.',
    ],
    [
      'an image model',
      'transformer/config.json',
      { image_dim: 1280 },
      'image_dim must be null: image-to-video models are not supported, got 1280.',
    ],
    [
      'an odd head',
      'transformer/config.json',
      { attention_head_dim: 13 },
      'attention_head_dim must be an even number of at least 2, got 13.',
    ],
    [
      'a flat patch',
      'transformer/config.json',
      { patch_size: [2, 2] },
      'patch_size must be three whole numbers of at least 1, got a list of 2.',
    ],
    [
      'no layers',
      'transformer/config.json',
      { num_layers: 0 },
      'num_layers must be a whole number of at least 1, got 0.',
    ],
    [
      'a word for a number',
      'transformer/config.json',
      { ffn_dim: 'wide' },
      'ffn_dim must be a whole number of at least 1, got "wide".',
    ],
    [
      'channels the VAE has not',
      'transformer/config.json',
      { in_channels: 36 },
      'in_channels must equal z_dim of the VAE, 16, got 36.',
    ],
    [
      'a text width the encoder has not',
      'transformer/config.json',
      { text_dim: 512 },
      'text_dim must equal d_model of the text encoder, 4096, got 512.',
    ],
    [
      'too few means',
      'vae/config.json',
      { latents_mean: [0] },
      'latents_mean must be one number a channel of z_dim, got a list of 1.',
    ],
    [
      'too few stages',
      'vae/config.json',
      { temperal_downsample: [true] },
      'temperal_downsample must be one entry fewer than dim_mult, got a list of 1.',
    ],
    [
      'attention within stages',
      'vae/config.json',
      { attn_scales: [1] },
      'attn_scales must be empty: attention within stages is not supported, got a list of 1.',
    ],
    [
      'another activation',
      'text_encoder/config.json',
      { feed_forward_proj: 'gated-silu' },
      'feed_forward_proj must be one of "gated-gelu", "relu", got "gated-silu".',
    ],
    [
      'another prediction',
      'scheduler/scheduler_config.json',
      { prediction_type: 'epsilon' },
      'prediction_type must be "flow_prediction", got "epsilon".',
    ],
    [
      'Karras sigmas',
      'scheduler/scheduler_config.json',
      { use_karras_sigmas: true },
      'use_karras_sigmas must be absent, null or false (not supported), got true.',
    ],
  ];

  test.each(refusals)('%s', async (_, name, change, message) => {
    edit(name, change);

    await expect(readModelDirectory(dir)).rejects.toMatchObject({
      name: 'ModelError',
      message: `${join(dir, name)}: ${message}`,
    });
  });

  test('several faults are told at once', async () => {
    edit('transformer/config.json', { num_layers: -1, eps: 0 });

    await expect(readModelDirectory(dir)).rejects.toThrow(
      `${join(dir, 'transformer/config.json')}: num_layers must be a whole number of at least 1, got -1. eps must be more than 0, got 0.`,
    );
  });

  test('a config that is missing', async () => {
    rmSync(join(dir, 'vae/config.json'));

    await expect(readModelDirectory(dir)).rejects.toThrow(
      `${join(dir, 'vae/config.json')} must be a readable file, got ENOENT.`,
    );
  });

  test('a config that is no JSON', async () => {
    writeFileSync(join(dir, 'vae/config.json'), '{"base_dim": ');

    await expect(readModelDirectory(dir)).rejects.toThrow(
      `${join(dir, 'vae/config.json')} must be JSON, got "{\\"base_dim\\": ".`,
    );
  });

  test('a directory that is not there', async () => {
    await expect(readModelDirectory('/nowhere')).rejects.toThrow(
      '/nowhere/model_index.json must be a readable file, got ENOENT.',
    );
  });
});

describe('parameter counts follow from the config alone', () => {
  test.each([
    ['Wan2.1-T2V-1.3B', { num_attention_heads: 12, ffn_dim: 8960, num_layers: 30 }, 1_418_996_800],
    ['Wan2.1-T2V-14B', {}, 14_288_491_584],
    ['Wan2.2-TI2V-5B', { num_attention_heads: 24, ffn_dim: 14336, num_layers: 30, in_channels: 48 }, 4_999_787_712],
  ])('the transformer of %s', (_, config, count) => {
    expect(transformerParameterCount(transformerConfigSchema.parse(config))).toBe(count);
  });

  test('the VAE of Wan 2.1', () => {
    expect(vaeParameterCount(vaeConfigSchema.parse(WAN_1_3B['vae/config.json']))).toBe(126_892_531);
  });

  test('the VAE of Wan 2.2', () => {
    const config = vaeConfigSchema.parse({
      base_dim: 160,
      decoder_base_dim: 256,
      z_dim: 48,
      latents_mean: new Array(48).fill(0),
      latents_std: new Array(48).fill(1),
      is_residual: true,
      in_channels: 12,
      out_channels: 12,
      patch_size: 2,
    });

    expect(vaeParameterCount(config)).toBe(704_688_668);
  });

  test('umt5-xxl', () => {
    const config = textEncoderConfigSchema.parse(WAN_1_3B['text_encoder/config.json']);

    expect(textEncoderParameterCount({ className: 'UMT5EncoderModel', config })).toBe(5_680_910_336);
  });
});

function write(name: string, content: unknown): void {
  mkdirSync(dirname(join(dir, name)), { recursive: true });
  writeFileSync(join(dir, name), JSON.stringify(content));
}

function edit(name: FileName, change: Record<string, unknown>): void {
  write(name, { ...JSON.parse(readFileSync(join(dir, name), 'utf8')), ...change });
}

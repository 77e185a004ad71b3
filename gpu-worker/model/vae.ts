/**
 * AutoencoderKLWan as ONNX graphs: Wan 2.1's VAE, the same with patches, and Wan 2.2's (is_residual).
 * Source: diffusers, models/autoencoders/autoencoder_kl_wan.py; letters: F frames, T latent frames, H W pixels, h w latent sides.
 *
 * The encoder takes a whole clip, most often one image, in which case every temporal kernel shrinks to its last tap. The decoder streams:
 * the graph 'first' decodes latent frame 0, the graph 'next' any number of later latent frames; what convolutions remember in between
 * are inputs and outputs (vae-time.ts). gpu-worker/vae-decoder.ts runs the two.
 */

import { type FloatDType, Graph, type Value } from '../onnx/graph';
import { Add, Cast, Clip, Div, Mul, Reshape, Slice, Sub, Transpose } from '../onnx/ops';
import type { VaeConfig } from './config';
import {
  averageDown,
  downsample,
  duplicateUp,
  midBlock,
  normAndSilu,
  patchify,
  residualBlock,
  unpatchify,
  upsample,
} from './vae-blocks';
import { causalConv, pointConv, type VaeGraph } from './vae-time';
import type { Weights } from './weights';

export interface VaeEncoderOptions {
  /** 1 for an image, 4 k + 1 for a clip. */
  readonly numFrames: number;
  /** In pixels; multiples of `spatialFactor`. */
  readonly height: number;
  readonly width: number;
  readonly computeDtype?: FloatDType;
}

export interface VaeDecoderOptions {
  readonly chunk: 'first' | 'next';
  /** Latent frames a run takes; 1 unless given, and always 1 for 'first'. */
  readonly numLatentFrames?: number;
  readonly latentHeight: number;
  readonly latentWidth: number;
  readonly computeDtype?: FloatDType;
}

/** Frames that one more latent frame covers, and pixels to one latent side. */
export const temporalFactor = (config: VaeConfig): number =>
  config.temperal_downsample.reduce((factor, halves) => (halves ? 2 * factor : factor), 1);
export const spatialFactor = (config: VaeConfig): number => 2 ** (config.dim_mult.length - 1) * config.patch_size;

/**
 * Graph: `sample` float32 [1, 3, F, H, W] in [-1, 1] -> `latents` float32 [1, z_dim, T, h, w], the mode of the posterior, normalised:
 * (mode - latents_mean) / latents_std. What the transformer reads.
 *
 * @throws RangeError when the size is off the grid; ModelError when a weight is missing or has another shape.
 */
export function emitVaeEncoder(config: VaeConfig, weights: Weights, options: VaeEncoderOptions): Graph {
  const { numFrames, height, width } = options;
  requireOnGrid(config, options);
  const g = new Graph('vae encoder', { computeDtype: vaeDtype(options.computeDtype) });
  const vae: VaeGraph = { g, weights, past: { before: 'nothing', keepsCaches: false } };
  const pixels = config.in_channels / config.patch_size ** 2;
  const sample = Cast(g, g.input('sample', 'float32', [1, pixels, numFrames, height, width]), g.computeDtype);
  const patches = g.scope('patchify', () => patchify(g, sample, config.patch_size));

  let x = causalConv(vae, 'encoder.conv_in', patches, config.base_dim);
  x = config.is_residual ? residualDownBlocks(vae, config, x) : flatDownBlocks(vae, config, x);
  x = midBlock(vae, 'encoder.mid_block', x);
  x = causalConv(vae, 'encoder.conv_out', normAndSilu(vae, 'encoder.norm_out', x), 2 * config.z_dim);
  const moments = pointConv(vae, 'quant_conv', x, 2 * config.z_dim);

  const latents = g.scope('normalise', () => {
    const mode = Cast(g, Slice(g, moments, { axis: 1, start: 0, end: config.z_dim }), 'float32');
    const { mean, std } = statistics(g, config);
    return toChannelsFirst(g, Div(g, Sub(g, mode, mean), std));
  });
  g.output('latents', latents);
  return g;
}

/**
 * Graph: `latents` float32 [1, z_dim, k, h, w], normalised -> `sample` float32 [1, 3, f, H, W] in [-1, 1], f = 1 for 'first' and
 * k * temporalFactor for 'next'; and the caches, float32 [2, C, H', W'] each: inputs `cache.<path>` of 'next', outputs
 * `next_cache.<path>` of both. A cache that 'first' does not give starts as zeros.
 *
 * @throws ModelError when a weight is missing or has another shape.
 */
export function emitVaeDecoder(config: VaeConfig, weights: Weights, options: VaeDecoderOptions): Graph {
  const { chunk, latentHeight, latentWidth } = options;
  const numLatentFrames = chunk === 'first' ? 1 : (options.numLatentFrames ?? 1);
  const g = new Graph(`vae decoder ${chunk}`, { computeDtype: vaeDtype(options.computeDtype) });
  const vae: VaeGraph = {
    g,
    weights,
    past: { before: chunk === 'first' ? 'nothing' : 'cached', keepsCaches: true },
  };
  const latents = g.input('latents', 'float32', [1, config.z_dim, numLatentFrames, latentHeight, latentWidth]);
  const z = g.scope('denormalise', () => {
    const { mean, std } = statistics(g, config);
    return Cast(g, Add(g, Mul(g, toFramesFirst(g, latents), std), mean), g.computeDtype);
  });

  const widest = config.decoder_base_dim * config.dim_mult.at(-1)!;
  let x = causalConv(vae, 'decoder.conv_in', pointConv(vae, 'post_quant_conv', z, config.z_dim), widest);
  x = midBlock(vae, 'decoder.mid_block', x);
  x = upBlocks(vae, config, x);
  x = causalConv(vae, 'decoder.conv_out', normAndSilu(vae, 'decoder.norm_out', x), config.out_channels);

  const sample = g.scope('unpatchify', () => unpatchify(g, Cast(g, x, 'float32'), config.patch_size));
  g.output('sample', Clip(g, sample, -1, 1));
  return g;
}

/** Wan 2.1: one flat list of residual blocks and downsamplers. */
function flatDownBlocks(vae: VaeGraph, config: VaeConfig, x: Value): Value {
  let at = 0;
  const path = (): string => `encoder.down_blocks.${at++}`;
  config.dim_mult.forEach((mult, stage) => {
    for (let block = 0; block < config.num_res_blocks; block++) {
      x = residualBlock(vae, path(), x, config.base_dim * mult);
    }
    const halvesTime = config.temperal_downsample[stage];
    if (halvesTime !== undefined) x = downsample(vae, path(), x, { halvesTime });
  });
  return x;
}

/** Wan 2.2: a block a stage, with an averaging way around it. */
function residualDownBlocks(vae: VaeGraph, config: VaeConfig, x: Value): Value {
  const { g } = vae;
  config.dim_mult.forEach((mult, stage) => {
    const path = `encoder.down_blocks.${stage}`;
    const outChannels = config.base_dim * mult;
    const halvesTime = config.temperal_downsample[stage];
    const input = x;
    for (let block = 0; block < config.num_res_blocks; block++) {
      x = residualBlock(vae, `${path}.resnets.${block}`, x, outChannels);
    }
    if (halvesTime !== undefined) x = downsample(vae, `${path}.downsampler`, x, { halvesTime });
    const sizes = { outChannels, factorTime: halvesTime === true ? 2 : 1, factor: halvesTime === undefined ? 1 : 2 };
    x = g.scope(`${path}.avg_shortcut`, () => Add(g, x, averageDown(g, input, sizes)));
  });
  return x;
}

function upBlocks(vae: VaeGraph, config: VaeConfig, x: Value): Value {
  const { g } = vae;
  const isFirst = vae.past.before === 'nothing';
  const doublings = [...config.temperal_downsample].reverse();
  [...config.dim_mult].reverse().forEach((mult, stage) => {
    const path = `decoder.up_blocks.${stage}`;
    const channels = config.decoder_base_dim * mult;
    const doublesTime = doublings[stage];
    const input = x;
    for (let block = 0; block <= config.num_res_blocks; block++) {
      x = residualBlock(vae, `${path}.resnets.${block}`, x, channels);
    }
    if (doublesTime === undefined) return;
    if (config.is_residual) {
      x = upsample(vae, `${path}.upsampler`, x, { doublesTime, outChannels: channels });
      const sizes = { outChannels: channels, factorTime: doublesTime ? 2 : 1, isFirst };
      x = g.scope(`${path}.avg_shortcut`, () => Add(g, x, duplicateUp(g, input, sizes)));
    } else {
      x = upsample(vae, `${path}.upsamplers.0`, x, { doublesTime, outChannels: Math.floor(channels / 2) });
    }
  });
  return x;
}

/** ONNX's Conv takes bfloat16 only from opset 22 on; the VAE then computes in float32, which Wan's pipelines use for it anyway. */
function vaeDtype(computeDtype: FloatDType = 'float32'): FloatDType {
  return computeDtype === 'bfloat16' ? 'float32' : computeDtype;
}

/** latents_mean and latents_std, [z_dim, 1, 1], float32. */
function statistics(g: Graph, config: VaeConfig): { mean: Value; std: Value } {
  const shape = [config.z_dim, 1, 1];
  return {
    mean: g.constant('latents_mean', 'float32', shape, config.latents_mean),
    std: g.constant('latents_std', 'float32', shape, config.latents_std),
  };
}

/** [1, C, T, H, W] -> [T, C, H, W] */
function toFramesFirst(g: Graph, x: Value): Value {
  return Transpose(g, Reshape(g, x, x.shape.slice(1)), [1, 0, 2, 3]);
}

/** [T, C, H, W] -> [1, C, T, H, W] */
function toChannelsFirst(g: Graph, x: Value): Value {
  const [frames, channels, height, width] = x.shape;
  return Reshape(g, Transpose(g, x, [1, 0, 2, 3]), [1, channels!, frames!, height!, width!]);
}

function requireOnGrid(config: VaeConfig, { numFrames, height, width }: VaeEncoderOptions): void {
  const factor = spatialFactor(config);
  for (const [name, value] of Object.entries({ height, width })) {
    if (value < factor || value % factor !== 0)
      throw new RangeError(`${name} must be a multiple of ${factor}, got ${value}.`);
  }
  // diffusers encodes frame 0 alone and then four at a time, whatever the temporal factor.
  if (numFrames < 1 || numFrames % 4 !== 1) throw new RangeError(`numFrames must be 4 k + 1, got ${numFrames}.`);
}

/**
 * The blocks that AutoencoderKLWan's encoder and decoder are made of. Paths are the checkpoint's (diffusers,
 * autoencoder_kl_wan.py). Every clip is [T, C, H, W], see vae-time.ts.
 */

import type { Graph, Value } from '../onnx/graph';
import {
  Add,
  Cast,
  Conv,
  Expand,
  Gemm,
  Max,
  Mul,
  MultiHeadAttention,
  Pad,
  QuickGelu,
  Reciprocal,
  ReduceMean,
  ReduceSum,
  Reshape,
  Resize,
  Slice,
  Split,
  Sqrt,
  Transpose,
} from '../onnx/ops';
import { causalConv, causalTimeConv, halveFrames, pointConv, type VaeGraph } from './vae-time';

/** The floor of the norm that torch's F.normalize divides by. */
const NORMALIZE_EPS = 1e-12;

/** norm1, SiLU, conv1, norm2, SiLU, conv2, plus x, through conv_shortcut where the channels change. */
export function residualBlock(vae: VaeGraph, path: string, x: Value, outChannels: number): Value {
  const { g } = vae;
  const inChannels = Number(x.shape[1]);
  const shortcut = inChannels === outChannels ? x : pointConv(vae, `${path}.conv_shortcut`, x, outChannels);
  const hidden = causalConv(vae, `${path}.conv1`, normAndSilu(vae, `${path}.norm1`, x), outChannels);
  const result = causalConv(vae, `${path}.conv2`, normAndSilu(vae, `${path}.norm2`, hidden), outChannels);
  return g.scope(path, () => Add(g, result, shortcut));
}

/** resnets.0, attentions.0, resnets.1, all of the same width. */
export function midBlock(vae: VaeGraph, path: string, x: Value): Value {
  const channels = Number(x.shape[1]);
  const before = residualBlock(vae, `${path}.resnets.0`, x, channels);
  return residualBlock(vae, `${path}.resnets.1`, attentionBlock(vae, `${path}.attentions.0`, before), channels);
}

/** RMS norm over channels, then SiLU: what stands before every convolution. `gamma` has shape [C, 1, 1, 1]. */
export function normAndSilu(vae: VaeGraph, path: string, x: Value): Value {
  const { g } = vae;
  return g.scope(path, () => QuickGelu(g, rmsNorm(vae, path, x, [1, 1, 1]), { alpha: 1 }));
}

/**
 * x / max(|x|, 1e-12) * sqrt(C) * gamma, where |x| is the length of the channel vector. Lengths are summed in float32 whatever
 * the graph computes in.
 */
function rmsNorm({ g, weights }: VaeGraph, path: string, x: Value, trailing: readonly number[]): Value {
  const channels = Number(x.shape[1]);
  const gamma = g.weight(weights.get(`${path}.gamma`, [channels, ...trailing]), { shape: [channels, 1, 1] });
  const exact = Cast(g, x, 'float32');
  const length = Sqrt(g, ReduceSum(g, Mul(g, exact, exact), { axes: [1] }));
  const inverse = Reciprocal(g, Max(g, length, g.scalar(NORMALIZE_EPS, 'float32')));
  const scaled = Mul(g, exact, Mul(g, inverse, g.scalar(Math.sqrt(channels), 'float32')));
  return Mul(g, Cast(g, scaled, x.dtype), gamma);
}

/** Per frame, one head over all H * W positions, plus x. */
function attentionBlock(vae: VaeGraph, path: string, x: Value): Value {
  const { g, weights } = vae;
  const [frames, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
  const positions = height * width;
  return g.scope(path, () => {
    const norm = rmsNorm(vae, `${path}.norm`, x, [1, 1]);
    const rows = Transpose(g, Reshape(g, norm, [frames, channels, positions]), [0, 2, 1]);
    const linear = (name: string, input: Value, outputs: number): Value => {
      const weight = weights.get(`${path}.${name}.weight`, [outputs, channels, 1, 1]);
      const bias = g.weight(weights.get(`${path}.${name}.bias`, [outputs]));
      const flat = Reshape(g, input, [frames * positions, channels]);
      return Gemm(g, flat, g.weight(weight, { shape: [outputs, channels] }), bias, { transB: 1 });
    };
    const toQkv = Reshape(g, linear('to_qkv', rows, 3 * channels), [frames, positions, 3 * channels]);
    const [query, key, value] = Split(g, toQkv, [channels, channels, channels], { axis: 2 });
    const attended = linear('proj', MultiHeadAttention(g, query!, key!, value!, { numHeads: 1 }), channels);
    const back = Transpose(g, Reshape(g, attended, [frames, positions, channels]), [0, 2, 1]);
    return Add(g, Reshape(g, back, [frames, channels, height, width]), x);
  });
}

/** Half the height and width: a row and a column of zeros at the end, then a 3x3 convolution at every second pixel. */
export function downsample(vae: VaeGraph, path: string, x: Value, { halvesTime }: { halvesTime: boolean }): Value {
  const channels = Number(x.shape[1]);
  const smaller = conv2d(vae, `${path}.resample.1`, x, channels, { strides: [2, 2], pads: [0, 0, 1, 1] });
  return halvesTime ? halveFrames(vae, `${path}.time_conv`, smaller) : smaller;
}

/**
 * Twice the height and width, and with `doublesTime` twice the frames; the first latent frame of a clip stays one frame.
 * x [T, C, H, W] -> [T or 2 T, outChannels, 2 H, 2 W].
 */
export function upsample(
  vae: VaeGraph,
  path: string,
  x: Value,
  { doublesTime, outChannels }: { doublesTime: boolean; outChannels: number },
): Value {
  const { g, past } = vae;
  const frames = doublesTime && past.before === 'cached' ? doubleFrames(vae, `${path}.time_conv`, x) : x;
  const larger = g.scope(path, () => Resize(g, frames, [1, 1, 2, 2]));
  return conv2d(vae, `${path}.resample.1`, larger, outChannels, { pads: [1, 1, 1, 1] });
}

/** Kernel (3, 1, 1) to twice the channels; the first half is the even frames, the second half the odd ones. */
function doubleFrames(vae: VaeGraph, path: string, x: Value): Value {
  const [frames, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
  const doubled = causalTimeConv(vae, path, x, 2 * channels);
  return vae.g.scope(path, () => Reshape(vae.g, doubled, [2 * frames, channels, height, width]));
}

function conv2d(
  { g, weights }: VaeGraph,
  path: string,
  x: Value,
  outChannels: number,
  attributes: { strides?: number[]; pads: number[] },
): Value {
  return g.scope(path, () => {
    const weight = g.weight(weights.get(`${path}.weight`, [outChannels, Number(x.shape[1]), 3, 3]));
    return Conv(g, x, weight, g.weight(weights.get(`${path}.bias`, [outChannels])), attributes);
  });
}

/**
 * The parameter-free way around a stage of the Wan 2.2 encoder (AvgDown3D): blocks of factorTime x factor x factor elements move
 * into the channels, then groups of neighbouring channels are averaged. A missing first frame of a block is zeros.
 */
export function averageDown(
  g: Graph,
  x: Value,
  { outChannels, factorTime, factor }: { outChannels: number; factorTime: number; factor: number },
): Value {
  const missing = (factorTime - (Number(x.shape[0]) % factorTime)) % factorTime;
  const padded = missing === 0 ? x : Pad(g, x, [missing, 0, 0, 0, 0, 0, 0, 0]);
  const [frames, channels, height, width] = padded.shape.map(Number) as [number, number, number, number];
  const [t, h, w] = [frames / factorTime, height / factor, width / factor];
  const blocks = Reshape(g, padded, [t, factorTime, channels, h, factor, w, factor]);
  const gathered = Transpose(g, blocks, [0, 2, 1, 4, 6, 3, 5]);
  const group = (channels * factorTime * factor * factor) / outChannels;
  const mean = ReduceMean(g, Reshape(g, gathered, [t, outChannels, group, h * w]), { axes: [2], keepdims: 0 });
  return Reshape(g, mean, [t, outChannels, h, w]);
}

/**
 * The way around a stage of the Wan 2.2 decoder (DupUp3D): channels are repeated, then spread over blocks of
 * factorTime x 2 x 2. With `isFirst` the clip's first frame gives one frame, the last of its block.
 */
export function duplicateUp(
  g: Graph,
  x: Value,
  { outChannels, factorTime, isFirst }: { outChannels: number; factorTime: number; isFirst: boolean },
): Value {
  const [frames, channels, height, width] = x.shape.map(Number) as [number, number, number, number];
  const repeats = (outChannels * factorTime * 4) / channels;
  const column = Reshape(g, x, [frames, channels, 1, height * width]);
  const repeated = Expand(g, column, [frames, channels, repeats, height * width]);
  const blocks = Reshape(g, repeated, [frames, outChannels, factorTime, 2, 2, height, width]);
  const spread = Transpose(g, blocks, [0, 2, 1, 5, 3, 6, 4]);
  const larger = Reshape(g, spread, [frames * factorTime, outChannels, 2 * height, 2 * width]);
  return isFirst && factorTime > 1
    ? Slice(g, larger, { axis: 0, start: factorTime - 1, end: frames * factorTime })
    : larger;
}

/** [1, 3, F, H, W] -> [F, 3 p p, H / p, W / p]; a channel's index is (channel, column in the patch, row in the patch). */
export function patchify(g: Graph, sample: Value, patchSize: number): Value {
  const [, channels, frames, height, width] = sample.shape.map(Number) as [number, number, number, number, number];
  const [h, w] = [height / patchSize, width / patchSize];
  const blocks = Reshape(g, sample, [channels, frames, h, patchSize, w, patchSize]);
  const perFrame = Transpose(g, blocks, [1, 0, 5, 3, 2, 4]);
  return Reshape(g, perFrame, [frames, channels * patchSize * patchSize, h, w]);
}

/** The inverse of patchify: [F, C p p, h, w] -> [1, C, F, h p, w p]. */
export function unpatchify(g: Graph, x: Value, patchSize: number): Value {
  const [frames, patches, h, w] = x.shape.map(Number) as [number, number, number, number];
  const channels = patches / (patchSize * patchSize);
  const blocks = Reshape(g, x, [frames, channels, patchSize, patchSize, h, w]);
  const perChannel = Transpose(g, blocks, [1, 0, 4, 3, 5, 2]);
  return Reshape(g, perChannel, [1, channels, frames, h * patchSize, w * patchSize]);
}

/**
 * Causal convolution over time, and the memory that lets a clip be decoded piece by piece.
 *
 * Inside the VAE graphs a clip is [T, C, H, W], time in the place of the batch. A kernel (3, 3, 3) is then the sum of three 2-D
 * convolutions, one a temporal tap, on the clip shifted by 0, 1 and 2 frames: on the CPU 1.2 to 1.6 times as fast as the 5-D Conv of
 * the runtime, and without its im2col buffer. Taps are slices of the checkpoint's tensor, folded while the graph loads.
 *
 * What stands before the first frame of a piece is decided by `Past`:
 * - 'nothing' (a whole clip, or its first piece): zeros, so one frame alone only meets the last tap, at a third of the cost;
 * - 'cached' (every later piece): the last two frames of the piece before, a graph input each.
 * A graph with `keepsCaches` gives the last two frames that each convolution saw as outputs, for the next piece. This is what
 * diffusers' feat_cache does (autoencoder_kl_wan.py, CACHE_T = 2).
 */

import type { Graph, Value } from '../onnx/graph';
import { Add, Cast, Concat, Conv, Gather, Pad, Slice } from '../onnx/ops';
import type { Weights } from './weights';

/** Frames that a temporal kernel of 3 looks back. */
const CACHED_FRAMES = 2;

export interface Past {
  readonly before: 'nothing' | 'cached';
  readonly keepsCaches: boolean;
}

/** What every block of a VAE graph is built with. */
export interface VaeGraph {
  readonly g: Graph;
  readonly weights: Weights;
  readonly past: Past;
}

/** Names of a convolution's cache as graph input and as graph output: `next_cache.x` of one piece is `cache.x` of the next. */
const cacheInput = (path: string): string => `cache.${path}`;
const cacheOutput = (path: string): string => `next_${cacheInput(path)}`;
/** The input that a cache output feeds. */
export const nextCacheInput = (output: string): string => output.replace(/^next_/, '');

/** Convolution `path` with kernel (3, 3, 3), causal in time, same size in space. x [T, Cin, H, W] -> [T, Cout, H, W]. */
export function causalConv(vae: VaeGraph, path: string, x: Value, outChannels: number): Value {
  return temporalConv(vae, path, x, outChannels, 3);
}

/** Convolution `path` with kernel (3, 1, 1), causal in time. x [T, Cin, H, W] -> [T, Cout, H, W]. */
export function causalTimeConv(vae: VaeGraph, path: string, x: Value, outChannels: number): Value {
  return temporalConv(vae, path, x, outChannels, 1);
}

/** Convolution with kernel (1, 1, 1): nothing of time in it. */
export function pointConv({ g, weights }: VaeGraph, path: string, x: Value, outChannels: number): Value {
  const inChannels = Number(x.shape[1]);
  return g.scope(path, () => {
    const weight = weights.get(`${path}.weight`, [outChannels, inChannels, 1, 1, 1]);
    const bias = g.weight(weights.get(`${path}.bias`, [outChannels]));
    return Conv(g, x, g.weight(weight, { shape: [outChannels, inChannels, 1, 1] }), bias);
  });
}

/**
 * Halves the frames after the first: kernel (3, 1, 1) at every second frame of the whole clip, behind the first frame as it is.
 * x [T, C, H, W], T odd -> [(T + 1) / 2, C, H, W]. For whole clips only.
 */
export function halveFrames(vae: VaeGraph, path: string, x: Value): Value {
  const { g } = vae;
  const [frames, channels] = x.shape.map(Number) as [number, number];
  if (frames === 1) return x;
  return g.scope(path, () => {
    const first = Slice(g, x, { axis: 0, start: 0, end: 1 });
    const every = (start: number) => Slice(g, x, { axis: 0, start, end: start + frames - 2, step: 2 });
    return Concat(g, [first, sumOfTaps(vae, path, [every(0), every(1), every(2)], channels, 1)], { axis: 0 });
  });
}

function temporalConv(vae: VaeGraph, path: string, x: Value, outChannels: number, size: 1 | 3): Value {
  const { g, past } = vae;
  const frames = Number(x.shape[0]);
  return g.scope(path, () => {
    if (past.before === 'nothing') {
      if (past.keepsCaches) keepCache(vae, path, padFront(g, x, Math.max(CACHED_FRAMES - frames, 0)));
      if (frames === 1) return sumOfTaps(vae, path, [undefined, undefined, x], outChannels, size);
    }
    const history = past.before === 'nothing' ? padFront(g, x, CACHED_FRAMES) : withCache(vae, path, x);
    if (past.before === 'cached' && past.keepsCaches) keepCache(vae, path, history);
    const shifted = [0, 1, 2].map((tap) => Slice(g, history, { axis: 0, start: tap, end: tap + frames }));
    return sumOfTaps(vae, path, shifted, outChannels, size);
  });
}

/** The sum over the given taps; an undefined input is all zeros. */
function sumOfTaps(
  { g, weights }: VaeGraph,
  path: string,
  inputs: readonly (Value | undefined)[],
  outChannels: number,
  size: 1 | 3,
): Value {
  const inChannels = Number(inputs.find((input) => input !== undefined)!.shape[1]);
  const kernel = g.weight(weights.get(`${path}.weight`, [outChannels, inChannels, 3, size, size]));
  const bias = g.weight(weights.get(`${path}.bias`, [outChannels]));
  const pads = new Array<number>(4).fill((size - 1) / 2);
  // The last tap carries the bias and comes first, so that each further convolution is one more term of a sum.
  return [2, 1, 0].reduce<Value | undefined>((sum, tap) => {
    const input = inputs[tap];
    if (input === undefined) return sum;
    const weight = Gather(g, kernel, tapIndex(g, tap), { axis: 2 });
    const term = Conv(g, input, weight, tap === 2 ? bias : undefined, { pads });
    return sum === undefined ? term : Add(g, sum, term);
  }, undefined)!;
}

/** A 0-dimensional index, so that Gather drops the axis: one folded copy of a tap, where Slice and Squeeze would leave two. */
function tapIndex(g: Graph, tap: number): Value {
  return g.scalar(tap, 'int64');
}

function withCache({ g }: VaeGraph, path: string, x: Value): Value {
  const cache = g.input(cacheInput(path), 'float32', [CACHED_FRAMES, ...x.shape.slice(1)]);
  return Concat(g, [Cast(g, cache, x.dtype), x], { axis: 0 });
}

function keepCache({ g }: VaeGraph, path: string, history: Value): void {
  const last = Slice(g, history, { axis: 0, start: -CACHED_FRAMES, end: Number(history.shape[0]) });
  g.output(cacheOutput(path), Cast(g, last, 'float32'));
}

function padFront(g: Graph, x: Value, frames: number): Value {
  return frames === 0 ? x : Pad(g, x, [frames, 0, 0, 0, 0, 0, 0, 0]);
}

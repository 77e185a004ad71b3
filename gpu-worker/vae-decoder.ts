/**
 * Decodes latents into frames piece by piece: memory is that of one piece and of what the convolutions remember between pieces,
 * whatever the length of the clip. The result is that of the whole clip decoded at once.
 */

import type { VaeConfig } from './model/config';
import { emitVaeDecoder, temporalFactor, type VaeDecoderOptions } from './model/vae';
import { nextCacheInput } from './model/vae-time';
import type { Weights } from './model/weights';
import type { Graph } from './onnx/graph';
import { createSession, type FloatTensor, type Session, type SessionOptions, type Tensor } from './session';

export interface VaeDecoderSettings extends Omit<VaeDecoderOptions, 'chunk'> {
  readonly session: SessionOptions;
}

/** Intermediate values above this are better given back than kept, see SessionOptions.memoryArena. */
const LARGE_VALUE_BYTES = 16 * 1024 * 1024;
/** Each session has a copy of the weights: below this, all stay for the next clip; above, one at a time is held. */
const SMALL_WEIGHTS_BYTES = 64 * 1024 * 1024;

interface Piece {
  readonly graph: Graph;
  readonly session: Session;
}

/** Sessions are loaded when they are first needed. */
export class VaeDecoder {
  private readonly pieces = new Map<string, Piece>();

  constructor(
    private readonly config: VaeConfig,
    private readonly weights: Weights,
    private readonly settings: VaeDecoderSettings,
  ) {}

  /**
   * latents float32 [1, z_dim, T, h, w], normalised -> pieces of frames in order, each float32 [1, 3, f, H, W] in [-1, 1]: one
   * frame first, then temporalFactor frames for every further latent frame, `numLatentFrames` of these at a time.
   */
  async *decode(latents: FloatTensor): AsyncGenerator<FloatTensor> {
    const numLatentFrames = latents.dims[2]!;
    let caches = new Map<string, Tensor>();
    for (let at = 0; at < numLatentFrames; ) {
      const wanted = at === 0 ? 1 : Math.min(this.settings.numLatentFrames ?? 1, numLatentFrames - at);
      const { graph, session } = await this.piece(at === 0 ? 'first' : 'next', wanted);
      const feeds: Record<string, Tensor> = { latents: sliceFrames(latents, at, wanted) };
      for (const { name, shape } of graph.inputs) {
        if (name !== 'latents') feeds[name] = caches.get(name) ?? zeros(shape.map(Number));
      }
      const { sample, ...rest } = await session.run(feeds);
      caches = new Map(Object.entries(rest).map(([name, tensor]) => [nextCacheInput(name), tensor]));
      yield sample as FloatTensor;
      at += wanted;
    }
  }

  async release(): Promise<void> {
    for (const { session } of this.pieces.values()) await session.release();
    this.pieces.clear();
  }

  private async piece(chunk: 'first' | 'next', numLatentFrames: number): Promise<Piece> {
    const key = `${chunk} ${numLatentFrames}`;
    const present = this.pieces.get(key);
    if (present !== undefined) return present;
    if (this.weights.byteSize > SMALL_WEIGHTS_BYTES) await this.release();
    const graph = emitVaeDecoder(this.config, this.weights, { ...this.settings, chunk, numLatentFrames });
    const memoryArena = this.largestValueBytes(numLatentFrames) < LARGE_VALUE_BYTES;
    const piece = { graph, session: await createSession(graph, { memoryArena, ...this.settings.session }) };
    this.pieces.set(key, piece);
    return piece;
  }

  /** Of the last stage, whose frames are as large as they get. */
  private largestValueBytes(numLatentFrames: number): number {
    const { decoder_base_dim, dim_mult } = this.config;
    const { latentHeight, latentWidth } = this.settings;
    const scale = 2 ** (dim_mult.length - 1);
    const area = latentHeight * scale * latentWidth * scale;
    return 4 * decoder_base_dim * dim_mult[0]! * numLatentFrames * temporalFactor(this.config) * area;
  }
}

/** Frames at .. at + count of [1, C, T, h, w]. */
function sliceFrames({ dims, data }: FloatTensor, at: number, count: number): FloatTensor {
  const [, channels, frames, height, width] = dims as [number, number, number, number, number];
  const area = height * width;
  const slice = new Float32Array(channels * count * area);
  for (let channel = 0; channel < channels; channel++) {
    const start = (channel * frames + at) * area;
    slice.set(data.subarray(start, start + count * area), channel * count * area);
  }
  return { dtype: 'float32', dims: [1, channels, count, height, width], data: slice };
}

function zeros(dims: readonly number[]): FloatTensor {
  return { dtype: 'float32', dims, data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)) };
}

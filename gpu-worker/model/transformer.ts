/**
 * WanTransformer3DModel as one graph, with clean reference tokens after the noised video tokens.
 *
 * Source: diffusers 0.40, models/transformers/transformer_wan.py (forward in the same order); references as Mv2ID places them
 * (arXiv 2603.21299, section 4.2). Letters of shapes:
 *   C latent channels   T latent frames   n references   h, w latent size   D width (heads * headDim)   F feed-forward width
 *   Sv = T/pt * h/ph * w/pw video tokens   Sr = n * h/ph * w/pw reference tokens   S = Sv + Sr   L text length   k timesteps
 *
 * Modulation exists for the k distinct timesteps only. A *segment* is a run of tokens that share one: with k = 1 the whole
 * sequence, with k = 2 the video and the references. Residual streams are kept a segment each, so that scale and shift are plain
 * vectors and fuse into the normalisation; linear layers and attention see all segments joined.
 *
 * Residual streams, normalisation and modulation are float32 whatever `computeDtype` is. diffusers computes them so as well, but
 * rounds the stream after every addition.
 */

import { ModelError } from '../errors';
import { type FloatDType, Graph, type Value } from '../onnx/graph';
import {
  Add,
  Cast,
  Concat,
  Cos,
  Gelu,
  Gemm,
  LayerNormalization,
  Mul,
  MultiHeadAttention,
  QuickGelu,
  Reshape,
  RotaryEmbedding,
  SimplifiedLayerNormalization,
  Sin,
  Split,
  Transpose,
} from '../onnx/ops';
import { innerDim, type TransformerConfig } from './config';
import type { Weights } from './weights';

export interface TransformerOptions {
  readonly computeDtype: FloatDType;
  /** T, in latent frames. */
  readonly numVideoFrames: number;
  readonly latentHeight: number;
  readonly latentWidth: number;
  /** n, 0 or more. */
  readonly numReferences: number;
  readonly textLength: number;
  /** Which timestep the references get: the video's, or one of their own (which a caller sets to 0). */
  readonly referenceTimestep: 'same' | 'zero';
}

/** shift, scale, gate of self-attention, then of the feed-forward layer: the rows of scale_shift_table. */
const MODULATION_ROWS = 6;
/** shift, scale of the last normalisation. */
const OUTPUT_ROWS = 2;
/** Longest period of the timestep's sinusoid. */
const MAX_PERIOD = 10_000;

/** What one block, or the output layer, needs of the timestep: per segment, one [D] vector a row. */
type Modulation = readonly (readonly Value[])[];

/** One [tokens, D] float32 residual stream a segment. */
type Streams = readonly Value[];

/**
 * Emits the graph.
 *
 * Inputs, float32: hidden_states [1, C, T, h, w] the noised video; references [1, C, n, h, w], clean, only where n > 0;
 * encoder_hidden_states [1, L, text_dim], zero rows after the prompt; timestep [k] in 0..1000, the video's and, with
 * referenceTimestep 'zero' and n > 0, that of the references; rope_cos, rope_sin [S, headDim / 2].
 * Output: sample [1, C, T, h, w], the velocity of the video alone.
 *
 * @throws ModelError when a tensor is missing or has another shape than the config says, or when the size does not divide by
 *   patch_size.
 */
export function emitTransformer(config: TransformerConfig, weights: Weights, options: TransformerOptions): Graph {
  return new TransformerEmitter(config, weights, options).emit();
}

class TransformerEmitter {
  private readonly g: Graph;
  private readonly width: number;
  private readonly grid: { readonly frames: number; readonly rows: number; readonly columns: number };
  /** Tokens of each segment. */
  private readonly segments: readonly number[];
  private readonly numTokens: number;

  constructor(
    private readonly config: TransformerConfig,
    private readonly weights: Weights,
    private readonly options: TransformerOptions,
  ) {
    this.g = new Graph('transformer', { computeDtype: options.computeDtype });
    this.width = innerDim(config);
    this.grid = tokenGrid(config, options);
    const tokensPerFrame = this.grid.rows * this.grid.columns;
    const videoTokens = this.grid.frames * tokensPerFrame;
    const referenceTokens = options.numReferences * tokensPerFrame;
    this.numTokens = videoTokens + referenceTokens;
    const isSplit = options.referenceTimestep === 'zero' && options.numReferences > 0;
    this.segments = isSplit ? [videoTokens, referenceTokens] : [this.numTokens];
  }

  emit(): Graph {
    const { g, config, options } = this;
    const { numVideoFrames, numReferences, latentHeight, latentWidth, textLength } = options;
    const latent = (frames: number) => [1, config.in_channels, frames, latentHeight, latentWidth];
    const video = g.input('hidden_states', 'float32', latent(numVideoFrames));
    const references = numReferences > 0 ? g.input('references', 'float32', latent(numReferences)) : undefined;
    const text = g.input('encoder_hidden_states', 'float32', [1, textLength, config.text_dim]);
    const timestep = g.input('timestep', 'float32', [this.segments.length]);
    const table = [this.numTokens, config.attention_head_dim / 2];
    const rope = [g.input('rope_cos', 'float32', table), g.input('rope_sin', 'float32', table)] as const;

    const tokens = g.scope('patch_embedding', () => this.patchEmbedding(video, references));
    const { temb, timestepProj } = g.scope('condition_embedder', () => this.timeEmbedding(timestep));
    const textTokens = g.scope('condition_embedder/text_embedder', () => this.textEmbedding(text));
    const modulations = g.scope('modulation', () => this.blockModulations(timestepProj));
    const [cos, sin] = rope.map((value) => Cast(g, value, g.computeDtype)) as [Value, Value];

    let streams: Streams = this.split(Cast(g, tokens, 'float32'));
    for (const [index, modulation] of modulations.entries()) {
      const path = `blocks.${index}`;
      streams = g.scope(path, () => this.block(path, streams, modulation, textTokens, cos, sin));
    }
    const outputModulation = g.scope('modulation_out', () => this.outputModulation(temb));
    const sample = g.scope('proj_out', () => this.output(streams, outputModulation));
    g.output('sample', sample);
    return g;
  }

  /** -> [S, D]. A convolution whose stride is its kernel is a linear layer on the patches. */
  private patchEmbedding(video: Value, references: Value | undefined): Value {
    const { g, config } = this;
    const [pt, ph, pw] = config.patch_size as [number, number, number];
    const { rows, columns } = this.grid;
    const channels = config.in_channels;
    // References follow the video on the frame axis, and tokens are ordered by frame first.
    const frames = references === undefined ? [video] : [video, references];
    const x = Concat(g, frames, { axis: 2 });
    const times = Number(x.shape[2]) / pt;
    const split = Reshape(g, x, [channels, times, pt, rows, ph, columns, pw]);
    const ordered = Transpose(g, split, [1, 3, 5, 0, 2, 4, 6]); // [T', H, W, C, pt, ph, pw]
    const patchLength = channels * pt * ph * pw;
    const patches = Reshape(g, ordered, [this.numTokens, patchLength]);
    const weight = this.weights.get('patch_embedding.weight', [this.width, channels, pt, ph, pw]);
    const bias = this.weights.get('patch_embedding.bias', [this.width]);
    const view = g.weight(weight, { shape: [this.width, patchLength] });
    return Gemm(g, Cast(g, patches, g.computeDtype), view, g.weight(bias), { transB: 1 });
  }

  /** timestep [k] -> temb [k, D] and timestepProj [k, 6 * D], both float32. */
  private timeEmbedding(timestep: Value): { temb: Value; timestepProj: Value } {
    const { g, config, width } = this;
    const half = config.freq_dim / 2;
    const frequencies = Array.from({ length: half }, (_, index) => Math.exp((-Math.log(MAX_PERIOD) * index) / half));
    const angles = Mul(
      g,
      Reshape(g, timestep, [this.segments.length, 1]),
      g.constant('timestep_frequencies', 'float32', [1, half], frequencies),
    );
    const sinusoid = Concat(g, [Cos(g, angles), Sin(g, angles)], { axis: 1 });
    const linear = (name: string, x: Value, inputs: number, outputs: number) =>
      this.linear(`condition_embedder.${name}`, x, inputs, outputs, 'float32');
    const hidden = silu(g, linear('time_embedder.linear_1', sinusoid, config.freq_dim, width));
    const temb = linear('time_embedder.linear_2', hidden, width, width);
    const timestepProj = linear('time_proj', silu(g, temb), width, MODULATION_ROWS * width);
    return { temb, timestepProj };
  }

  /** [1, L, text_dim] -> [L, D]. Zero rows become a constant that is attended to: Wan masks nothing. */
  private textEmbedding(text: Value): Value {
    const { g, config, width } = this;
    const rows = Cast(g, Reshape(g, text, [this.options.textLength, config.text_dim]), g.computeDtype);
    const hidden = this.linear('condition_embedder.text_embedder.linear_1', rows, config.text_dim, width);
    return this.linear('condition_embedder.text_embedder.linear_2', Gelu(g, hidden), width, width);
  }

  /** The modulation of every block in one addition: timestepProj [k, 6 * D] plus all blocks' tables. */
  private blockModulations(timestepProj: Value): Modulation[] {
    const { g, width, config } = this;
    const tables = Array.from({ length: config.num_layers }, (_, index) =>
      this.table(`blocks.${index}.scale_shift_table`, MODULATION_ROWS),
    );
    const table = Concat(g, tables, { axis: 0 }); // [blocks, 6, D]
    // The two scale rows are used as 1 + scale.
    const ones = g.constant('modulation_ones', 'float32', [1, MODULATION_ROWS, 1], [0, 1, 0, 0, 1, 0]);
    const perTimestep = Reshape(g, timestepProj, [this.segments.length, 1, MODULATION_ROWS, width]);
    return this.vectors(Add(g, perTimestep, Add(g, table, ones)), config.num_layers, MODULATION_ROWS);
  }

  private outputModulation(temb: Value): Modulation {
    const { g, width } = this;
    const ones = g.constant('output_ones', 'float32', [1, OUTPUT_ROWS, 1], [0, 1]);
    const table = Add(g, this.table('scale_shift_table', OUTPUT_ROWS), ones);
    const perTimestep = Reshape(g, temb, [this.segments.length, 1, 1, width]);
    return this.vectors(Add(g, perTimestep, table), 1, OUTPUT_ROWS)[0]!;
  }

  /** [k, blocks, rows, D] cut into single vectors: result[block][segment][row], each [D]. */
  private vectors(all: Value, numBlocks: number, numRows: number): Modulation[] {
    const { g, width } = this;
    const numSegments = this.segments.length;
    const numVectors = numSegments * numBlocks * numRows;
    const pieces = Split(g, Reshape(g, all, [numVectors * width]), new Array<number>(numVectors).fill(width), {
      axis: 0,
    });
    return Array.from({ length: numBlocks }, (_, block) =>
      Array.from({ length: numSegments }, (_, segment) => {
        const first = (segment * numBlocks + block) * numRows;
        return pieces.slice(first, first + numRows);
      }),
    );
  }

  private block(path: string, streams: Streams, modulation: Modulation, text: Value, cos: Value, sin: Value): Streams {
    const { g } = this;
    const row = (index: number): Streams => modulation.map((rows) => rows[index]!);

    const norm1 = g.scope('norm1', () => this.normalize(streams, row(1), row(0)));
    const attended = g.scope('attn1', () => this.attention(`${path}.attn1`, norm1, norm1, [cos, sin]));
    const afterSelf = this.add(streams, this.gate(this.split(Cast(g, attended, 'float32')), row(2)));

    const norm2 = g.scope('norm2', () => this.crossNorm(`${path}.norm2`, afterSelf));
    const crossed = g.scope('attn2', () => this.attention(`${path}.attn2`, norm2, text));
    const afterCross = this.add(afterSelf, this.split(Cast(g, crossed, 'float32')));

    const norm3 = g.scope('norm3', () => this.normalize(afterCross, row(4), row(3)));
    const fed = g.scope('ffn', () => this.feedForward(`${path}.ffn`, norm3));
    return this.add(afterCross, this.gate(this.split(Cast(g, fed, 'float32')), row(5)));
  }

  /** The one normalisation with learnt scale and shift; without cross_attn_norm there is none before cross-attention. */
  private crossNorm(path: string, streams: Streams): Value {
    if (!this.config.cross_attn_norm) return this.join(streams);
    const vector = (name: string): Streams => {
      const value = this.g.weight(this.weights.get(`${path}.${name}`, [this.width]), { dtype: 'float32' });
      return streams.map(() => value);
    };
    return this.normalize(streams, vector('weight'), vector('bias'));
  }

  /** Normalises over D, multiplies by `scale` and adds `shift`, in one pass -> [S, D] in computeDtype, segments joined. */
  private normalize(streams: Streams, scale: Streams, shift: Streams): Value {
    const { g, config } = this;
    return this.join(
      streams.map((stream, index) =>
        LayerNormalization(g, stream, scale[index]!, shift[index]!, { epsilon: config.eps }),
      ),
    );
  }

  /** query [S, D], context [S or L, D] -> [S, D], with rotation where `rope` is given. */
  private attention(path: string, query: Value, context: Value, rope?: readonly [cos: Value, sin: Value]): Value {
    const { g, config, width } = this;
    const numHeads = config.num_attention_heads;
    const project = (name: 'to_q' | 'to_k' | 'to_v', x: Value) => this.linear(`${path}.${name}`, x, width, width);
    const batched = (x: Value) => Reshape(g, x, [1, x.shape[0]!, width]);
    // RMS normalisation runs over the whole width, before heads are told apart.
    const normalized = (name: 'norm_q' | 'norm_k', x: Value) => {
      const weight = g.weight(this.weights.get(`${path}.${name}.weight`, [width]));
      return SimplifiedLayerNormalization(g, x, weight, { epsilon: config.eps });
    };
    const rotated = (x: Value) => (rope === undefined ? x : RotaryEmbedding(g, x, rope[0], rope[1], { numHeads }));

    const q = rotated(batched(normalized('norm_q', project('to_q', query))));
    const k = rotated(batched(normalized('norm_k', project('to_k', context))));
    const v = batched(project('to_v', context));
    const mixed = MultiHeadAttention(g, q, k, v, { numHeads });
    return this.linear(`${path}.to_out.0`, Reshape(g, mixed, [this.numTokens, width]), width, width);
  }

  private feedForward(path: string, x: Value): Value {
    const { g, config, width } = this;
    const hidden = Gelu(g, this.linear(`${path}.net.0.proj`, x, width, config.ffn_dim));
    return this.linear(`${path}.net.2`, hidden, config.ffn_dim, width);
  }

  /** Video tokens alone -> [1, C, T, h, w]. */
  private output(streams: Streams, modulation: Modulation): Value {
    const { g, config, width } = this;
    const { frames, rows, columns } = this.grid;
    const [pt, ph, pw] = config.patch_size as [number, number, number];
    const [shift, scale] = [0, 1].map((index) => modulation.map((vectors) => vectors[index]!)) as unknown as [
      Streams,
      Streams,
    ];
    const all = this.normalize(streams, scale, shift);
    const videoTokens = frames * rows * columns;
    const video =
      videoTokens === this.numTokens
        ? all
        : Split(g, all, [videoTokens, this.numTokens - videoTokens], { axis: 0 })[0]!;

    const patchLength = config.out_channels * pt * ph * pw;
    const patches = Cast(g, this.linear('proj_out', video, width, patchLength), 'float32');
    // Within a patch the channel runs fastest.
    const split = Reshape(g, patches, [frames, rows, columns, pt, ph, pw, config.out_channels]);
    const ordered = Transpose(g, split, [6, 0, 3, 1, 4, 2, 5]); // [C, T', pt, H, ph, W, pw]
    return Reshape(g, ordered, [1, config.out_channels, frames * pt, rows * ph, columns * pw]);
  }

  /** A linear layer in the checkpoint's own layout, [outputs, inputs]: x [rows, inputs] -> [rows, outputs]. */
  private linear(
    path: string,
    x: Value,
    inputs: number,
    outputs: number,
    dtype: FloatDType = this.g.computeDtype,
  ): Value {
    const { g } = this;
    return g.scope(path.slice(path.lastIndexOf('.') + 1), () => {
      const weight = g.weight(this.weights.get(`${path}.weight`, [outputs, inputs]), { dtype });
      const bias = g.weight(this.weights.get(`${path}.bias`, [outputs]), { dtype });
      return Gemm(g, x, weight, bias, { transB: 1 });
    });
  }

  /** A scale_shift_table: [1, rows, D], float32. */
  private table(name: string, rows: number): Value {
    return this.g.weight(this.weights.get(name, [1, rows, this.width]), { dtype: 'float32' });
  }

  private gate(updates: Streams, gates: Streams): Streams {
    return updates.map((update, index) => Mul(this.g, update, gates[index]!));
  }

  /** com.microsoft's SkipLayerNormalization would fuse this with the normalisation after it, and is five times slower than both on a CPU. */
  private add(streams: Streams, updates: Streams): Streams {
    return streams.map((stream, index) => Add(this.g, stream, updates[index]!));
  }

  /** Segments to one [S, D] in computeDtype. */
  private join(parts: Streams): Value {
    return Cast(this.g, Concat(this.g, parts, { axis: 0 }), this.g.computeDtype);
  }

  private split(x: Value): Streams {
    return this.segments.length === 1 ? [x] : Split(this.g, x, this.segments, { axis: 0 });
  }
}

/** Tokens along each axis of the video. */
function tokenGrid(
  config: TransformerConfig,
  options: TransformerOptions,
): { frames: number; rows: number; columns: number } {
  const [pt, ph, pw] = config.patch_size as [number, number, number];
  const { numVideoFrames, latentHeight, latentWidth, numReferences } = options;
  const divide = (name: string, size: number, patch: number): number => {
    if (size < 1 || size % patch !== 0) {
      throw new ModelError(
        `${name} must be a positive multiple of ${patch}, as the transformer's patch_size says, got ${size}.`,
      );
    }
    return size / patch;
  };
  if (numReferences > 0 && pt !== 1) {
    throw new ModelError(
      `transformer/config.json: patch_size must start with 1 where there are references, got ${pt}.`,
    );
  }
  return {
    frames: divide('numVideoFrames', numVideoFrames, pt),
    rows: divide('latentHeight', latentHeight, ph),
    columns: divide('latentWidth', latentWidth, pw),
  };
}

function silu(g: Graph, x: Value): Value {
  return QuickGelu(g, x, { alpha: 1 });
}

/**
 * UMT5EncoderModel and T5EncoderModel as an ONNX graph. Source: transformers, models/umt5/modeling_umt5.py; letters: L tokens,
 * D d_model, A num_heads * d_kv.
 *
 * The two differ in one thing: UMT5 has a table of relative position biases in every block, T5 in the first alone, whose bias all
 * blocks share. Neither scales q k^T. Which bucket a pair of positions falls into depends on L only, so it is a constant index table and
 * the bias a Gather from the checkpoint's tensor, as the embedding is.
 */

import { type FloatDType, Graph, type Value } from '../onnx/graph';
import {
  Add,
  Cast,
  Gather,
  Gelu,
  Gemm,
  Mul,
  MultiHeadAttention,
  Relu,
  Reshape,
  SimplifiedLayerNormalization,
  Slice,
  Sub,
  Transpose,
} from '../onnx/ops';
import type { ModelDirectory, TextEncoderConfig } from './config';
import type { Weights } from './weights';

export interface TextEncoderOptions {
  /** L: tokens a prompt is padded to. */
  readonly textLength: number;
  readonly computeDtype?: FloatDType;
}

const STORED_DTYPE: Readonly<Record<string, FloatDType>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** Added to the scores of padding: large enough to vanish in softmax, and a number in every float type. */
const MASKED_SCORE = -30_000;

/**
 * Graph: `input_ids` and `attention_mask` int64 [1, L] -> `last_hidden_state` float32 [1, L, D]; rows whose mask is 0 are zeros, as
 * Wan's pipelines feed them to the transformer.
 *
 * @throws ModelError when a weight is missing or has another shape.
 */
export function emitTextEncoder(
  { className, config }: ModelDirectory['textEncoder'],
  weights: Weights,
  { textLength, computeDtype }: TextEncoderOptions,
): Graph {
  const { d_model, num_layers } = config;
  const g = new Graph('text encoder', { computeDtype });
  const inputIds = g.input('input_ids', 'int64', [1, textLength]);
  const attentionMask = Cast(g, g.input('attention_mask', 'int64', [1, textLength]), 'float32');
  const maskScores = g.scope('mask', () => {
    const padding = Sub(g, g.scalar(1, 'float32'), Reshape(g, attentionMask, [1, 1, 1, textLength]));
    return Cast(g, Mul(g, padding, g.scalar(MASKED_SCORE, 'float32')), g.computeDtype);
  });

  let x = g.scope('shared', () => Reshape(g, embed(g, weights, config, inputIds), [textLength, d_model]));
  const buckets = g.scope('relative_position_buckets', () => bucketTable(g, config, attentionMask));
  let bias: Value | undefined;
  for (let layer = 0; layer < num_layers; layer++) {
    const block = `encoder.block.${layer}`;
    if (bias === undefined || className === 'UMT5EncoderModel') {
      const path = `${block}.layer.0.SelfAttention.relative_attention_bias`;
      bias = g.scope(path, () => Add(g, relativeBias(g, weights, config, path, buckets), maskScores));
    }
    x = selfAttention(g, weights, config, `${block}.layer.0`, x, bias);
    x = feedForward(g, weights, config, `${block}.layer.1`, x);
  }
  x = rmsNorm(g, weights, config, 'encoder.final_layer_norm', x);
  const rows = Reshape(g, Cast(g, x, 'float32'), [1, textLength, d_model]);
  g.output('last_hidden_state', Mul(g, rows, Reshape(g, attentionMask, [1, textLength, 1])));
  return g;
}

/**
 * The bucket of each (query, key) pair, [L * L] row-major: keys after the query in the upper half of the buckets, near distances a
 * bucket each, far ones on a logarithmic scale up to maxDistance.
 */
export function relativePositionBuckets(length: number, numBuckets: number, maxDistance: number): number[] {
  const half = Math.floor(numBuckets / 2);
  const numExact = Math.floor(half / 2);
  const bucketOf = (distance: number): number => {
    if (distance < numExact) return distance;
    // float32 as torch computes it: at the edges between buckets the last bit decides.
    const ratio = Math.fround(Math.log(distance / numExact)) / Math.log(maxDistance / numExact);
    return Math.min(numExact + Math.trunc(Math.fround(Math.fround(ratio) * (half - numExact))), half - 1);
  };
  const buckets: number[] = [];
  for (let query = 0; query < length; query++) {
    for (let key = 0; key < length; key++) buckets.push(bucketOf(Math.abs(key - query)) + (key > query ? half : 0));
  }
  return buckets;
}

/** [1, num_heads, L, L] from the table [numBuckets, num_heads] of one block. */
function relativeBias(g: Graph, weights: Weights, config: TextEncoderConfig, path: string, buckets: Value): Value {
  const { num_heads, relative_attention_num_buckets: numBuckets } = config;
  const perPair = Gather(g, g.weight(weights.get(`${path}.weight`, [numBuckets, num_heads])), buckets);
  return Reshape(g, Transpose(g, perPair, [2, 0, 1]), [1, num_heads, ...buckets.shape]);
}

/**
 * The buckets [L, L] as a value, not a constant: with constants on both sides of its Gather the runtime would fold the bias of
 * every block while it loads, 1.6 GB for the 24 blocks of UMT5-XXL at 512 tokens. A zero made of the mask prevents that.
 */
function bucketTable(g: Graph, config: TextEncoderConfig, attentionMask: Value): Value {
  const { relative_attention_num_buckets: numBuckets, relative_attention_max_distance: maxDistance } = config;
  const length = Number(attentionMask.shape[1]);
  const table = relativePositionBuckets(length, numBuckets, maxDistance);
  const constant = g.constant('relative_position_buckets', 'int32', [length, length], table);
  const first = Cast(g, Slice(g, attentionMask, { axis: 1, start: 0, end: 1 }), 'int32');
  return Add(g, constant, Sub(g, first, first));
}

/** x + o(attention(q, k, v of the normalised x)). x [L, D]. */
function selfAttention(
  g: Graph,
  weights: Weights,
  config: TextEncoderConfig,
  path: string,
  x: Value,
  attentionBias: Value,
): Value {
  const { d_model, d_kv, num_heads } = config;
  const inner = num_heads * d_kv;
  const length = Number(x.shape[0]);
  const normal = rmsNorm(g, weights, config, `${path}.layer_norm`, x);
  const attention = `${path}.SelfAttention`;
  const [query, key, value] = ['q', 'k', 'v'].map((name) => {
    const rows = linear(g, weights, `${attention}.${name}`, normal, inner);
    return g.scope(`${attention}.${name}`, () => Reshape(g, rows, [1, length, inner]));
  });
  const attended = g.scope(attention, () => {
    const heads = MultiHeadAttention(g, query!, key!, value!, { numHeads: num_heads, scale: 1, attentionBias });
    return Reshape(g, heads, [length, inner]);
  });
  return g.scope(path, () => Add(g, x, linear(g, weights, `${attention}.o`, attended, d_model)));
}

/** x + wo(gelu(wi_0(n)) * wi_1(n)), or x + wo(relu(wi(n))), of the normalised x. */
function feedForward(g: Graph, weights: Weights, config: TextEncoderConfig, path: string, x: Value): Value {
  const { d_model, d_ff } = config;
  const normal = rmsNorm(g, weights, config, `${path}.layer_norm`, x);
  const dense = `${path}.DenseReluDense`;
  const hidden =
    config.feed_forward_proj === 'relu'
      ? Relu(g, linear(g, weights, `${dense}.wi`, normal, d_ff))
      : Mul(
          g,
          Gelu(g, linear(g, weights, `${dense}.wi_0`, normal, d_ff)),
          linear(g, weights, `${dense}.wi_1`, normal, d_ff),
        );
  return g.scope(path, () => Add(g, x, linear(g, weights, `${dense}.wo`, hidden, d_model)));
}

function rmsNorm(g: Graph, weights: Weights, config: TextEncoderConfig, path: string, x: Value): Value {
  const scale = g.weight(weights.get(`${path}.weight`, [config.d_model]));
  return g.scope(path, () => SimplifiedLayerNormalization(g, x, scale, { epsilon: config.layer_norm_epsilon }));
}

/** x [L, in] -> [L, outputs], no bias. */
function linear(g: Graph, weights: Weights, path: string, x: Value, outputs: number): Value {
  const weight = weights.get(`${path}.weight`, [outputs, Number(x.shape[1])]);
  return g.scope(path, () => Gemm(g, x, g.weight(weight), undefined, { transB: 1 }));
}

/** [1, L, D]. Rows are picked in the type of the checkpoint and cast then, so that the table itself is never converted. */
function embed(g: Graph, weights: Weights, { vocab_size, d_model }: TextEncoderConfig, inputIds: Value): Value {
  // Tied weights are saved under either name.
  const name = ['shared.weight', 'encoder.embed_tokens.weight'].find((candidate) => weights.has(candidate));
  const table = weights.get(name ?? 'shared.weight', [vocab_size, d_model]);
  return Cast(g, Gather(g, g.weight(table, { dtype: STORED_DTYPE[table.dtype] }), inputIds), g.computeDtype);
}

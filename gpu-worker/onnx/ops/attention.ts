/** Fused attention and rotation of com.microsoft. Without a bias, attention never holds the [S, S] matrix as a whole. */

import type { Graph, Value } from '../graph';
import { describe, requireFloat, requireNumber, requireRank, requireSameDType, requireShapeIs } from './shapes';

/**
 * softmax(q k^T * scale + attentionBias) v for `numHeads` heads side by side in the last dimension.
 * query [B, S, D], key and value [B, L, D] -> [B, S, D]; attentionBias [1 or B, 1 or heads, S, L]; scale 1 / sqrt(D / heads) unless given.
 */
export function MultiHeadAttention(
  g: Graph,
  query: Value,
  key: Value,
  value: Value,
  { numHeads, scale, attentionBias }: { numHeads: number; scale?: number; attentionBias?: Value },
): Value {
  const opType = 'MultiHeadAttention';
  requireFloat(g, opType, query);
  const dtype = requireSameDType(g, opType, query, key, value, attentionBias);
  for (const input of [query, key, value]) requireRank(g, opType, input, 3);
  const width = requireNumber(g, opType, query, 2);
  if (width % numHeads !== 0) g.fail(opType, `the width must divide by ${numHeads} heads, got ${describe(query)}.`);
  const [batch, length] = key.shape;
  if (batch !== query.shape[0] || key.shape[2] !== width) {
    g.fail(opType, `key must fit query, got ${describe(key)} and ${describe(query)}.`);
  }
  requireShapeIs(g, opType, 'value', value, [batch!, length!, width]);
  if (attentionBias !== undefined) {
    const [batchBias, headsBias, ...rest] = attentionBias.shape;
    const isFit = (batchBias === 1 || batchBias === batch) && (headsBias === 1 || headsBias === numHeads);
    if (attentionBias.shape.length !== 4 || !isFit || rest[0] !== query.shape[1] || rest[1] !== length) {
      g.fail(
        opType,
        `attentionBias must have shape [1 or ${batch}, 1 or ${numHeads}, ${query.shape[1]}, ${length}], got ${describe(attentionBias)}.`,
      );
    }
  }
  const attributes = { num_heads: numHeads, ...(scale === undefined ? {} : { scale: { float: scale } }) };
  const inputs = [query, key, value, undefined, undefined, attentionBias];
  return g.node(opType, inputs, attributes, [{ dtype, shape: query.shape }], { domain: 'com.microsoft' })[0]!;
}

/**
 * Rotates neighbouring pairs (2k, 2k + 1) of every head of x [B, S, D] by the angles whose cosines and sines are given,
 * [S, D / heads / 2] each: row s belongs to token s.
 */
export function RotaryEmbedding(g: Graph, x: Value, cos: Value, sin: Value, { numHeads }: { numHeads: number }): Value {
  const opType = 'RotaryEmbedding';
  requireFloat(g, opType, x);
  requireRank(g, opType, x, 3);
  const dtype = requireSameDType(g, opType, x, cos, sin);
  const width = requireNumber(g, opType, x, 2);
  const pairs = width / numHeads / 2;
  if (!Number.isInteger(pairs)) g.fail(opType, `the width must divide by 2 * ${numHeads} heads, got ${describe(x)}.`);
  requireShapeIs(g, opType, 'cos', cos, [x.shape[1]!, pairs]);
  requireShapeIs(g, opType, 'sin', sin, [x.shape[1]!, pairs]);
  // A single position id is the row at which the sequence starts.
  const attributes = { interleaved: 1, num_heads: numHeads, rotary_embedding_dim: 0 };
  return g.node(opType, [x, g.ints([0]), cos, sin], attributes, [{ dtype, shape: x.shape }], {
    domain: 'com.microsoft',
  })[0]!;
}

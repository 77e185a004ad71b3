/** Normalisation over the last dimension. Scale and bias may be computed values, which is how modulation becomes one pass. */

import type { Graph, Value } from '../graph';
import { requireFloat, requireSameDType, requireShapeIs } from './shapes';

/** (x - mean) / sqrt(variance + epsilon) * scale + bias, over the last dimension; scale and bias are vectors of its length. */
export function LayerNormalization(
  g: Graph,
  x: Value,
  scale: Value,
  bias: Value | undefined,
  { epsilon }: { epsilon: number },
): Value {
  requireVectors(g, 'LayerNormalization', x, scale, bias);
  return g.node('LayerNormalization', [x, scale, bias], { axis: -1, epsilon: { float: epsilon } }, [x])[0]!;
}

/** RMS normalisation: x / sqrt(mean(x^2) + epsilon) * scale. An extension of the runtime in ONNX's own domain. */
export function SimplifiedLayerNormalization(
  g: Graph,
  x: Value,
  scale: Value,
  { epsilon }: { epsilon: number },
): Value {
  requireVectors(g, 'SimplifiedLayerNormalization', x, scale);
  const attributes = { axis: -1, epsilon: { float: epsilon }, stash_type: 1 };
  return g.node('SimplifiedLayerNormalization', [x, scale], attributes, [x])[0]!;
}

/** com.microsoft: sum = x + skip; gives [LayerNormalization(sum), sum] in one pass. */
export function SkipLayerNormalization(
  g: Graph,
  x: Value,
  skip: Value,
  scale: Value,
  bias: Value | undefined,
  { epsilon }: { epsilon: number },
): [normalized: Value, sum: Value] {
  return skipNormalization(g, 'SkipLayerNormalization', [x, skip, scale, bias], epsilon);
}

/** com.microsoft: sum = x + skip; gives [RMS normalisation of sum, sum] in one pass. */
export function SkipSimplifiedLayerNormalization(
  g: Graph,
  x: Value,
  skip: Value,
  scale: Value,
  { epsilon }: { epsilon: number },
): [normalized: Value, sum: Value] {
  return skipNormalization(g, 'SkipSimplifiedLayerNormalization', [x, skip, scale], epsilon);
}

function skipNormalization(
  g: Graph,
  opType: string,
  inputs: readonly [x: Value, skip: Value, scale: Value, bias?: Value],
  epsilon: number,
): [Value, Value] {
  const [x, skip, scale, bias] = inputs;
  requireVectors(g, opType, x, scale, bias);
  requireSameDType(g, opType, x, skip);
  requireShapeIs(g, opType, 'skip', skip, x.shape);
  const attributes = { epsilon: { float: epsilon } };
  // Results 1 and 2, mean and inverse deviation, are for training.
  const [normalized, sum] = g.node(opType, inputs, attributes, [x, undefined, undefined, x], {
    domain: 'com.microsoft',
  });
  return [normalized!, sum!];
}

function requireVectors(g: Graph, opType: string, x: Value, ...vectors: readonly (Value | undefined)[]): void {
  requireFloat(g, opType, x);
  requireSameDType(g, opType, x, ...vectors);
  for (const vector of vectors) {
    if (vector !== undefined) requireShapeIs(g, opType, 'scale and bias', vector, x.shape.slice(-1));
  }
}

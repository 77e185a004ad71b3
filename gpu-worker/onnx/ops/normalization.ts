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

function requireVectors(g: Graph, opType: string, x: Value, ...vectors: readonly (Value | undefined)[]): void {
  requireFloat(g, opType, x);
  requireSameDType(g, opType, x, ...vectors);
  for (const vector of vectors) {
    if (vector !== undefined) requireShapeIs(g, opType, 'scale and bias', vector, x.shape.slice(-1));
  }
}

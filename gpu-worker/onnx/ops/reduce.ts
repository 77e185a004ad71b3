/** Reductions over axes; the axes stay as size 1 unless keepdims is 0. */

import type { Graph, Value } from '../graph';
import { requireAxis, requireFloat } from './shapes';

export interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepdims?: 0 | 1;
}

export const ReduceMean = (g: Graph, x: Value, attributes: ReduceAttributes): Value =>
  reduce(g, 'ReduceMean', x, attributes);
export const ReduceSum = (g: Graph, x: Value, attributes: ReduceAttributes): Value =>
  reduce(g, 'ReduceSum', x, attributes);

function reduce(g: Graph, opType: string, x: Value, { axes, keepdims = 1 }: ReduceAttributes): Value {
  requireFloat(g, opType, x);
  const positions = axes.map((axis) => requireAxis(g, opType, axis, x.shape.length));
  const kept = x.shape.map((dim, index) => (positions.includes(index) ? 1 : dim));
  const shape = keepdims === 1 ? kept : x.shape.filter((_, index) => !positions.includes(index));
  return g.node(opType, [x, g.ints(positions)], { keepdims }, [{ dtype: x.dtype, shape }])[0]!;
}

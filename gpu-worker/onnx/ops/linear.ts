/** Matrix products. */

import type { Dim, Graph, Value } from '../graph';
import { describe, requireFloat, requireRank, requireSameDType } from './shapes';

/** Product of the last two dimensions; the leading ones broadcast. */
export function MatMul(g: Graph, a: Value, b: Value): Value {
  requireFloat(g, 'MatMul', a);
  const dtype = requireSameDType(g, 'MatMul', a, b);
  if (a.shape.length < 2 || b.shape.length < 2 || a.shape.at(-1) !== b.shape.at(-2)) {
    g.fail('MatMul', `columns of a must equal rows of b, got ${describe(a)} and ${describe(b)}.`);
  }
  const shape = [...batchDims(g, a, b), a.shape.at(-2)!, b.shape.at(-1)!];
  return g.node('MatMul', [a, b], {}, [{ dtype, shape }])[0]!;
}

/**
 * a [M, K] times b [K, N], plus c, which broadcasts to [M, N]. With transB = 1, b is [N, K]: the layout in which a
 * checkpoint stores a linear layer.
 */
export function Gemm(
  g: Graph,
  a: Value,
  b: Value,
  c?: Value,
  {
    transA = 0,
    transB = 0,
    alpha = 1,
    beta = 1,
  }: { transA?: 0 | 1; transB?: 0 | 1; alpha?: number; beta?: number } = {},
): Value {
  requireFloat(g, 'Gemm', a);
  requireRank(g, 'Gemm', a, 2);
  requireRank(g, 'Gemm', b, 2);
  const dtype = requireSameDType(g, 'Gemm', a, b, c);
  const [rows, inner] = transA === 1 ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [innerB, columns] = transB === 1 ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (inner !== innerB) {
    g.fail('Gemm', `columns of a must equal rows of b, got ${describe(a)} and ${describe(b)}, transB ${transB}.`);
  }
  const shape: Dim[] = [rows, columns];
  if (c !== undefined && !stretchesTo(c.shape, shape)) {
    g.fail('Gemm', `c must broadcast to [${shape.join(', ')}], got ${describe(c)}.`);
  }
  const attributes = { transA, transB, alpha: { float: alpha }, beta: { float: beta } };
  return g.node('Gemm', [a, b, c], attributes, [{ dtype, shape }])[0]!;
}

function batchDims(g: Graph, a: Value, b: Value): Dim[] {
  const left = a.shape.slice(0, -2);
  const right = b.shape.slice(0, -2);
  const rank = Math.max(left.length, right.length);
  return Array.from({ length: rank }, (_, index) => {
    const x = left[index - (rank - left.length)] ?? 1;
    const y = right[index - (rank - right.length)] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      g.fail('MatMul', `leading dimensions must broadcast, got ${describe(a)} and ${describe(b)}.`);
    }
    return x === 1 ? y : x;
  });
}

function stretchesTo(from: readonly Dim[], to: readonly Dim[]): boolean {
  const start = to.length - from.length;
  return start >= 0 && from.every((dim, index) => dim === 1 || dim === to[start + index]);
}

/** Operators that move or select elements without computing with them. */

import type { Dim, Graph, Value } from '../graph';
import { describe, product, requireAxis, requireNumber, requireSameDType, sameShape } from './shapes';

/** Same elements in row-major order under another shape; one entry may be -1, one may be a name that x has too. */
export function Reshape(g: Graph, x: Value, shape: readonly Dim[]): Value {
  const wanted = inferMinusOne(g, x, shape);
  const from = product(x.shape);
  const to = product(wanted);
  if (from.count !== to.count || from.symbols !== to.symbols) {
    g.fail('Reshape', `the element count must stay, got ${describe(x)} to [${shape.join(', ')}].`);
  }
  const names = wanted.filter((dim) => typeof dim === 'string');
  if (names.length > 1) g.fail('Reshape', `at most one dimension may be a name, got [${shape.join(', ')}].`);
  const target = g.ints(wanted.map((dim) => (typeof dim === 'string' ? -1 : dim)));
  return g.node('Reshape', [x, target], {}, [{ dtype: x.dtype, shape: wanted }])[0]!;
}

/** Dimension i of the result is dimension perm[i] of x. */
export function Transpose(g: Graph, x: Value, perm: readonly number[]): Value {
  const sorted = [...perm].sort((a, b) => a - b);
  if (perm.length !== x.shape.length || sorted.some((axis, index) => axis !== index)) {
    g.fail('Transpose', `perm must name each dimension of ${describe(x)} once, got [${perm}].`);
  }
  return g.node('Transpose', [x], { perm }, [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]!) }])[0]!;
}

/** Joins along `axis`; one input is given back as it is. */
export function Concat(g: Graph, inputs: readonly Value[], { axis }: { axis: number }): Value {
  const [first] = inputs;
  if (first === undefined) return g.fail('Concat', 'it must have an input.');
  if (inputs.length === 1) return first;
  const dtype = requireSameDType(g, 'Concat', ...inputs);
  const at = requireAxis(g, 'Concat', axis, first.shape.length);
  const rest = (value: Value) => value.shape.filter((_, index) => index !== at);
  for (const value of inputs) {
    if (value.shape.length !== first.shape.length || !sameShape(rest(value), rest(first))) {
      g.fail('Concat', `all but axis ${at} must agree, got ${inputs.map(describe).join(' and ')}.`);
    }
  }
  const shape = [...first.shape];
  shape[at] = inputs.reduce((total, value) => total + requireNumber(g, 'Concat', value, at), 0);
  return g.node('Concat', inputs, { axis: at }, [{ dtype, shape }])[0]!;
}

/** Cuts `axis` into pieces of the given lengths, which must add up to it. */
export function Split(g: Graph, x: Value, lengths: readonly number[], { axis }: { axis: number }): Value[] {
  const at = requireAxis(g, 'Split', axis, x.shape.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total !== requireNumber(g, 'Split', x, at)) {
    g.fail('Split', `lengths must add up to axis ${at} of ${describe(x)}, got [${lengths}].`);
  }
  const pieces = lengths.map((length) => ({
    dtype: x.dtype,
    shape: x.shape.map((dim, i) => (i === at ? length : dim)),
  }));
  return g.node('Split', [x, g.ints(lengths)], { axis: at }, pieces);
}

/** Elements start, start + step, ... below end (above it, for a negative step) of one axis. Negative positions count from the end. */
export function Slice(
  g: Graph,
  x: Value,
  { axis, start, end, step = 1 }: { axis: number; start: number; end: number; step?: number },
): Value {
  const at = requireAxis(g, 'Slice', axis, x.shape.length);
  const size = requireNumber(g, 'Slice', x, at);
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : Math.min(end, size);
  if (step < 1 || from < 0 || from >= to) {
    g.fail(
      'Slice',
      `start to end must be a forward range within axis ${at} of ${describe(x)}, got ${start} to ${end}, step ${step}.`,
    );
  }
  const shape = x.shape.map((dim, index) => (index === at ? Math.ceil((to - from) / step) : dim));
  return g.node('Slice', [x, g.ints([from]), g.ints([to]), g.ints([at]), g.ints([step])], {}, [
    { dtype: x.dtype, shape },
  ])[0]!;
}

/** Repeats dimensions of size 1 up to `shape`. */
export function Expand(g: Graph, x: Value, shape: readonly number[]): Value {
  const start = shape.length - x.shape.length;
  if (start < 0 || x.shape.some((dim, index) => dim !== 1 && dim !== shape[start + index])) {
    g.fail('Expand', `${describe(x)} must broadcast to [${shape.join(', ')}].`);
  }
  return g.node('Expand', [x, g.ints(shape)], {}, [{ dtype: x.dtype, shape }])[0]!;
}

/** Rows of `table` along `axis`, picked by int64 or int32 `indices`. */
export function Gather(g: Graph, table: Value, indices: Value, { axis = 0 }: { axis?: number } = {}): Value {
  const at = requireAxis(g, 'Gather', axis, table.shape.length);
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32') {
    g.fail('Gather', `indices must be int64 or int32, got ${describe(indices)}.`);
  }
  const shape = [...table.shape.slice(0, at), ...indices.shape, ...table.shape.slice(at + 1)];
  return g.node('Gather', [table, indices], { axis: at }, [{ dtype: table.dtype, shape }])[0]!;
}

function inferMinusOne(g: Graph, x: Value, shape: readonly Dim[]): Dim[] {
  const at = shape.indexOf(-1);
  if (at < 0) return [...shape];
  const rest = shape.filter((_, index) => index !== at);
  const from = product(x.shape);
  const to = product(rest);
  if (from.symbols !== to.symbols || to.count === 0 || from.count % to.count !== 0) {
    g.fail('Reshape', `-1 must come out whole, got ${describe(x)} to [${shape.join(', ')}].`);
  }
  return shape.map((dim, index) => (index === at ? from.count / to.count : dim));
}

/** Shape arithmetic that several operators share. Symbolic dimensions are equal only when their names are. */

import type { Dim, DType, Graph, Value } from '../graph';

const FLOAT_TYPES: readonly DType[] = ['float32', 'float16', 'bfloat16'];

export function describe(value: Value): string {
  return `${value.dtype} [${value.shape.join(', ')}]`;
}

/** Turns a negative axis into a positive one, or fails. */
export function requireAxis(g: Graph, opType: string, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    g.fail(opType, `axis must be in -${rank} to ${rank - 1}, got ${axis}.`);
  }
  return positive;
}

export function requireFloat(g: Graph, opType: string, value: Value): void {
  if (!FLOAT_TYPES.includes(value.dtype)) g.fail(opType, `its input must be a float type, got ${describe(value)}.`);
}

export function requireSameDType(g: Graph, opType: string, ...values: readonly (Value | undefined)[]): DType {
  const present = values.filter((value) => value !== undefined);
  const [first] = present;
  if (first === undefined) return g.fail(opType, 'it must have an input.');
  if (present.some((value) => value.dtype !== first.dtype)) {
    g.fail(opType, `its inputs must have one dtype, got ${present.map(describe).join(' and ')}.`);
  }
  return first.dtype;
}

export function requireRank(g: Graph, opType: string, value: Value, ...ranks: readonly number[]): void {
  if (!ranks.includes(value.shape.length)) {
    g.fail(opType, `its input must have rank ${ranks.join(' or ')}, got ${describe(value)}.`);
  }
}

/** A dimension that the operator has to compute with, so a name will not do. */
export function requireNumber(g: Graph, opType: string, value: Value, axis: number): number {
  const dim = value.shape[axis];
  return typeof dim === 'number' ? dim : g.fail(opType, `dimension ${axis} must be a number, got ${describe(value)}.`);
}

export function requireShapeIs(g: Graph, opType: string, what: string, value: Value, shape: readonly Dim[]): void {
  if (!sameShape(value.shape, shape)) {
    g.fail(opType, `${what} must have shape [${shape.join(', ')}], got ${describe(value)}.`);
  }
}

export function sameShape(a: readonly Dim[], b: readonly Dim[]): boolean {
  return a.length === b.length && a.every((dim, index) => dim === b[index]);
}

/** Numpy's broadcasting rule: aligned at the end, 1 stretches. */
export function broadcastShapes(g: Graph, opType: string, ...values: readonly Value[]): Dim[] {
  const rank = Math.max(...values.map((value) => value.shape.length));
  const shape: Dim[] = new Array(rank).fill(1);
  for (const value of values) {
    const start = rank - value.shape.length;
    value.shape.forEach((dim, index) => {
      const current = shape[start + index];
      if (current === 1) shape[start + index] = dim;
      else if (dim !== 1 && dim !== current) {
        g.fail(opType, `its inputs must broadcast, got ${values.map(describe).join(' and ')}.`);
      }
    });
  }
  return shape;
}

/** The number of elements, and the product of the symbolic part as text, so that two products can be compared. */
export function product(shape: readonly Dim[]): { readonly count: number; readonly symbols: string } {
  const symbols = shape.filter((dim) => typeof dim === 'string').sort();
  const count = shape.reduce<number>((total, dim) => (typeof dim === 'number' ? total * dim : total), 1);
  return { count, symbols: symbols.join('*') };
}

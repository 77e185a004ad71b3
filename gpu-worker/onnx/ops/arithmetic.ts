/** Element by element, with numpy's broadcasting. */

import { castTarget, type DType, type Graph, type Value } from '../graph';
import { broadcastShapes, requireFloat, requireSameDType } from './shapes';

export const Add = (g: Graph, a: Value, b: Value): Value => binary(g, 'Add', a, b);
export const Sub = (g: Graph, a: Value, b: Value): Value => binary(g, 'Sub', a, b);
export const Mul = (g: Graph, a: Value, b: Value): Value => binary(g, 'Mul', a, b);
export const Div = (g: Graph, a: Value, b: Value): Value => binary(g, 'Div', a, b);
export const Max = (g: Graph, a: Value, b: Value): Value => binary(g, 'Max', a, b);
export const Min = (g: Graph, a: Value, b: Value): Value => binary(g, 'Min', a, b);

export const Sqrt = (g: Graph, x: Value): Value => unary(g, 'Sqrt', x);
export const Reciprocal = (g: Graph, x: Value): Value => unary(g, 'Reciprocal', x);
export const Sin = (g: Graph, x: Value): Value => unary(g, 'Sin', x);
export const Cos = (g: Graph, x: Value): Value => unary(g, 'Cos', x);

/** Limits `x` to `min`..`max`, both included. */
export function Clip(g: Graph, x: Value, min: number, max: number): Value {
  if (!(min <= max)) g.fail('Clip', `min must not exceed max, got ${min} and ${max}.`);
  return g.node('Clip', [x, g.scalar(min, x.dtype), g.scalar(max, x.dtype)], {}, [x])[0]!;
}

/** Gives `x` itself where it has that dtype already. */
export function Cast(g: Graph, x: Value, dtype: DType): Value {
  if (x.dtype === dtype) return x;
  return g.node('Cast', [x], { to: castTarget(dtype) }, [{ dtype, shape: x.shape }])[0]!;
}

function binary(g: Graph, opType: string, a: Value, b: Value): Value {
  const dtype = requireSameDType(g, opType, a, b);
  const shape = broadcastShapes(g, opType, a, b);
  return g.node(opType, [a, b], {}, [{ dtype, shape }])[0]!;
}

function unary(g: Graph, opType: string, x: Value): Value {
  requireFloat(g, opType, x);
  return g.node(opType, [x], {}, [x])[0]!;
}

/** Activation functions. The fused forms of com.microsoft read and write memory once where the plain ones do so several times. */

import type { Graph, Value } from '../graph';
import { requireAxis, requireFloat, requireSameDType, requireShapeIs } from './shapes';

export const Sigmoid = (g: Graph, x: Value): Value => unary(g, 'Sigmoid', x);
export const Tanh = (g: Graph, x: Value): Value => unary(g, 'Tanh', x);
export const Relu = (g: Graph, x: Value): Value => unary(g, 'Relu', x);

/** GELU: exact through the error function ('none'), or the 'tanh' approximation that Wan and UMT5 use. */
export function Gelu(g: Graph, x: Value, { approximate = 'tanh' }: { approximate?: 'none' | 'tanh' } = {}): Value {
  requireFloat(g, 'Gelu', x);
  return g.node('Gelu', [x], { approximate }, [x])[0]!;
}

/** com.microsoft: tanh-approximated GELU of `x + bias`; bias has the length of the last dimension. */
export function FastGelu(g: Graph, x: Value, bias?: Value): Value {
  requireFloat(g, 'FastGelu', x);
  requireSameDType(g, 'FastGelu', x, bias);
  if (bias !== undefined) requireShapeIs(g, 'FastGelu', 'bias', bias, x.shape.slice(-1));
  return g.node('FastGelu', [x, bias], {}, [x], { domain: 'com.microsoft' })[0]!;
}

/** com.microsoft: x * sigmoid(alpha * x). With alpha 1 this is SiLU in one pass. */
export function QuickGelu(g: Graph, x: Value, { alpha }: { alpha: number }): Value {
  requireFloat(g, 'QuickGelu', x);
  return g.node('QuickGelu', [x], { alpha: { float: alpha } }, [x], { domain: 'com.microsoft' })[0]!;
}

export function Softmax(g: Graph, x: Value, { axis = -1 }: { axis?: number } = {}): Value {
  requireFloat(g, 'Softmax', x);
  return g.node('Softmax', [x], { axis: requireAxis(g, 'Softmax', axis, x.shape.length) }, [x])[0]!;
}

function unary(g: Graph, opType: string, x: Value): Value {
  requireFloat(g, opType, x);
  return g.node(opType, [x], {}, [x])[0]!;
}

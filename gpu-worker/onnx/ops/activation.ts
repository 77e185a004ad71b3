/** Activation functions. */

import type { Graph, Value } from '../graph';
import { requireFloat, requireSameDType } from './shapes';

export const Relu = (g: Graph, x: Value): Value => unary(g, 'Relu', x);
export const Sigmoid = (g: Graph, x: Value): Value => unary(g, 'Sigmoid', x);
/** x * clip(x / 6 + 1/2, 0, 1). */
export const HardSwish = (g: Graph, x: Value): Value => unary(g, 'HardSwish', x);

/** x where it is positive, slope * x elsewhere; the slope is broadcast to x. */
export function PRelu(g: Graph, x: Value, slope: Value): Value {
  requireSameDType(g, 'PRelu', x, slope);
  return g.node('PRelu', [x, slope], {}, [x])[0]!;
}

/** GELU: exact through the error function ('none'), or the 'tanh' approximation that Wan and UMT5 use. */
export function Gelu(g: Graph, x: Value, { approximate = 'tanh' }: { approximate?: 'none' | 'tanh' } = {}): Value {
  requireFloat(g, 'Gelu', x);
  return g.node('Gelu', [x], { approximate }, [x])[0]!;
}

/** com.microsoft: x * sigmoid(alpha * x). With alpha 1 this is SiLU in one pass. */
export function QuickGelu(g: Graph, x: Value, { alpha }: { alpha: number }): Value {
  requireFloat(g, 'QuickGelu', x);
  return g.node('QuickGelu', [x], { alpha: { float: alpha } }, [x], { domain: 'com.microsoft' })[0]!;
}

function unary(g: Graph, opType: string, x: Value): Value {
  requireFloat(g, opType, x);
  return g.node(opType, [x], {}, [x])[0]!;
}

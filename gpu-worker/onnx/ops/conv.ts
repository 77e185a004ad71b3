/** Convolution over one, two or three spatial axes, and its companions ConvTranspose, MaxPool, Pad and Resize. */

import type { Dim, Graph, Value } from '../graph';
import { describe, requireFloat, requireNumber, requireRank, requireSameDType, requireShapeIs } from './shapes';

export interface ConvAttributes {
  /** One entry a spatial axis; 1 unless given. */
  readonly strides?: readonly number[];
  /** All starts, then all ends: [top, left, bottom, right]; zeros unless given. */
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
  readonly group?: number;
}

/** x [N, C, ...], weight [M, C / group, kernel...], bias [M] -> [N, M, ...]. Named axes keep their name at stride 1, same size. */
export function Conv(g: Graph, x: Value, weight: Value, bias?: Value, attributes: ConvAttributes = {}): Value {
  requireFloat(g, 'Conv', x);
  requireRank(g, 'Conv', x, 3, 4, 5);
  const dtype = requireSameDType(g, 'Conv', x, weight, bias);
  const axes = x.shape.length - 2;
  const strides = attributes.strides ?? new Array<number>(axes).fill(1);
  const pads = attributes.pads ?? new Array<number>(2 * axes).fill(0);
  const dilations = attributes.dilations ?? new Array<number>(axes).fill(1);
  const group = attributes.group ?? 1;
  if (strides.length !== axes || dilations.length !== axes || pads.length !== 2 * axes) {
    g.fail('Conv', `strides, dilations and pads must fit ${axes} axes, got [${strides}], [${dilations}], [${pads}].`);
  }
  const channels = requireNumber(g, 'Conv', x, 1);
  if (weight.shape.length !== x.shape.length || Number(weight.shape[1]) * group !== channels) {
    g.fail('Conv', `weight must have ${channels / group} input channels, got ${describe(weight)} for ${describe(x)}.`);
  }
  const outChannels = requireNumber(g, 'Conv', weight, 0);
  if (bias !== undefined) requireShapeIs(g, 'Conv', 'bias', bias, [outChannels]);

  const kernel = weight.shape.slice(2).map(Number);
  const spatial = x.shape.slice(2).map((dim, axis): Dim => {
    const growth = pads[axis]! + pads[axis + axes]! - dilations[axis]! * (kernel[axis]! - 1) - 1;
    if (typeof dim === 'string') {
      if (growth === -1 && strides[axis] === 1) return dim;
      return g.fail('Conv', `axis ${axis + 2} changes size, so it must be a number, got ${describe(x)}.`);
    }
    const size = Math.floor((dim + growth) / strides[axis]!) + 1;
    return size > 0 ? size : g.fail('Conv', `the kernel [${kernel}] must fit into ${describe(x)}, pads [${pads}].`);
  });
  return g.node('Conv', [x, weight, bias], { kernel_shape: kernel, strides, pads, dilations, group }, [
    { dtype, shape: [x.shape[0]!, outChannels, ...spatial] },
  ])[0]!;
}

/** Every element spreads the kernel, the kernels side by side. x [N, C, ...], weight [C, M, kernel...], bias [M] -> [N, M, ...]. */
export function ConvTranspose(g: Graph, x: Value, weight: Value, bias?: Value): Value {
  requireFloat(g, 'ConvTranspose', x);
  requireRank(g, 'ConvTranspose', x, 3, 4, 5);
  const dtype = requireSameDType(g, 'ConvTranspose', x, weight, bias);
  if (weight.shape.length !== x.shape.length || weight.shape[0] !== x.shape[1]) {
    g.fail(
      'ConvTranspose',
      `weight must have ${x.shape[1]} input channels, got ${describe(weight)} for ${describe(x)}.`,
    );
  }
  const outChannels = requireNumber(g, 'ConvTranspose', weight, 1);
  if (bias !== undefined) requireShapeIs(g, 'ConvTranspose', 'bias', bias, [outChannels]);
  const kernel = weight.shape.slice(2).map(Number);
  const spatial = kernel.map((size, axis) => requireNumber(g, 'ConvTranspose', x, axis + 2) * size);
  return g.node('ConvTranspose', [x, weight, bias], { kernel_shape: kernel, strides: kernel }, [
    { dtype, shape: [x.shape[0]!, outChannels, ...spatial] },
  ])[0]!;
}

/** The largest value of every window. x [N, C, ...]; one entry a spatial axis, no padding. */
export function MaxPool(
  g: Graph,
  x: Value,
  { kernel, strides }: { kernel: readonly number[]; strides: readonly number[] },
): Value {
  requireFloat(g, 'MaxPool', x);
  if (kernel.length !== x.shape.length - 2 || strides.length !== kernel.length) {
    g.fail('MaxPool', `kernel and strides must fit ${describe(x)}, got [${kernel}], [${strides}].`);
  }
  const spatial = kernel.map(
    (size, axis) => Math.floor((requireNumber(g, 'MaxPool', x, axis + 2) - size) / strides[axis]!) + 1,
  );
  const shape = [...x.shape.slice(0, 2), ...spatial];
  return g.node('MaxPool', [x], { kernel_shape: kernel, strides }, [{ dtype: x.dtype, shape }])[0]!;
}

/** Adds `pads` (all starts, then all ends, one entry a dimension) around x, filled with `value`, or by mode 'edge' or 'reflect'. */
export function Pad(
  g: Graph,
  x: Value,
  pads: readonly number[],
  { mode = 'constant', value = 0 }: { mode?: 'constant' | 'edge' | 'reflect'; value?: number } = {},
): Value {
  const rank = x.shape.length;
  if (pads.length !== 2 * rank) g.fail('Pad', `pads must have ${2 * rank} entries, got [${pads}].`);
  const shape = x.shape.map((dim, axis): Dim => {
    const growth = pads[axis]! + pads[axis + rank]!;
    return growth === 0 ? dim : requireNumber(g, 'Pad', x, axis) + growth;
  });
  const fill = mode === 'constant' ? g.scalar(value, x.dtype) : undefined;
  return g.node('Pad', [x, g.ints(pads), fill], { mode }, [{ dtype: x.dtype, shape }])[0]!;
}

/**
 * Enlargement by whole factors, one a dimension: 'nearest' repeats every element, 'linear' blends neighbours, where an element's
 * value lies in its middle.
 */
export function Resize(
  g: Graph,
  x: Value,
  factors: readonly number[],
  { mode = 'nearest' }: { mode?: 'nearest' | 'linear' } = {},
): Value {
  if (factors.length !== x.shape.length || factors.some((factor) => !Number.isInteger(factor) || factor < 1)) {
    g.fail('Resize', `factors must be one whole number a dimension of ${describe(x)}, got [${factors}].`);
  }
  const shape = x.shape.map(
    (dim, axis): Dim => (factors[axis] === 1 ? dim : requireNumber(g, 'Resize', x, axis) * factors[axis]!),
  );
  const name = `scales(${factors.join(',')})`;
  const scales = g.find(name) ?? g.constant(name, 'float32', [factors.length], factors);
  const attributes: Readonly<Record<string, string>> =
    mode === 'nearest'
      ? { mode, coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
      : { mode, coordinate_transformation_mode: 'half_pixel' };
  return g.node('Resize', [x, undefined, scales], attributes, [{ dtype: x.dtype, shape }])[0]!;
}

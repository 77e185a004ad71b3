/**
 * A TensorFlow.js graph model (model.json and its .bin) as an ONNX graph, exactly: the same weights, the same operators.
 *
 * TensorFlow computes on [N, H, W, C] and the runtime on [N, C, H, W]: pictures are turned once on the way in, and back only where a
 * Reshape reads them in order. Weights that the file holds as float16 stay so, and are cast when the graph is loaded.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Graph, Value } from '../../gpu-worker/onnx/graph';
import {
  Add,
  Cast,
  Conv,
  Max,
  MaxPool,
  Min,
  Mul,
  Pad,
  PRelu,
  ReduceMean,
  Relu,
  Reshape,
  Sigmoid,
  Transpose,
} from '../../gpu-worker/onnx/ops';

interface Attribute {
  readonly s?: string;
  readonly b?: boolean;
  readonly list?: { readonly i?: readonly string[]; readonly s?: readonly string[] };
  readonly shape?: { readonly dim: readonly { readonly size: string }[] };
}

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, Attribute>>;
}

interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: { readonly dtype: 'float16' };
}

interface Weight {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'float16' | 'int32';
  readonly values: Float32Array | Int32Array;
}

/** The model as it lies in the file. */
export interface TfjsModel {
  readonly nodes: readonly Node[];
  readonly weights: ReadonlyMap<string, Weight>;
}

/** @throws Error when the weights are stored in a way that no model here uses. */
export function readTfjsModel(modelJson: string): TfjsModel {
  const model = JSON.parse(readFileSync(modelJson, 'utf8')) as {
    modelTopology: { node: Node[] };
    weightsManifest: { paths: string[]; weights: WeightEntry[] }[];
  };
  const weights = new Map<string, Weight>();
  for (const group of model.weightsManifest) {
    const bytes = Buffer.concat(group.paths.map((file) => readFileSync(path.join(path.dirname(modelJson), file))));
    let offset = 0;
    for (const entry of group.weights) {
      const count = entry.shape.reduce((product, dim) => product * dim, 1);
      const dtype = entry.quantization?.dtype ?? entry.dtype;
      const values = dtype === 'int32' ? new Int32Array(count) : new Float32Array(count);
      const size = dtype === 'float16' ? 2 : 4;
      for (let index = 0; index < count; index++, offset += size) {
        values[index] =
          dtype === 'float16'
            ? fromHalf(bytes.readUInt16LE(offset))
            : dtype === 'int32'
              ? bytes.readInt32LE(offset)
              : bytes.readFloatLE(offset);
      }
      weights.set(entry.name, { shape: entry.shape, dtype, values });
    }
    if (offset !== bytes.length)
      throw new Error(`${modelJson}: weights must take ${bytes.length} bytes, took ${offset}.`);
  }
  return { nodes: model.modelTopology.node, weights };
}

/**
 * Emits what `outputs` (ONNX name -> TensorFlow node) need, and nothing else.
 * @param size of the square picture that the model takes; the graph's input is `image` [1, 3, size, size].
 */
export function emitTfjs(g: Graph, model: TfjsModel, size: number, outputs: Readonly<Record<string, string>>): void {
  const nodes = new Map(model.nodes.map((node) => [node.name, node]));
  const done = new Map<string, Value>();
  const image = g.input('image', 'float32', [1, 3, size, size]);

  const emitted = (name: string): Value => {
    const known = done.get(name);
    if (known !== undefined) return known;
    const node = nodes.get(name);
    if (node === undefined) throw new Error(`${g.name}: ${name} must be a node of the model.`);
    const value = node.op === 'Placeholder' ? image : emit(node);
    done.set(name, value);
    return value;
  };

  const weightOf = (name: string): Weight => {
    const weight = model.weights.get(name);
    return weight ?? fail(name, 'must be a weight');
  };

  /** A weight with its values in another order; `place(index in the new shape)` is the place in the old one. */
  const constant = (name: string, shape: readonly number[], place: (index: readonly number[]) => number): Value => {
    const { dtype, values } = weightOf(name);
    const existing = g.find(`${name}:float32`);
    if (existing !== undefined) return existing;
    const index = shape.map(() => 0);
    const ordered = values.map(() => {
      const value = values[place(index)]!;
      advance(index, shape);
      return value;
    });
    const stored = g.constant(name, dtype, shape, ordered);
    return dtype === 'float32' ? stored : Cast(g, stored, 'float32');
  };
  const vector = (name: string) => constant(name, [count(weightOf(name))], ([index]) => index!);
  /** One value a channel, beside a picture [N, C, H, W]; or one for all. */
  const perChannel = (name: string): Value => {
    const channels = count(weightOf(name));
    return constant(name, channels === 1 ? [] : [channels, 1, 1], ([index]) => index ?? 0);
  };

  const operand = (name: string): Value => (model.weights.has(name) ? perChannel(name) : emitted(name));

  const emit = (node: Node): Value => {
    const inputs = (node.input ?? []).map((name) => name.replace(/:0$/, ''));
    const [first, second] = inputs as [string, string];
    switch (node.op) {
      case 'Identity':
        return emitted(first);
      case 'Add':
      case 'AddV2':
        return Add(g, operand(first), operand(second));
      case 'Mul':
        return Mul(g, operand(first), operand(second));
      case 'Minimum':
        return Min(g, operand(first), operand(second));
      case 'Maximum':
        return Max(g, operand(first), operand(second));
      case 'Relu':
        return Relu(g, emitted(first));
      case 'Sigmoid':
        return Sigmoid(g, emitted(first));
      case 'Prelu':
        return PRelu(g, emitted(first), perChannel(second));
      case 'Conv2D':
      case '_FusedConv2D':
      case 'DepthwiseConv2dNative':
        return convolution(node, inputs);
      case 'MaxPool': {
        const x = emitted(first);
        const [kernel, strides] = [spatial(node, 'ksize'), spatial(node, 'strides')];
        if (
          text(node, 'padding') === 'SAME' &&
          kernel.some((k, axis) => Number(x.shape[axis + 2]) % k !== 0 || strides[axis] !== k)
        ) {
          return fail(node.name, 'must pool whole windows');
        }
        return MaxPool(g, x, { kernel, strides });
      }
      case 'Pad': {
        const { values } = weightOf(second);
        const around = (end: 0 | 1) => [0, 3, 1, 2].map((axis) => values[2 * axis + end]!);
        return Pad(g, emitted(first), [...around(0), ...around(1)]);
      }
      case 'Mean':
        return ReduceMean(g, emitted(first), { axes: [2, 3], keepdims: 0 });
      case 'Reshape': {
        const shape = [...weightOf(second).values].map((dim, axis) => (axis === 0 && dim === -1 ? 1 : dim));
        return Reshape(g, Transpose(g, emitted(first), [0, 2, 3, 1]), shape);
      }
      default:
        return fail(node.name, `must be of an operator that is known here, not ${node.op}`);
    }
  };

  const convolution = (node: Node, [input, kernelName, biasName, slopeName]: readonly string[]): Value => {
    const x = emitted(input!);
    const [height, width, inChannels, last] = weightOf(kernelName!).shape as [number, number, number, number];
    const depthwise = node.op === 'DepthwiseConv2dNative';
    const at = (row: number, column: number, from: number, to: number) =>
      ((row * width + column) * inChannels + from) * last + to;
    const weight = depthwise
      ? constant(kernelName!, [inChannels * last, 1, height, width], ([out, , row, column]) =>
          at(row!, column!, Math.floor(out! / last), out! % last),
        )
      : constant(kernelName!, [last, inChannels, height, width], ([out, from, row, column]) =>
          at(row!, column!, from!, out!),
        );
    const strides = spatial(node, 'strides');
    const ends = [height, width].map((kernel, axis) => {
      if (text(node, 'padding') === 'VALID') return [0, 0];
      const size = Number(x.shape[axis + 2]);
      const total = Math.max((Math.ceil(size / strides[axis]!) - 1) * strides[axis]! + kernel - size, 0);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    const pads = [ends[0]![0]!, ends[1]![0]!, ends[0]![1]!, ends[1]![1]!];
    const fused = (node.attr?.fused_ops?.list?.s ?? []).map(decode);
    const y = Conv(g, x, weight, fused.includes('BiasAdd') ? vector(biasName!) : undefined, {
      strides,
      pads,
      group: depthwise ? inChannels : 1,
    });
    if (fused.includes('Relu')) return Relu(g, y);
    return fused.includes('Prelu') ? PRelu(g, y, perChannel(slopeName!)) : y;
  };

  for (const [name, node] of Object.entries(outputs)) g.output(name, emitted(node));

  function fail(name: string, rule: string): never {
    throw new Error(`${g.name}: ${name} ${rule}.`);
  }
}

const count = ({ shape }: Weight) => shape.reduce((product, dim) => product * dim, 1);
const decode = (base64: string) => Buffer.from(base64, 'base64').toString();
const text = (node: Node, name: string) => decode(node.attr?.[name]?.s ?? '');
/** Rows and columns of an attribute that has an entry for each of [N, H, W, C]. */
const spatial = (node: Node, name: string) => (node.attr?.[name]?.list?.i ?? []).slice(1, 3).map(Number);

/** Moves an index on to the next place of an array, in place: a model has millions. */
function advance(index: number[], shape: readonly number[]): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis]! += 1;
    if (index[axis]! < shape[axis]!) return;
    index[axis] = 0;
  }
}

/** IEEE 754 half precision. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

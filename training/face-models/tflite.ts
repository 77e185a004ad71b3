/**
 * A TensorFlow Lite model (.tflite) as an ONNX graph, exactly: the same weights, the same operators.
 *
 * The file is a FlatBuffer: tables whose fields are found through a list of offsets before them, in the order in which the schema
 * (tensorflow/lite/schema/schema.fbs) declares them; a field that is not there has its default. TensorFlow Lite computes on
 * [N, H, W, C] and the runtime on [N, C, H, W]: weights are turned here, pictures come in the runtime's order.
 */
import { readFileSync } from 'node:fs';
import type { Graph, Value } from '../../gpu-worker/onnx/graph';
import { float16Value } from '../../gpu-worker/onnx/half';
import {
  Add,
  Cast,
  Conv,
  ConvTranspose,
  HardSwish,
  Mul,
  ReduceMean,
  Relu,
  Resize,
  Sigmoid,
} from '../../gpu-worker/onnx/ops';

/** Numbers of the schema's BuiltinOperator, and the one custom operator that is known here. */
const OPERATORS: Readonly<Record<number | string, string>> = {
  0: 'ADD',
  1: 'AVERAGE_POOL_2D',
  3: 'CONV_2D',
  4: 'DEPTHWISE_CONV_2D',
  6: 'DEQUANTIZE',
  14: 'LOGISTIC',
  18: 'MUL',
  19: 'RELU',
  23: 'RESIZE_BILINEAR',
  117: 'HARD_SWISH',
  Convolution2DTransposeBias: 'Convolution2DTransposeBias',
};
const CUSTOM = 32;
const PADDING_VALID = 1;
/** Of TensorType. */
const [FLOAT32, FLOAT16] = [0, 1];

/** A table of a FlatBuffer. Fields are numbered as the schema declares them. */
class Table {
  constructor(
    private readonly bytes: Buffer,
    private readonly at: number,
  ) {}

  static root(bytes: Buffer): Table {
    return new Table(bytes, bytes.readUInt32LE(0));
  }

  byte(field: number, fallback = 0): number {
    const place = this.place(field);
    return place === undefined ? fallback : this.bytes.readInt8(place);
  }

  int(field: number, fallback = 0): number {
    const place = this.place(field);
    return place === undefined ? fallback : this.bytes.readInt32LE(place);
  }

  table(field: number): Table | undefined {
    const place = this.place(field);
    return place === undefined ? undefined : new Table(this.bytes, this.target(place));
  }

  tables(field: number): Table[] {
    const { start, length } = this.vector(field);
    return Array.from({ length }, (_, index) => new Table(this.bytes, this.target(start + 4 * index)));
  }

  ints(field: number): number[] {
    const { start, length } = this.vector(field);
    return Array.from({ length }, (_, index) => this.bytes.readInt32LE(start + 4 * index));
  }

  data(field: number): Buffer {
    const { start, length } = this.vector(field);
    return this.bytes.subarray(start, start + length);
  }

  text(field: number): string {
    return this.data(field).toString();
  }

  private vector(field: number): { start: number; length: number } {
    const place = this.place(field);
    if (place === undefined) return { start: 0, length: 0 };
    const target = this.target(place);
    return { start: target + 4, length: this.bytes.readUInt32LE(target) };
  }

  private target(place: number): number {
    return place + this.bytes.readUInt32LE(place);
  }

  private place(field: number): number | undefined {
    const offsets = this.at - this.bytes.readInt32LE(this.at);
    const entry = 4 + 2 * field;
    if (entry >= this.bytes.readUInt16LE(offsets)) return undefined;
    const offset = this.bytes.readUInt16LE(offsets + entry);
    return offset === 0 ? undefined : this.at + offset;
  }
}

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: number;
  /** Empty unless it is a weight. */
  readonly data: Buffer;
}

interface Operator {
  readonly type: string;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly options: Table | undefined;
}

/** The model as it lies in the file. */
export interface TfliteModel {
  readonly tensors: readonly Tensor[];
  readonly inputs: readonly number[];
  readonly operators: readonly Operator[];
}

export function readTfliteModel(file: string): TfliteModel {
  const model = Table.root(readFileSync(file));
  const codes = model.tables(1).map((code) => {
    const builtin = Math.max(code.byte(0), code.int(3));
    const found = builtin === CUSTOM ? code.text(1) : builtin;
    return OPERATORS[found] ?? String(found);
  });
  const buffers = model.tables(4);
  const [subgraph] = model.tables(2) as [Table];
  return {
    tensors: subgraph.tables(0).map((tensor) => ({
      name: tensor.text(3),
      shape: tensor.ints(0),
      type: tensor.byte(1),
      data: buffers[tensor.int(2)]!.data(0),
    })),
    inputs: subgraph.ints(1),
    operators: subgraph.tables(3).map((operator) => ({
      type: codes[operator.int(0)]!,
      inputs: operator.ints(1),
      outputs: operator.ints(2),
      options: operator.table(4),
    })),
  };
}

/**
 * Emits what `outputs` (ONNX name -> TensorFlow Lite tensor) need, and nothing else. The graph's input is `image`, of the model's
 * own size [1, 3, H, W].
 */
export function emitTflite(g: Graph, model: TfliteModel, outputs: Readonly<Record<string, string>>): void {
  const makers = new Map(model.operators.flatMap((operator) => operator.outputs.map((index) => [index, operator])));
  const done = new Map<number, Value>();
  const [, height, width, channels] = model.tensors[model.inputs[0]!]!.shape as [number, number, number, number];
  done.set(model.inputs[0]!, g.input('image', 'float32', [1, channels, height, width]));

  const emitted = (index: number): Value => {
    const known = done.get(index);
    if (known !== undefined) return known;
    const maker = makers.get(index) ?? fail(model.tensors[index]!.name, 'must be the result of an operator');
    const value = emit(maker);
    done.set(index, value);
    return value;
  };

  /** A weight's numbers: those of a float16 one go through DEQUANTIZE, and stay float16 in the file. */
  const weight = (index: number): Tensor => {
    const tensor = model.tensors[index]!;
    const maker = makers.get(index);
    return maker?.type === 'DEQUANTIZE' ? model.tensors[maker.inputs[0]!]! : tensor;
  };
  const constant = (index: number, shape: readonly number[], order: readonly number[]): Value => {
    const { name, data, type } = weight(index);
    if (type !== FLOAT32 && type !== FLOAT16) return fail(name, 'must be float32 or float16');
    const values = transposed(numbers(data, type), shape, order);
    const turned = order.map((axis) => shape[axis]!);
    const stored = g.constant(name, type === FLOAT16 ? 'float16' : 'float32', turned, values);
    return type === FLOAT16 ? Cast(g, stored, 'float32') : stored;
  };
  const vector = (index: number): Value => constant(index, weight(index).shape, [0]);

  const activated = (value: Value, activation: number, name: string): Value =>
    activation === 0 ? value : activation === 1 ? Relu(g, value) : fail(name, 'must be followed by RELU or nothing');

  const emit = ({ type, inputs, outputs: [output], options }: Operator): Value => {
    const { name } = model.tensors[output!]!;
    const [first, second, third] = inputs as [number, number, number];
    switch (type) {
      case 'ADD':
        return activated(Add(g, emitted(first), emitted(second)), options?.byte(0) ?? 0, name);
      case 'MUL':
        return activated(Mul(g, emitted(first), emitted(second)), options?.byte(0) ?? 0, name);
      case 'RELU':
        return Relu(g, emitted(first));
      case 'HARD_SWISH':
        return HardSwish(g, emitted(first));
      case 'LOGISTIC':
        return Sigmoid(g, emitted(first));
      case 'CONV_2D':
      case 'DEPTHWISE_CONV_2D': {
        const depthwise = type === 'DEPTHWISE_CONV_2D';
        const { shape } = weight(second);
        const kernel = constant(second, shape, depthwise ? [3, 0, 1, 2] : [0, 3, 1, 2]);
        const x = emitted(first);
        const strides = [options!.int(2), options!.int(1)];
        const pads = options!.byte(0) === PADDING_VALID ? [0, 0, 0, 0] : samePads(x, shape.slice(1, 3), strides);
        const group = depthwise ? shape[3]! : 1;
        const dilation = depthwise ? 5 : 4;
        if (options!.int(dilation, 1) !== 1 || options!.int(dilation + 1, 1) !== 1) fail(name, 'must not be dilated');
        const y = Conv(g, x, kernel, vector(third), { strides, pads, group });
        return activated(y, options!.byte(depthwise ? 4 : 3), name);
      }
      case 'Convolution2DTransposeBias':
        // Its windows lie side by side; where they did not, the output's shape would be another one.
        return ConvTranspose(g, emitted(first), constant(second, weight(second).shape, [3, 0, 1, 2]), vector(third));
      case 'AVERAGE_POOL_2D': {
        const x = emitted(first);
        const window = [options!.int(4), options!.int(3)];
        if (window.join() !== x.shape.slice(2).join()) return fail(name, 'must pool the whole picture');
        return ReduceMean(g, x, { axes: [2, 3] });
      }
      case 'RESIZE_BILINEAR': {
        const x = emitted(first);
        if (options!.byte(2) !== 0 || options!.byte(3) !== 1) return fail(name, 'must have half-pixel centres');
        const [, rows, columns] = model.tensors[output!]!.shape as [number, number, number];
        const factors = [1, 1, rows / Number(x.shape[2]), columns / Number(x.shape[3])];
        return Resize(g, x, factors, { mode: 'linear' });
      }
      default:
        return fail(name, `must be of an operator that is known here, not ${type}`);
    }
  };

  for (const [name, tensor] of Object.entries(outputs)) {
    const index = model.tensors.findIndex((candidate) => candidate.name === tensor);
    const value = index === -1 ? fail(tensor, 'must be a tensor of the model') : emitted(index);
    const [, rows, columns, depth] = model.tensors[index]!.shape;
    if (value.shape.join() !== [1, depth, rows, columns].join()) fail(tensor, `must be [${value.shape}]`);
    g.output(name, value);
  }

  function fail(name: string, rule: string): never {
    throw new Error(`${g.name}: ${name} ${rule}.`);
  }
}

/** What TensorFlow's SAME adds around x [N, C, H, W]: the odd row or column goes below and to the right. */
function samePads(x: Value, kernel: readonly number[], strides: readonly number[]): number[] {
  const totals = kernel.map((size, axis) => {
    const length = Number(x.shape[axis + 2]);
    return Math.max((Math.ceil(length / strides[axis]!) - 1) * strides[axis]! + size - length, 0);
  });
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => Math.ceil(total / 2))];
}

function numbers(data: Buffer, type: number): Float32Array {
  return type === FLOAT16
    ? Float32Array.from({ length: data.length / 2 }, (_, index) => float16Value(data.readUInt16LE(2 * index)))
    : Float32Array.from({ length: data.length / 4 }, (_, index) => data.readFloatLE(4 * index));
}

/** `values` of `shape` with its axes in another order. */
function transposed(values: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const stride = (axis: number) => shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const steps = order.map(stride);
  const sizes = order.map((axis) => shape[axis]!);
  return values.map((_, flat) => {
    let from = 0;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      from += (flat % sizes[axis]!) * steps[axis]!;
      flat = Math.floor(flat / sizes[axis]!);
    }
    return values[from]!;
  });
}

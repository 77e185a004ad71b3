/**
 * The graph builder: every value carries its dtype and shape, so that a wrong graph fails here, at emission, with the name of
 * the node, and not inside the runtime.
 *
 *   const g = new Graph('demo');
 *   const x = g.input('x', 'float32', [1, 'S', 64]);
 *   const y = g.scope('ffn', () => Gelu(g, MatMul(g, x, g.weight(weights.get('ffn.weight')))));
 *   g.output('y', y);
 *   const session = await createSession(g, { provider: 'cpu' });
 *
 * - `ops/` has one function per operator, under ONNX's own name; each checks its inputs, works out the shape of its result, and
 *   calls `node`. Model files call those functions and hardly ever `node` itself.
 * - `scope` puts the module path into node names: '/blocks.0/attn1/to_q/Gemm'.
 * - `weight` refers to bytes of a safetensors file (external data: nothing is read or copied here) and casts them to
 *   `computeDtype` in the graph where the checkpoint has another type; the runtime folds that cast while it loads.
 * - `constant`, `ints` and `scalar` are for small numbers that live in the graph; equal ones are stored once.
 */

import type { TensorRef } from '../model/weights';
import { bfloat16Bits, float16Bits } from './half';
import {
  type Attribute,
  DATA_TYPE,
  type Dim,
  type DType,
  graphProto,
  modelProto,
  nodeProto,
  tensorProto,
  valueInfoProto,
} from './proto';

export type { Attribute, Dim, DType } from './proto';

export type FloatDType = 'float32' | 'float16' | 'bfloat16';

export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What a caller says of a node's result: the name is the builder's business. */
export interface ResultType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

/** What one node reads and writes. */
export interface NodeFlow {
  readonly opType: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

export interface GraphOptions {
  /** The dtype that weights are cast to unless `weight` is told another; 'float32' unless given. */
  readonly computeDtype?: FloatDType;
}

/** A graph that cannot be right; `message` starts with the node's name. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

/** Opset 21 has every operator used here, and all fusions of the runtime know it. */
const ONNX_OPSET = 21;
const MICROSOFT_OPSET = 1;

const SAFETENSORS_DTYPE: Readonly<Record<string, DType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I32: 'int32',
  I64: 'int64',
  BOOL: 'bool',
};

export class Graph {
  readonly computeDtype: FloatDType;
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  /** The nodes in order, for estimates of memory; casts of weights are left out, as the runtime folds them. */
  readonly flow: NodeFlow[] = [];
  /** Bytes of checkpoint tensors that the graph refers to. */
  weightBytes = 0;

  private readonly nodes: Uint8Array[] = [];
  private readonly initializers: Uint8Array[] = [];
  private readonly known = new Map<string, Value>();
  private readonly nodeNames = new Map<string, number>();
  private readonly scopes: string[] = [];

  constructor(
    readonly name: string,
    { computeDtype = 'float32' }: GraphOptions = {},
  ) {
    this.computeDtype = computeDtype;
  }

  /** Declares a graph input that every run has to feed. */
  input(name: string, dtype: DType, shape: readonly Dim[]): Value {
    if (this.known.has(name)) throw new GraphError(`${name}: an input must have a name of its own.`);
    const value = this.define(name, dtype, shape);
    this.inputs.push(value);
    return value;
  }

  /** Makes `value` a graph output under `name`. */
  output(name: string, value: Value): Value {
    this.requireKnown(name, value);
    if (this.known.has(name)) throw new GraphError(`${name}: an output must have a name of its own.`);
    this.nodes.push(
      nodeProto({
        name: `/${name}`,
        opType: 'Identity',
        domain: '',
        inputs: [value.name],
        outputs: [name],
        attributes: {},
      }),
    );
    const output = this.define(name, value.dtype, value.shape);
    this.outputs.push(output);
    return output;
  }

  /** A tensor kept inside the graph; for int64 give numbers, for the float types float values. */
  constant(name: string, dtype: DType, shape: readonly number[], data: ArrayLike<number>): Value {
    const count = shape.reduce((product, dim) => product * dim, 1);
    if (data.length !== count) {
      throw new GraphError(`${name}: a constant of shape [${shape}] must have ${count} elements, got ${data.length}.`);
    }
    if (this.known.has(name)) throw new GraphError(`${name}: a constant must have a name of its own.`);
    this.initializers.push(tensorProto({ name, dtype, dims: shape, content: { raw: rawBytes(dtype, data) } }));
    return this.define(name, dtype, shape);
  }

  /** The value of that name, where there is one: for constants that are made once and used often. */
  find(name: string): Value | undefined {
    return this.known.get(name);
  }

  /** An int64 vector, such as the shape input of Reshape; equal ones are stored once. */
  ints(values: readonly number[]): Value {
    const name = `ints(${values.join(',')})`;
    return this.known.get(name) ?? this.constant(name, 'int64', [values.length], values);
  }

  /** A 0-dimensional constant; equal ones are stored once. */
  scalar(value: number, dtype: DType = this.computeDtype): Value {
    const name = `${dtype}(${value})`;
    return this.known.get(name) ?? this.constant(name, dtype, [], [value]);
  }

  /**
   * A checkpoint tensor, by reference to its bytes. `shape` views the same bytes in another shape (same element count);
   * `dtype` overrides the graph's `computeDtype`. Asking twice for one tensor gives the same value.
   */
  weight(tensor: TensorRef, options: { readonly dtype?: DType; readonly shape?: readonly number[] } = {}): Value {
    const stored = SAFETENSORS_DTYPE[tensor.dtype];
    if (stored === undefined) {
      throw new GraphError(`${tensor.name}: a weight must be F32, F16, BF16, I32, I64 or BOOL, got ${tensor.dtype}.`);
    }
    const shape = options.shape ?? tensor.shape;
    if (elementCount(shape) !== elementCount(tensor.shape)) {
      throw new GraphError(`${tensor.name}: [${tensor.shape}] cannot be viewed as [${shape}].`);
    }
    const isView = shape.join() !== tensor.shape.join();
    const storedName = isView ? `${tensor.name}[${shape.join(',')}]` : tensor.name;
    const original = this.known.get(storedName) ?? this.external(storedName, stored, shape, tensor);

    const dtype = options.dtype ?? this.computeDtype;
    if (dtype === stored) return original;
    const castName = `${storedName}:${dtype}`;
    return this.known.get(castName) ?? this.castWeight(original, castName, dtype);
  }

  /**
   * Appends a node and gives its results. `inputs` may hold undefined for an optional input that is left out.
   * Operators call this after their own checks.
   */
  node(
    opType: string,
    inputs: readonly (Value | undefined)[],
    attributes: Readonly<Record<string, Attribute>>,
    outputs: readonly ResultType[],
    { domain = '' }: { readonly domain?: string } = {},
  ): Value[] {
    const name = this.nextNodeName(opType);
    for (const input of inputs) if (input !== undefined) this.requireKnown(name, input);
    this.nodeNames.set(this.path(opType), (this.nodeNames.get(this.path(opType)) ?? 0) + 1);

    const values = outputs.map(({ dtype, shape }, index) =>
      this.define(outputs.length === 1 ? `${name}:out` : `${name}:out${index}`, dtype, shape),
    );
    const inputNames = inputs.map((input) => input?.name ?? '');
    while (inputNames.at(-1) === '') inputNames.pop();
    this.nodes.push(
      nodeProto({ name, opType, domain, inputs: inputNames, outputs: values.map((value) => value.name), attributes }),
    );
    this.flow.push({ opType, inputs: inputs.filter((input) => input !== undefined), outputs: values });
    return values;
  }

  /** Runs `body` with `prefix` added to the names of the nodes it makes. */
  scope<T>(prefix: string, body: () => T): T {
    this.scopes.push(prefix);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }

  /** Throws a GraphError that starts with the name which the next node of this type would get. */
  fail(opType: string, message: string): never {
    throw new GraphError(`${this.nextNodeName(opType)}: ${message}`);
  }

  /** The name of the next node of this type: the scopes, the type, and a number where the same name came before. */
  private nextNodeName(opType: string): string {
    const path = this.path(opType);
    const used = this.nodeNames.get(path) ?? 0;
    return used === 0 ? path : `${path}_${used}`;
  }

  /** The finished ModelProto. */
  toBytes(): Uint8Array {
    if (this.outputs.length === 0) throw new GraphError(`${this.name}: a graph must have an output.`);
    const describe = (value: Value) => valueInfoProto(value.name, value.dtype, value.shape);
    return modelProto({
      producerName: 'mv2id',
      graph: graphProto({
        name: this.name,
        nodes: this.nodes,
        initializers: this.initializers,
        inputs: this.inputs.map(describe),
        outputs: this.outputs.map(describe),
      }),
      opsets: [
        { domain: '', version: ONNX_OPSET },
        { domain: 'com.microsoft', version: MICROSOFT_OPSET },
      ],
    });
  }

  private external(name: string, dtype: DType, shape: readonly number[], tensor: TensorRef): Value {
    // The session resolves locations from '/', so any file works, shards and symlinks of a download cache included.
    const content = { external: { location: tensor.file.slice(1), offset: tensor.offset, length: tensor.length } };
    this.initializers.push(tensorProto({ name, dtype, dims: shape, content }));
    this.weightBytes += tensor.length;
    return this.define(name, dtype, shape);
  }

  private castWeight(original: Value, name: string, dtype: DType): Value {
    const fields = { opType: 'Cast', domain: '', inputs: [original.name], outputs: [name] };
    this.nodes.push(nodeProto({ ...fields, name: `${name}/Cast`, attributes: { to: castTarget(dtype) } }));
    return this.define(name, dtype, original.shape);
  }

  private define(name: string, dtype: DType, shape: readonly Dim[]): Value {
    requireShape(name, shape);
    const value: Value = { name, dtype, shape: [...shape] };
    this.known.set(name, value);
    return value;
  }

  private requireKnown(user: string, value: Value): void {
    if (this.known.get(value.name) !== value) {
      throw new GraphError(`${user}: its input ${value.name} must belong to the graph ${this.name}.`);
    }
  }

  private path(opType: string): string {
    return ['', ...this.scopes, opType].join('/');
  }
}

/** The number that Cast's `to` attribute takes. */
export function castTarget(dtype: DType): number {
  return DATA_TYPE[dtype];
}

function rawBytes(dtype: DType, data: ArrayLike<number>): Uint8Array {
  switch (dtype) {
    case 'float32':
      return bytesOf(Float32Array.from(data));
    case 'float16':
      return bytesOf(Uint16Array.from(data, float16Bits));
    case 'bfloat16':
      return bytesOf(Uint16Array.from(data, bfloat16Bits));
    case 'int64':
      return bytesOf(BigInt64Array.from(Array.from(data, BigInt)));
    case 'int32':
      return bytesOf(Int32Array.from(data));
    case 'bool':
      return Uint8Array.from(data, (item) => (item === 0 ? 0 : 1));
    default:
      return dtype satisfies never;
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

function requireShape(name: string, shape: readonly Dim[]): void {
  for (const dim of shape) {
    const isLegal = typeof dim === 'string' ? dim !== '' : Number.isSafeInteger(dim) && dim >= 0;
    if (!isLegal)
      throw new GraphError(`${name}: a dimension must be a whole number or a name, got [${shape.join(', ')}].`);
  }
}

/**
 * Writes ONNX's protobuf messages: only the fields that a model of ours uses, under the field numbers of onnx.proto3.
 *
 * Each `xProto` function returns the bytes of one message; `ProtoWriter` knows the wire format (varints, fixed 32-bit floats,
 * length-delimited bytes) and nothing of ONNX. A model stays far under protobuf's 2 GB limit, because weights are external data.
 */

/** Element types as `TensorProto.DataType` numbers them. */
export const DATA_TYPE = {
  float32: 1,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;

export type DType = keyof typeof DATA_TYPE;

/** A dimension is a number, or a name for one that is only known when the graph runs. */
export type Dim = number | string;

/** A number is an ONNX int, a list an ints, a string a string; a float is written `{ float: 1e-6 }`. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface ModelFields {
  readonly producerName: string;
  readonly graph: Uint8Array;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
}

export interface NodeFields {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** An empty name is an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface TensorFields {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly content: { readonly raw: Uint8Array } | { readonly external: ExternalData };
}

export interface ExternalData {
  /** Path of the file, relative to the folder given to the session. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** IR version 10 goes with opset 21. */
const IR_VERSION = 10;

const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;
const DATA_LOCATION_EXTERNAL = 1;

export function modelProto({ producerName, graph, opsets }: ModelFields): Uint8Array {
  const model = new ProtoWriter();
  model.int(1, IR_VERSION);
  model.string(2, producerName);
  model.bytes(7, graph);
  for (const { domain, version } of opsets) {
    const opset = new ProtoWriter();
    opset.string(1, domain);
    opset.int(2, version);
    model.bytes(8, opset.finish());
  }
  return model.finish();
}

/** Every list holds finished messages: nodes in an order in which each one's inputs are already known. */
export function graphProto(fields: {
  readonly name: string;
  readonly nodes: readonly Uint8Array[];
  readonly initializers: readonly Uint8Array[];
  readonly inputs: readonly Uint8Array[];
  readonly outputs: readonly Uint8Array[];
}): Uint8Array {
  const graph = new ProtoWriter();
  for (const node of fields.nodes) graph.bytes(1, node);
  graph.string(2, fields.name);
  for (const initializer of fields.initializers) graph.bytes(5, initializer);
  for (const input of fields.inputs) graph.bytes(11, input);
  for (const output of fields.outputs) graph.bytes(12, output);
  return graph.finish();
}

export function nodeProto(fields: NodeFields): Uint8Array {
  const node = new ProtoWriter();
  for (const input of fields.inputs) node.string(1, input);
  for (const output of fields.outputs) node.string(2, output);
  node.string(3, fields.name);
  node.string(4, fields.opType);
  for (const [name, value] of Object.entries(fields.attributes)) node.bytes(5, attributeProto(name, value));
  if (fields.domain !== '') node.string(7, fields.domain);
  return node.finish();
}

export function tensorProto({ name, dtype, dims, content }: TensorFields): Uint8Array {
  const tensor = new ProtoWriter();
  for (const dim of dims) tensor.int(1, dim);
  tensor.int(2, DATA_TYPE[dtype]);
  tensor.string(8, name);
  if ('raw' in content) {
    tensor.bytes(9, content.raw);
    return tensor.finish();
  }
  const { location, offset, length } = content.external;
  tensor.bytes(13, stringEntryProto('location', location));
  tensor.bytes(13, stringEntryProto('offset', String(offset)));
  tensor.bytes(13, stringEntryProto('length', String(length)));
  tensor.int(14, DATA_LOCATION_EXTERNAL);
  return tensor.finish();
}

/** Describes a graph input or output. */
export function valueInfoProto(name: string, dtype: DType, shape: readonly Dim[]): Uint8Array {
  const shapeProto = new ProtoWriter();
  for (const dim of shape) {
    const dimension = new ProtoWriter();
    if (typeof dim === 'number') dimension.int(1, dim);
    else dimension.string(2, dim);
    shapeProto.bytes(1, dimension.finish());
  }
  const tensorType = new ProtoWriter();
  tensorType.int(1, DATA_TYPE[dtype]);
  tensorType.bytes(2, shapeProto.finish());
  const type = new ProtoWriter();
  type.bytes(1, tensorType.finish());

  const info = new ProtoWriter();
  info.string(1, name);
  info.bytes(2, type.finish());
  return info.finish();
}

function attributeProto(name: string, value: Attribute): Uint8Array {
  const attribute = new ProtoWriter();
  attribute.string(1, name);
  if (typeof value === 'number') {
    attribute.int(3, value);
    attribute.int(20, ATTRIBUTE_TYPE.int);
  } else if (typeof value === 'string') {
    attribute.string(4, value);
    attribute.int(20, ATTRIBUTE_TYPE.string);
  } else if ('float' in value) {
    attribute.float(2, value.float);
    attribute.int(20, ATTRIBUTE_TYPE.float);
  } else {
    for (const item of value) attribute.int(8, item);
    attribute.int(20, ATTRIBUTE_TYPE.ints);
  }
  return attribute.finish();
}

function stringEntryProto(key: string, value: string): Uint8Array {
  const entry = new ProtoWriter();
  entry.string(1, key);
  entry.string(2, value);
  return entry.finish();
}

const WIRE_VARINT = 0;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

class ProtoWriter {
  private readonly chunks: Uint8Array[] = [];

  /** An int64 field; negative numbers take ten bytes, as protobuf asks. */
  int(field: number, value: number): void {
    this.chunks.push(varint(field * 8 + WIRE_VARINT), varint(value));
  }

  float(field: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.chunks.push(varint(field * 8 + WIRE_FIXED32), bytes);
  }

  string(field: number, value: string): void {
    this.bytes(field, Buffer.from(value, 'utf8'));
  }

  bytes(field: number, value: Uint8Array): void {
    this.chunks.push(varint(field * 8 + WIRE_BYTES), varint(value.length), value);
  }

  finish(): Uint8Array {
    return Buffer.concat(this.chunks);
  }
}

function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value)) throw new RangeError(`A protobuf integer must be a safe integer, got ${value}.`);
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

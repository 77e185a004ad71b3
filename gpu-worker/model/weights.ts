/**
 * Safetensors files by their headers: where each tensor lies, without reading a weight.
 *
 * Layout of one file: 8 bytes with the header's length (little endian), the header as JSON, then the data; offsets in the header
 * count from the start of the data. (huggingface/safetensors, README "Format".) Everything is checked before a graph refers to
 * it, so that a broken download is told by file and tensor, and not by the runtime.
 */

import type { FileHandle } from 'node:fs/promises';
import { open, readdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ModelError } from '../errors';
import { isRecord, parseJson, readJson } from './json-file';

/** A tensor's place in a file. */
export interface TensorRef {
  readonly name: string;
  /** Absolute path without symlinks. */
  readonly file: string;
  /** As safetensors names it: F32, F16, BF16, ... */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

const BYTES_PER_ELEMENT: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** The types that a graph can compute with. */
const FLOAT_DTYPES: readonly string[] = ['F32', 'F16', 'BF16'];

/** What the safetensors library accepts, too. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;

/** All tensors of one component of a model directory. */
export class Weights {
  /** Elements of all tensors. */
  readonly parameterCount: number;
  /** Bytes of all tensors, as stored. */
  readonly byteSize: number;

  constructor(
    readonly directory: string,
    private readonly tensors: ReadonlyMap<string, TensorRef>,
  ) {
    const refs = [...tensors.values()];
    this.parameterCount = refs.reduce((total, ref) => total + elementCount(ref.shape), 0);
    this.byteSize = refs.reduce((total, ref) => total + ref.length, 0);
  }

  /**
   * The tensor of that name.
   *
   * @throws ModelError when it is missing, when its type is no float type that a graph computes with, or when
   *   `expectedShape` is given and differs.
   */
  get(name: string, expectedShape?: readonly number[]): TensorRef {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new ModelError(`${this.directory}: tensor ${name} must be present, got none.`);
    if (!FLOAT_DTYPES.includes(tensor.dtype)) {
      throw new ModelError(`${tensor.file}: tensor ${name} must be ${FLOAT_DTYPES.join(', ')}, got ${tensor.dtype}.`);
    }
    if (expectedShape !== undefined && expectedShape.join() !== tensor.shape.join()) {
      throw new ModelError(
        `${tensor.file}: tensor ${name} must have shape [${expectedShape.join(', ')}], got [${tensor.shape.join(', ')}].`,
      );
    }
    return tensor;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  names(): string[] {
    return [...this.tensors.keys()];
  }

  /** The types that occur, by safetensors' names, that of most bytes first. */
  dtypes(): string[] {
    const bytes = new Map<string, number>();
    for (const { dtype, length } of this.tensors.values()) bytes.set(dtype, (bytes.get(dtype) ?? 0) + length);
    return [...bytes.keys()].sort((a, b) => bytes.get(b)! - bytes.get(a)!);
  }
}

/**
 * Reads the headers of a component's weights: `diffusion_pytorch_model.safetensors` or `model.safetensors`, whole or in
 * shards with an index.
 *
 * @throws ModelError naming the file, and the tensor where there is one, for anything missing, truncated or inconsistent.
 */
export async function openWeights(componentDir: string): Promise<Weights> {
  const names = await readdir(componentDir).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${componentDir} must be a readable directory, got ${error.code}.`, { cause: error });
  });
  const stem = ['diffusion_pytorch_model', 'model'].find((candidate) =>
    names.some((name) => name.startsWith(`${candidate}.safetensors`) || name.startsWith(`${candidate}-0`)),
  );
  if (stem === undefined) {
    throw new ModelError(
      `${componentDir} must hold diffusion_pytorch_model.safetensors or model.safetensors, whole or with an index, got neither.`,
    );
  }
  const single = `${stem}.safetensors`;
  const index = `${single}.index.json`;
  if (names.includes(single)) {
    const tensors = await readHeader(join(componentDir, single));
    return new Weights(componentDir, new Map(tensors.map((tensor) => [tensor.name, tensor])));
  }
  if (names.includes(index)) return readShards(componentDir, join(componentDir, index));
  throw new ModelError(`${join(componentDir, index)} must be present beside the shards, got none.`);
}

async function readShards(componentDir: string, indexFile: string): Promise<Weights> {
  const weightMap = await readIndex(indexFile);
  const shards = [...new Set(weightMap.values())].sort();
  const tensors = new Map<string, TensorRef>();
  for (const shard of shards) {
    if (basename(shard) !== shard) {
      throw new ModelError(`${indexFile}: a shard must be a file name without a path, got ${JSON.stringify(shard)}.`);
    }
    for (const tensor of await readHeader(join(componentDir, shard))) {
      // The index says which shard speaks for a tensor: a leftover in another shard is not used.
      if (weightMap.get(tensor.name) === shard) tensors.set(tensor.name, tensor);
    }
  }
  for (const [name, shard] of weightMap) {
    if (!tensors.has(name)) {
      throw new ModelError(`${join(componentDir, shard)}: tensor ${name} must be present as the index says, got none.`);
    }
  }
  return new Weights(componentDir, tensors);
}

async function readIndex(indexFile: string): Promise<Map<string, string>> {
  const json = await readJson(indexFile);
  const weightMap = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(weightMap) || Object.values(weightMap).some((shard) => typeof shard !== 'string')) {
    throw new ModelError(`${indexFile}: weight_map must be an object from tensor to file name.`);
  }
  return new Map(Object.entries(weightMap) as [string, string][]);
}

/**
 * The tensors of one safetensors file, in no order that matters.
 *
 * @throws ModelError when the file is missing, truncated or inconsistent.
 */
export async function readHeader(path: string): Promise<TensorRef[]> {
  return (await readHeaderAndMetadata(path)).tensors;
}

/**
 * The same, with the texts that stand in the header beside the tensors (`__metadata__`).
 *
 * @throws ModelError as `readHeader` does.
 */
export async function readHeaderAndMetadata(
  path: string,
): Promise<{ tensors: TensorRef[]; metadata: Readonly<Record<string, unknown>> }> {
  const file = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${path} must be present, got ${error.code}.`, { cause: error });
  });
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${path} must be readable, got ${error.code}.`, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    const headerLength = await readHeaderLength(path, handle, size);
    const header = Buffer.alloc(headerLength);
    await handle.read(header, 0, headerLength, LENGTH_BYTES);
    return parseHeader(file, header.toString('utf8'), LENGTH_BYTES + headerLength, size);
  } finally {
    await handle.close();
  }
}

async function readHeaderLength(path: string, handle: FileHandle, fileSize: number): Promise<number> {
  if (fileSize < LENGTH_BYTES) {
    throw new ModelError(`${path} must be a safetensors file of at least ${LENGTH_BYTES} bytes, got ${fileSize}.`);
  }
  const lengthBytes = Buffer.alloc(LENGTH_BYTES);
  await handle.read(lengthBytes, 0, LENGTH_BYTES, 0);
  const headerLength = lengthBytes.readBigUInt64LE();
  if (headerLength > BigInt(MAX_HEADER_BYTES)) {
    throw new ModelError(`${path}: its header must be at most ${MAX_HEADER_BYTES} bytes, got ${headerLength}.`);
  }
  if (headerLength > BigInt(fileSize - LENGTH_BYTES)) {
    const present = fileSize - LENGTH_BYTES;
    throw new ModelError(
      `${path}: its header must be ${headerLength} bytes long, got ${present}: the file is truncated.`,
    );
  }
  return Number(headerLength);
}

function parseHeader(
  file: string,
  text: string,
  dataStart: number,
  fileSize: number,
): { tensors: TensorRef[]; metadata: Readonly<Record<string, unknown>> } {
  const json = parseJson(`${file}: its header`, text);
  if (!isRecord(json)) throw new ModelError(`${file}: its header must be a JSON object.`);
  const tensors = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => parseEntry(file, name, entry, dataStart));
  requireContiguous(file, tensors, dataStart, fileSize);
  return { tensors, metadata: isRecord(json.__metadata__) ? json.__metadata__ : {} };
}

function parseEntry(file: string, name: string, entry: unknown, dataStart: number): TensorRef {
  const where = `${file}: tensor ${name}`;
  if (!isRecord(entry)) throw new ModelError(`${where} must be described by an object.`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const bytesPerElement = typeof dtype === 'string' ? BYTES_PER_ELEMENT[dtype] : undefined;
  if (typeof dtype !== 'string' || bytesPerElement === undefined) {
    throw new ModelError(`${where} must have a known dtype, got ${JSON.stringify(dtype)}.`);
  }
  if (!isCounts(shape))
    throw new ModelError(`${where} must have a shape of whole numbers, got ${JSON.stringify(shape) ?? 'none'}.`);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new ModelError(`${where} must have two rising data_offsets, got ${JSON.stringify(offsets)}.`);
  }
  const length = offsets[1]! - offsets[0]!;
  const expected = elementCount(shape) * bytesPerElement;
  if (length !== expected) {
    throw new ModelError(`${where} must take ${expected} bytes as ${dtype} [${shape.join(', ')}], got ${length}.`);
  }
  return { name, file, dtype, shape, offset: dataStart + offsets[0]!, length };
}

/** Tensors fill the data without gap or overlap, and the file ends with the last one. */
function requireContiguous(file: string, tensors: readonly TensorRef[], dataStart: number, fileSize: number): void {
  let position = dataStart;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.length - b.length)) {
    if (tensor.offset !== position) {
      const fault = tensor.offset < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new ModelError(
        `${file}: tensor ${tensor.name} must start at byte ${position}, got ${tensor.offset}: it ${fault}.`,
      );
    }
    position += tensor.length;
    if (position > fileSize) {
      throw new ModelError(
        `${file}: tensor ${tensor.name} must end within the file, got end ${position} of ${fileSize} bytes: the file is truncated.`,
      );
    }
  }
  if (position !== fileSize) {
    throw new ModelError(`${file} must end with its last tensor at byte ${position}, got ${fileSize} bytes.`);
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

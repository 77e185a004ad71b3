/** Numbers of a safetensors file as float32, and back, a part of a tensor at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import { ModelError } from '../../gpu-worker/errors';
import type { TensorRef } from '../../gpu-worker/model/weights';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../../gpu-worker/onnx/half';

interface Format {
  readonly bytes: number;
  decode(bytes: Uint8Array): Float32Array;
  encode(values: Float32Array): Uint8Array;
}

/** A float16 number is one of so few that a table is the fastest way. */
const FLOAT16_VALUES = Float32Array.from({ length: 1 << 16 }, (_, bits) => float16Value(bits));

const FORMATS: Readonly<Record<string, Format>> = {
  F32: {
    bytes: 4,
    decode: (bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    encode: bytesOf,
  },
  F16: {
    bytes: 2,
    decode: (bytes) => Float32Array.from(halves(bytes), (bits) => FLOAT16_VALUES[bits]!),
    encode: (values) => encodeHalves(values, float16Bits),
  },
  BF16: {
    bytes: 2,
    decode: (bytes) => Float32Array.from(halves(bytes), bfloat16Value),
    encode: (values) => encodeHalves(values, bfloat16Bits),
  },
};

/** @throws ModelError when the tensor's type is no float type of these. */
export function formatOf({ file, name, dtype }: TensorRef): Format {
  const format = FORMATS[dtype];
  if (!format)
    throw new ModelError(`${file}: tensor ${name} must be ${Object.keys(FORMATS).join(', ')}, got ${dtype}.`);
  return format;
}

/** The whole tensor. @throws ModelError */
export async function readFloats(tensor: TensorRef): Promise<Float32Array> {
  const handle = await open(tensor.file);
  try {
    return formatOf(tensor).decode(await readBytes(handle, tensor.offset, tensor.length));
  } finally {
    await handle.close();
  }
}

export async function readBytes(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0)
      throw new ModelError(`A weight file must stay as it was when it was opened, got a shorter one.`);
    done += bytesRead;
  }
  return bytes;
}

export async function writeBytes(handle: FileHandle, offset: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await handle.write(bytes, done, bytes.length - done, offset + done)).bytesWritten;
  }
}

function halves(bytes: Uint8Array): Uint16Array {
  return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
}

function encodeHalves(values: Float32Array, bits: (value: number) => number): Uint8Array {
  const encoded = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) encoded[i] = bits(values[i]!);
  return bytesOf(encoded);
}

function bytesOf(values: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

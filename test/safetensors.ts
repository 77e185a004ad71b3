/** Writes safetensors files for tests: any dtype, and broken ones on request. */

import { writeFileSync } from 'node:fs';
import { bfloat16Bits, float16Bits } from '../gpu-worker/onnx/half';

export interface TestTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'F16' | 'BF16' | 'U8';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface HeaderEntry {
  dtype: string;
  shape: readonly number[];
  data_offsets: [number, number];
}

/** The file's bytes; `breakHeader` may change the header before it is written. */
export function safetensorsBytes(
  tensors: readonly TestTensor[],
  breakHeader: (header: Record<string, HeaderEntry>) => unknown = () => undefined,
): Buffer {
  const header: Record<string, HeaderEntry> = {};
  const data: Buffer[] = [];
  let position = 0;
  for (const { name, dtype, shape, values } of tensors) {
    const bytes = encode(dtype, values);
    header[name] = { dtype, shape, data_offsets: [position, position + bytes.length] };
    position += bytes.length;
    data.push(bytes);
  }
  breakHeader(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...data]);
}

export function writeTensors(path: string, tensors: readonly TestTensor[]): void {
  writeFileSync(path, safetensorsBytes(tensors));
}

function encode(dtype: TestTensor['dtype'], values: readonly number[]): Buffer {
  switch (dtype) {
    case 'F32':
      return Buffer.from(Float32Array.from(values).buffer);
    case 'F16':
      return Buffer.from(Uint16Array.from(values, float16Bits).buffer);
    case 'BF16':
      return Buffer.from(Uint16Array.from(values, bfloat16Bits).buffer);
    case 'U8':
      return Buffer.from(values);
    default:
      return dtype satisfies never;
  }
}

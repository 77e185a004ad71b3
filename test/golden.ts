/**
 * Reads the golden files that training/parity writes. Weights and inputs are not stored: both sides draw them from one integer
 * hash of (name, index), see training/parity/golden.py, so a golden file holds a configuration, a list of tensors and the outputs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FIXTURES = join(__dirname, 'fixtures', 'parity');

/** One parameter of a random model: value(i) = mean + scale * uniform(prefix/name, i). */
export interface WeightSpec {
  name: string;
  shape: number[];
  mean: number;
  scale: number;
}

export interface GoldenTensor {
  dims: number[];
  data: Float32Array | BigInt64Array;
}

export interface Golden<M> {
  metadata: M;
  tensors: Record<string, GoldenTensor>;
}

/** test/fixtures/parity/<name>.safetensors: its `golden` metadata and every tensor (F32 or I64). */
export function readGolden<M>(name: string): Golden<M> {
  const bytes = readFileSync(join(FIXTURES, `${name}.safetensors`));
  const headerLength = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
  const tensors: Record<string, GoldenTensor> = {};
  for (const [key, entry] of Object.entries<{ dtype: string; shape: number[]; data_offsets: [number, number] }>(
    header,
  )) {
    if (key === '__metadata__') continue;
    const [start, end] = entry.data_offsets.map((offset) => 8 + headerLength + offset) as [number, number];
    const copy = new Uint8Array(bytes.subarray(start, end)).buffer;
    tensors[key] = {
      dims: entry.shape,
      data: entry.dtype === 'I64' ? new BigInt64Array(copy) : new Float32Array(copy),
    };
  }
  return { metadata: JSON.parse(header.__metadata__.golden), tensors };
}

/** test/fixtures/parity/<name>.json. */
export function readGoldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));
}

/** float32 values of `mean + scale * uniform`, the same bytes as random_tensor() in golden.py. */
export function randomTensor(name: string, count: number, mean = 0, scale = 1): Float32Array {
  let seed = 0x811c9dc5;
  for (const byte of Buffer.from(name, 'utf8')) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 0x9e3779b9) + seed) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    values[i] = mean + scale * (x / 2147483648 - 1);
  }
  return values;
}

/** Writes a component directory (config.json and one float32 safetensors file) with the weights golden.py gave the model. */
export function writeRandomComponent(
  directory: string,
  fileName: string,
  config: unknown,
  prefix: string,
  specs: readonly WeightSpec[],
): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const tensors = specs.map((spec) => ({
    name: spec.name,
    shape: spec.shape,
    data: randomTensor(
      `${prefix}/${spec.name}`,
      spec.shape.reduce((a, b) => a * b, 1),
      spec.mean,
      spec.scale,
    ),
  }));
  writeSafetensors(join(directory, fileName), tensors);
}

/** Minimal float32 safetensors writer for tests. */
export function writeSafetensors(
  path: string,
  tensors: readonly { name: string; shape: number[]; data: Float32Array }[],
): void {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const { name, shape, data } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  let text = JSON.stringify(header);
  text += ' '.repeat((8 - (text.length % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  mkdirSync(dirname(path), { recursive: true });
  const body = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  writeFileSync(path, Buffer.concat([length, Buffer.from(text, 'utf8'), ...body]));
}

/** max|actual - expected| / max|expected|: the figure every parity test holds under 1e-4. NaN when either holds a NaN. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`length must be ${expected.length}, got ${actual.length}.`);
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    const delta = Math.abs((actual[i] as number) - (expected[i] as number));
    if (Number.isNaN(delta)) return Number.NaN;
    difference = Math.max(difference, delta);
    magnitude = Math.max(magnitude, Math.abs(expected[i] as number));
  }
  return difference / magnitude;
}

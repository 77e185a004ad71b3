/**
 * The noise that a video starts from: standard normal numbers from a seed, or from a file.
 *
 * Seeded noise is Philox4x32-10 (Salmon et al., SC 2011) followed by Box-Muller. Its key is [seed, 0] and its counter
 * [block, 0, 0, 0], and block b gives elements 4b to 4b+3: element i depends on (seed, i) alone, so any part of a tensor can be
 * drawn on its own. It is not torch's generator; to compare with PyTorch, give the noise as a file.
 */
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type FieldError, mustBe } from '../contract/field-error';
import { JobRejected } from '../contract/rejection';
import { readHeader } from './model/weights';

const ROUNDS = 10;
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const KEY_STEP_0 = 0x9e3779b9;
const KEY_STEP_1 = 0xbb67ae85;

const NPY_MAGIC = '\x93NUMPY';
/** numpy.save writes the header as a Python dict; these two entries and the shape decide how the data is read. */
const NPY_HEADER = /'descr': '(?<descr>[^']*)', 'fortran_order': (?<order>True|False), 'shape': \((?<shape>[^)]*)\)/;

/** `count` standard normal numbers; the same bytes for the same seed, whatever the machine. @param seed 0..2^32-1 */
export function seededNoise(seed: number, count: number): Float32Array<ArrayBuffer> {
  const noise = new Float32Array(count);
  for (let block = 0; 4 * block < count; block++) {
    const [a, b, c, d] = philox(seed, block);
    noise.set([...boxMuller(a, b), ...boxMuller(c, d)].slice(0, count - 4 * block), 4 * block);
  }
  return noise;
}

/**
 * Noise from a .safetensors file (its only tensor, or the one named `noise`) or a .npy file; float32 in row-major order.
 * @param shape [1, C, T, h, w] of the latents; a leading 1 may be left out in the file.
 * @throws JobRejected `invalid_setting` naming the file.
 */
export async function readNoise(file: string, shape: readonly number[]): Promise<Float32Array> {
  const extension = path.extname(file).toLowerCase();
  if (extension === '.safetensors') return readSafetensorsNoise(file, shape);
  if (extension === '.npy') return readNpyNoise(file, shape);
  throw rejectNoise('a .safetensors or .npy file', file);
}

/** Four independent unsigned 32-bit numbers for a counter. */
export function philox(seed: number, block: number): [number, number, number, number] {
  let [c0, c1, c2, c3] = [block >>> 0, 0, 0, 0];
  let key0 = seed >>> 0;
  let key1 = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = multiply(MULTIPLIER_0, c0);
    const [high1, low1] = multiply(MULTIPLIER_1, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ key0) >>> 0, low1, (high0 ^ c3 ^ key1) >>> 0, low0];
    key0 = (key0 + KEY_STEP_0) >>> 0;
    key1 = (key1 + KEY_STEP_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** High and low half of the 64-bit product of two unsigned 32-bit numbers. */
function multiply(a: number, b: number): [number, number] {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 0x10000);
  const middleLow = (middle % 0x10000) + aLow * bHigh;
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** Two normal numbers from two uniform ones, taken in the middle of their intervals, so never 0. */
function boxMuller(a: number, b: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32));
  const angle = (2 * Math.PI * (b + 0.5)) / 2 ** 32;
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

async function readSafetensorsNoise(file: string, shape: readonly number[]): Promise<Float32Array> {
  const tensors = await readHeader(file);
  const tensor = tensors.length === 1 ? tensors[0] : tensors.find(({ name }) => name === 'noise');
  if (!tensor) throw rejectNoise('a file with one tensor, or one named noise', `${tensors.length} tensors`);
  requireForm(tensor.dtype === 'F32', tensor.dtype, tensor.shape, shape);
  const handle = await open(file);
  try {
    const bytes = new Uint8Array(tensor.length);
    await handle.read(bytes, 0, tensor.length, tensor.offset);
    return new Float32Array(bytes.buffer);
  } finally {
    await handle.close();
  }
}

async function readNpyNoise(file: string, shape: readonly number[]): Promise<Float32Array> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw rejectNoise('a readable file', `${file} (${error.code})`);
  });
  // Format: magic, version (2 bytes), header length (2 bytes; 4 from version 2 on), header, data. numpy.lib.format.
  const lengthBytes = bytes[6] === 1 ? 2 : 4;
  const isNpy = bytes.length > 12 && bytes.toString('latin1', 0, 6) === NPY_MAGIC;
  const dataStart = isNpy ? 8 + lengthBytes + bytes.readUIntLE(8, lengthBytes) : 0;
  const header = NPY_HEADER.exec(bytes.toString('latin1', 0, dataStart))?.groups;
  if (!header) throw rejectNoise('a file written by numpy.save', file);
  const fileShape = (header.shape ?? '')
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  requireForm(header.descr === '<f4' && header.order === 'False', `${header.descr}`, fileShape, shape);
  const data = bytes.subarray(dataStart);
  const count = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== 4 * count) throw rejectNoise(`${4 * count} bytes of data`, `${data.length}`);
  return new Float32Array(Uint8Array.from(data).buffer);
}

function requireForm(isFloat32: boolean, dtype: string, fileShape: readonly number[], shape: readonly number[]): void {
  const isShape = [shape.join(), shape.slice(1).join()].includes(fileShape.join());
  if (!isFloat32 || !isShape) {
    throw rejectNoise(`float32 of shape [${shape.join(', ')}]`, `${dtype} of shape [${fileShape.join(', ')}]`);
  }
}

function rejectNoise(rule: string, got: string): JobRejected {
  const error: FieldError = mustBe('noise', rule, got);
  return new JobRejected('invalid_setting', [error]);
}

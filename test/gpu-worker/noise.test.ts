import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { philox, readNoise, seededNoise } from '../../gpu-worker/noise';

/** Computed apart, in Python, from the description in noise.ts. */
const FIRST_OF_SEED_7 = ['0.000292', '-0.304847', '1.788757', '1.067873'];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-noise-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('Philox4x32-10 gives the published known answer for a zero key and counter', () => {
  expect(philox(0, 0).map((word) => word.toString(16))).toEqual(['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
});

test('a seed fixes every number, and a longer draw begins with the shorter one', () => {
  const noise = seededNoise(7, 10);
  expect(Buffer.from(noise.buffer).toString('hex')).toBe(
    Buffer.from(seededNoise(7, 4096).buffer, 0, 40).toString('hex'),
  );
  expect(Array.from(noise.subarray(0, 4), (value) => value.toFixed(6))).toEqual(FIRST_OF_SEED_7);
  expect(seededNoise(8, 10)).not.toEqual(noise);
});

test('the numbers are standard normal', () => {
  const noise = seededNoise(2 ** 32 - 1, 100_000);
  const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
  const moment = (power: number) => noise.reduce((sum, value) => sum + (value - mean) ** power, 0) / noise.length;
  expect(Math.abs(mean)).toBeLessThan(0.01);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.02);
  expect(Math.abs(moment(3))).toBeLessThan(0.05);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
});

test('noise is read from safetensors and from npy', async () => {
  const values = Float32Array.of(0.5, -1, 2, 3.25);
  writeFileSync(path.join(folder, 'a.safetensors'), safetensors('x', 'F32', [1, 2, 1, 1, 2], values));
  writeFileSync(path.join(folder, 'a.npy'), npy('<f4', '(2, 1, 1, 2)', values));
  for (const name of ['a.safetensors', 'a.npy']) {
    expect(await readNoise(path.join(folder, name), [1, 2, 1, 1, 2])).toEqual(values);
  }
});

test.each([
  [
    'b.npy',
    npy('<f8', '(2,)', Float32Array.of(1, 2, 3, 4)),
    'noise must be float32 of shape [1, 2], got <f8 of shape [2].',
  ],
  ['c.npy', npy('<f4', '(2,)', Float32Array.of(1)), 'noise must be 8 bytes of data, got 4.'],
  ['d.npy', Buffer.from('no numpy'), 'noise must be a file written by numpy.save, got '],
  ['e.txt', Buffer.from(''), 'noise must be a .safetensors or .npy file, got '],
  [
    'f.safetensors',
    safetensors('x', 'F32', [3], Float32Array.of(1, 2, 3)),
    'noise must be float32 of shape [1, 2], got F32 of shape [3].',
  ],
])('%s is refused', async (name, bytes, message) => {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  await expect(readNoise(file, [1, 2])).rejects.toThrow(message);
});

test('a missing file is named', async () => {
  await expect(readNoise(path.join(folder, 'none.npy'), [1, 2])).rejects.toThrow(
    /noise must be a readable file, got .*none\.npy \(ENOENT\)/,
  );
  await expect(readNoise(path.join(folder, 'none.safetensors'), [1, 2])).rejects.toThrow('none.safetensors');
});

function safetensors(name: string, dtype: string, shape: number[], values: Float32Array): Buffer {
  const header = Buffer.from(JSON.stringify({ [name]: { dtype, shape, data_offsets: [0, values.byteLength] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.from(values.buffer)]);
}

function npy(descr: string, shape: string, values: Float32Array): Buffer {
  const header = Buffer.from(
    `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117).concat('\n'),
  );
  const length = Buffer.from([header.length, 0]);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, header, Buffer.from(values.buffer)]);
}

import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../../../gpu-worker/onnx/half';

test.each([
  [0, 0x0000],
  [-0, 0x8000],
  [1, 0x3c00],
  [-2, 0xc000],
  [65504, 0x7bff],
  [65519, 0x7bff],
  [65520, 0x7c00],
  [Number.POSITIVE_INFINITY, 0x7c00],
  [2 ** -14, 0x0400],
  [2 ** -24, 0x0001],
  [2 ** -25, 0x0000],
  [1.5 * 2 ** -25, 0x0001],
  [1.5 * 2 ** -24, 0x0002],
  [1 + 2 ** -11, 0x3c00],
  [1 + 3 * 2 ** -11, 0x3c02],
  [2 - 2 ** -12, 0x4000],
  [1 / 3, 0x3555],
])('%p as float16 is 0x%s', (value, bits) => {
  expect(float16Bits(value)).toBe(bits);
});

test.each([
  [0, 0x0000],
  [1, 0x3f80],
  [-1.5, 0xbfc0],
  [1 + 2 ** -8, 0x3f80],
  [1 + 3 * 2 ** -8, 0x3f82],
  [1 / 3, 0x3eab],
  [Number.NEGATIVE_INFINITY, 0xff80],
])('%p as bfloat16 is 0x%s', (value, bits) => {
  expect(bfloat16Bits(value)).toBe(bits);
});

test('not a number stays so', () => {
  expect([float16Bits(Number.NaN), bfloat16Bits(Number.NaN)]).toEqual([0x7e00, 0x7fc0]);
});

test('all 65536 bit patterns are read as what is written as them', () => {
  const wrong: number[] = [];
  for (let bits = 0; bits < 1 << 16; bits++) {
    const magnitude = bits & 0x7fff;
    const [half, brain] = [float16Value(bits), bfloat16Value(bits)];
    if (magnitude <= 0x7c00 ? float16Bits(half) !== bits : !Number.isNaN(half)) wrong.push(bits);
    if (magnitude <= 0x7f80 ? bfloat16Bits(brain) !== bits : !Number.isNaN(brain)) wrong.push(bits);
  }
  expect(wrong).toEqual([]);
});

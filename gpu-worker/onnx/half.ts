/**
 * The two 16-bit float formats as bits: JavaScript has no type for either on Node 20, so tensors carry them in a Uint16Array.
 */

const FLOAT = new Float32Array(1);
/** The bits of FLOAT. */
const BITS = new Uint32Array(FLOAT.buffer);

/** A float value as float16 bits, rounded to nearest even. */
export function float16Bits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127;
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (exponent > 15) return sign | 0x7c00;
  if (exponent < -25) return sign;
  // A normal number keeps 10 of its 23 fraction bits; below 2^-14 the implicit one is shifted in and more are lost.
  const isNormal = exponent >= -14;
  const fraction = (bits & 0x7fffff) | (isNormal ? 0 : 0x800000);
  const lost = isNormal ? 13 : -1 - exponent;
  const kept = fraction >>> lost;
  const rest = fraction & ((1 << lost) - 1);
  const half = 1 << (lost - 1);
  const roundUp = rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0;
  // A carry out of the fraction runs into the exponent, which is just what rounding up must do.
  return sign | (((isNormal ? (exponent + 15) << 10 : 0) + kept + roundUp) & 0x7fff);
}

/** A float value as bfloat16 bits, rounded to nearest even. */
export function bfloat16Bits(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0]!;
  if (Number.isNaN(value)) return 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The value of float16 bits. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The value of bfloat16 bits: those of a float32 without its lower half. */
export function bfloat16Value(bits: number): number {
  BITS[0] = bits << 16;
  return FLOAT[0]!;
}

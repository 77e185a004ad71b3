/**
 * RGB to I420 in BT.709, limited range: what the video says it is. The encoder's own conversion would write BT.601 whatever the
 * tags say, so it is given planes that need none.
 */

/** Luma weights of BT.709 (Rec. ITU-R BT.709-6, item 3.2). */
const RED = 0.2126;
const BLUE = 0.0722;
const GREEN = 1 - RED - BLUE;
/** Limited range: black 16, white 235; chroma 128 +- 112. */
const LUMA_ZERO = 16;
const LUMA_RANGE = 219;
const CHROMA_ZERO = 128;
const CHROMA_RANGE = 224;

/**
 * One frame as I420 bytes: width*height of luma, then a quarter each of Cb and Cr.
 * Chroma sits as H.264 assumes by default (type 0): at even columns, between two rows.
 * @param frame float32 [3, height, width], RGB, -1..1; values beyond are clamped.
 */
export function toI420(frame: Float32Array, width: number, height: number): Uint8Array {
  const area = width * height;
  const chromaWidth = width / 2;
  const chromaArea = area / 4;
  const planes = new Uint8ClampedArray(area + 2 * chromaArea);
  const blueDifference = new Float32Array(area);
  const redDifference = new Float32Array(area);
  for (let at = 0; at < area; at++) {
    const red = unit(frame[at]!);
    const green = unit(frame[area + at]!);
    const blue = unit(frame[2 * area + at]!);
    const luma = RED * red + GREEN * green + BLUE * blue;
    planes[at] = LUMA_ZERO + LUMA_RANGE * luma;
    blueDifference[at] = (blue - luma) / (2 * (1 - BLUE));
    redDifference[at] = (red - luma) / (2 * (1 - RED));
  }
  for (let row = 0; row < height / 2; row++) {
    for (let column = 0; column < chromaWidth; column++) {
      const at = area + row * chromaWidth + column;
      planes[at] = CHROMA_ZERO + CHROMA_RANGE * sited(blueDifference, width, row, column);
      planes[at + chromaArea] = CHROMA_ZERO + CHROMA_RANGE * sited(redDifference, width, row, column);
    }
  }
  return new Uint8Array(planes.buffer);
}

function unit(value: number): number {
  return Math.min(Math.max(value / 2 + 0.5, 0), 1);
}

/** The mean over two rows, weighted 1-2-1 around the even column. */
function sited(plane: Float32Array, width: number, row: number, column: number): number {
  const middle = 2 * row * width + 2 * column;
  const left = column === 0 ? middle : middle - 1;
  const right = middle + 1;
  const weighted = (at: number) => plane[at]! + plane[at + width]!;
  return (weighted(left) + 2 * weighted(middle) + weighted(right)) / 8;
}

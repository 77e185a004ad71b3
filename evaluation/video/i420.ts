/** Planes of a decoded picture to RGB, by the colour space that the file names. The decoder's own conversion takes one for all. */

export interface ColourSpace {
  readonly matrix?: string | null;
  readonly fullRange?: boolean | null;
}

/** Red and blue in luma. What names no matrix is BT.709, as are all videos of this program. */
const LUMA: Readonly<Record<string, readonly [red: number, blue: number]>> = {
  bt709: [0.2126, 0.0722],
  bt470bg: [0.299, 0.114],
  smpte170m: [0.299, 0.114],
  'bt2020-ncl': [0.2627, 0.0593],
};

/** @param planes luma [height, width], then both chromas at half the size, rounded up. @returns [height, width, 3] */
export function rgbOfI420(planes: Uint8Array, width: number, height: number, colours: ColourSpace): Uint8Array {
  const [red, blue] = LUMA[colours.matrix ?? ''] ?? LUMA.bt709!;
  const green = 1 - red - blue;
  const [offset, lumaScale, chromaScale] = colours.fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const chromaWidth = Math.ceil(width / 2);
  const blueAt = width * height;
  const redAt = blueAt + chromaWidth * Math.ceil(height / 2);
  const pixels = new Uint8ClampedArray(3 * width * height);
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      const chroma = (row >> 1) * chromaWidth + (column >> 1);
      const y = (planes[at]! - offset) * lumaScale;
      const b = (planes[blueAt + chroma]! - 128) * chromaScale * 2 * (1 - blue);
      const r = (planes[redAt + chroma]! - 128) * chromaScale * 2 * (1 - red);
      pixels[3 * at] = y + r;
      pixels[3 * at + 1] = y - (red * r + blue * b) / green;
      pixels[3 * at + 2] = y + b;
    }
  }
  return new Uint8Array(pixels.buffer);
}

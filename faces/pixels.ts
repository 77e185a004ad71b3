/** A picture in memory, and how a file becomes one. */
import sharp, { type Sharp } from 'sharp';
import { DECODING } from './reference-image';

/** sRGB, interleaved bytes [height, width, 3], upright. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Pixels, from the upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Enough for the smallest face that is detected to be as large as an embedder reads it; a photo of 60 megapixels becomes 13 MB. */
export const READ_SIDE = 2048;
const GREY = { r: 128, g: 128, b: 128 };
const WHITE = { r: 255, g: 255, b: 255 };

export interface ReadPixels extends Pixels {
  /** Pixels of the file, upright, for each of these: 1 or more. */
  readonly scale: number;
}

/**
 * Decodes a PNG, JPEG or WebP: upright (EXIF), sRGB whatever it was (CMYK, grey, 16 bits), on white, no larger than `side`.
 * @throws Error of the decoder when its data are damaged.
 */
export async function readPixels(file: Uint8Array | string, side = READ_SIDE): Promise<ReadPixels> {
  const { autoOrient } = await sharp(file, { limitInputPixels: false }).metadata();
  const { data, info } = await sharp(file, DECODING)
    .autoOrient()
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .flatten({ background: WHITE })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  return { data, width, height, scale: Math.max(autoOrient.width / width, autoOrient.height / height) };
}

/** The whole picture in a square of `side`, on grey, centred. A point p of it is `p * scale + (x, y)` in the square. */
export interface Letterboxed {
  readonly pixels: Pixels;
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export async function letterboxSquare(picture: Pixels, side: number): Promise<Letterboxed> {
  const scale = side / Math.max(picture.width, picture.height);
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const [x, y] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  const data = await toSharp(picture)
    .resize({ width, height, fit: 'fill' })
    .extend({ left: x, right: side - width - x, top: y, bottom: side - height - y, background: GREY })
    .raw()
    .toBuffer();
  return { pixels: { data, width: side, height: side }, scale, x, y };
}

/** For everything else that the library does. */
export function toSharp({ data, width, height }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** A part of a photo at the size in which it is wanted, read from the file itself so that no pixel of a small face is lost. */
import sharp from 'sharp';
import type { Box } from '../../faces/detector';
import { type Pixels, toSharp } from '../../faces/pixels';
import { DECODING } from '../../faces/reference-image';
import type { Size } from '../images';

/** What a frame shows of a picture, and where it lies in the frame. */
export interface FramedPart {
  readonly pixels: Pixels;
  readonly left: number;
  readonly top: number;
}

const WHITE = { r: 255, g: 255, b: 255 };

/**
 * @param frame of the upright picture, in its pixels; it may reach beyond it. @param size of the whole frame.
 * @throws Error of the decoder when its data are damaged.
 */
export async function readFrame(bytes: Uint8Array, frame: Box, size: Size): Promise<FramedPart> {
  const { autoOrient } = await sharp(bytes, DECODING).metadata();
  const across = part(frame.x, frame.width, autoOrient.width, size.width);
  const down = part(frame.y, frame.height, autoOrient.height, size.height);
  const [width, height] = [across.length, down.length];
  const data = await sharp(bytes, DECODING)
    .autoOrient()
    .extract({ left: across.from, top: down.from, width: across.count, height: down.count })
    .toColourspace('srgb')
    .flatten({ background: WHITE })
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer();
  return { pixels: { data, width, height }, left: across.at, top: down.at };
}

/** The whole frame at `size`, white where the picture has nothing. @param part read for a frame of `full`. */
export async function onFrame({ pixels, left, top }: FramedPart, full: Size, { width, height }: Size): Promise<Pixels> {
  const right = full.width - left - pixels.width;
  const bottom = full.height - top - pixels.height;
  const whole = await toSharp(pixels).extend({ left, top, right, bottom, background: WHITE }).raw().toBuffer();
  if (full.width === width && full.height === height) return { data: whole, width, height };
  const data = await toSharp({ data: whole, width: full.width, height: full.height })
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  return { data, width, height };
}

/** One axis: which pixels of the picture lie in the frame, and where in the frame's `size` they go. */
function part(start: number, extent: number, available: number, size: number) {
  const from = clamp(Math.floor(start), 0, available - 1);
  const to = clamp(Math.ceil(start + extent), from + 1, available);
  const scale = size / extent;
  const at = clamp(Math.round((from - start) * scale), 0, size - 1);
  return { from, count: to - from, at, length: clamp(Math.round((to - from) * scale), 1, size - at) };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

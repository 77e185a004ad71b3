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

/** EXIF orientations of the same picture turned by half. */
const HALF_TURN: Readonly<Record<number, number>> = { 1: 3, 2: 4, 3: 1, 4: 2, 5: 7, 6: 8, 7: 5, 8: 6 };

/**
 * @param frame of the upright picture, in its pixels; it may reach beyond it. @param size of the whole frame.
 * @param isUpsideDown whether the picture is only upright when it is turned by half after what EXIF says.
 * @throws Error of the decoder when its data are damaged.
 */
export async function readFrame(bytes: Uint8Array, frame: Box, size: Size, isUpsideDown = false): Promise<FramedPart> {
  const { autoOrient: upright, orientation: told = 1 } = await sharp(bytes, DECODING).metadata();
  const orientation = isUpsideDown ? HALF_TURN[told]! : told;
  const across = part(frame.x, frame.width, upright.width, size.width);
  const down = part(frame.y, frame.height, upright.height, size.height);
  const shown = { x: across.from, y: down.from, width: across.count, height: down.count };
  const [width, height] = [across.length, down.length];
  // Turned upright last: before, the decoder would have to hold the whole photo.
  const stored = storedBox(shown, upright, orientation);
  const result = storedBox({ x: 0, y: 0, width, height }, { width, height }, orientation);
  const data = await sharp(bytes, DECODING)
    .extract({ left: stored.x, top: stored.y, width: stored.width, height: stored.height })
    .toColourspace('srgb')
    .flatten({ background: WHITE })
    .resize({ width: result.width, height: result.height, fit: 'fill', kernel: 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer();
  return { pixels: turnedUpright(data, { width, height }, orientation), left: across.at, top: down.at };
}

/** Where a part of the upright picture lies in the file, whose first row and column EXIF may mean to be others (1 to 8). */
function storedBox({ x, y, width, height }: Box, upright: Size, orientation: number): Box {
  const u = [2, 3, 6, 7].includes(orientation) ? upright.width - x - width : x;
  const v = [3, 4, 7, 8].includes(orientation) ? upright.height - y - height : y;
  const isLying = orientation >= 5;
  return isLying ? { x: v, y: u, width: height, height: width } : { x: u, y: v, width, height };
}

/** @param stored as it lies in the file. @param upright its size when it is turned. */
function turnedUpright(stored: Uint8Array, upright: Size, orientation: number): Pixels {
  const { width, height } = upright;
  if (orientation === 1) return { data: stored, width, height };
  const columns = orientation >= 5 ? height : width;
  const data = new Uint8Array(stored.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = storedBox({ x, y, width: 1, height: 1 }, upright, orientation);
      const at = 3 * (from.y * columns + from.x);
      data.set(stored.subarray(at, at + 3), 3 * (y * width + x));
    }
  }
  return { data, width, height };
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

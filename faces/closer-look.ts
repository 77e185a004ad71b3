/**
 * A second look at the head. The network sees a whole photo in a few hundred pixels, of which a head may have forty; ears and strands
 * go lost. Shown the head alone, it sees them. What lies there apart from the person of the first look is somebody else.
 */
import type { Plane } from './guided-filter';

/** Pixels of the picture, whole numbers. */
export interface Window {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** Of the person's width, which is mostly that of the shoulders; and of the head's, which needs something around it. */
const OF_PERSON = 0.75;
const OF_HEAD = 2;
/** Of the person's width: how far down there is nothing but head. */
const HEAD = 0.4;
/** Of the window's side: above the head. */
const ABOVE = 0.1;
/** Of the picture's longer side: a window as large would show nothing new. */
const LARGEST = 0.8;
const SMALLEST = 64;
/** Of the window's side: there the second look passes into the first. */
const SEAM = 0.12;

/** Where the head of a mask [height, width] must be, in a picture of another size; null where a closer look is of no use. */
export function headWindow(
  mask: { data: Plane; width: number; height: number },
  picture: { width: number; height: number },
): Window | null {
  const { data, width, height } = mask;
  const [acrossPixel, downPixel] = [picture.width / width, picture.height / height];
  const inside = (x: number, y: number) => data[y * width + x]! > 0.5;
  let [left, right, top] = [width, -1, height];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
    }
  }
  if (right < 0) return null;
  const personWidth = (right - left + 1) * acrossPixel;
  const lowest = Math.min(height, top + Math.ceil((HEAD * personWidth) / downPixel));
  let [sum, count, headLeft, headRight] = [0, 0, width, -1];
  for (let y = top; y < lowest; y++) {
    for (let x = 0; x < width; x++) {
      if (!inside(x, y)) continue;
      sum += x + 0.5;
      count++;
      headLeft = Math.min(headLeft, x);
      headRight = Math.max(headRight, x);
    }
  }
  const headWidth = (headRight - headLeft + 1) * acrossPixel;
  const wished = Math.max(OF_PERSON * personWidth, OF_HEAD * headWidth);
  const side = Math.round(Math.min(wished, picture.width, picture.height));
  if (side < SMALLEST || side > LARGEST * Math.max(picture.width, picture.height)) return null;
  const middle = (sum / count) * acrossPixel;
  const within = (at: number, length: number) => Math.round(Math.min(length - side, Math.max(0, at)));
  return {
    left: within(middle - side / 2, picture.width),
    top: within(top * downPixel - ABOVE * side, picture.height),
    side,
  };
}

/**
 * How much the second look counts at a pixel of the window, 0..1: nothing at its border, unless that is the picture's.
 * @param x 0..1 within the window; so is y.
 */
export function seamWeight(x: number, y: number, window: Window, picture: { width: number; height: number }): number {
  const { left, top, side } = window;
  const ramp = (distance: number, atBorder: boolean) => (atBorder ? 1 : Math.min(1, Math.max(0, distance / SEAM)));
  return Math.min(
    ramp(x, left === 0),
    ramp(1 - x, left + side === picture.width),
    ramp(y, top === 0),
    ramp(1 - y, top + side === picture.height),
  );
}

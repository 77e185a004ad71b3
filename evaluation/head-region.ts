/** A head's pixels as they compare: brought to one place by the landmarks, grey, without mean and contrast. */
import { alignFace, alignment } from '../faces/align';
import type { Landmarks } from '../faces/detector';
import type { Pixels } from '../faces/pixels';

/** Values of mean 0 and length 1. */
export type HeadRegion = Float32Array;

/** So small that a landmark's shift by a pixel costs little; from the brows to the chin, so that another background changes nothing. */
const REGION = { size: 24, zoom: 1, dy: 0 } as const;

/** @returns null where the landmarks lie on one spot, or all pixels are alike. */
export function headRegion(picture: Pixels, landmarks: Landmarks): HeadRegion | null {
  const place = alignment(landmarks, REGION);
  if (!place) return null;
  const { data } = alignFace(picture, place, REGION.size);
  const grey = Float32Array.from({ length: REGION.size ** 2 }, (_, at) => {
    return data[3 * at]! + data[3 * at + 1]! + data[3 * at + 2]!;
  });
  const mean = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const centred = grey.map((value) => value - mean);
  const length = Math.hypot(...centred);
  return length > 1 ? centred.map((value) => value / length) : null;
}

/** Zero-mean normalised cross-correlation, -1..1. */
export function correlation(a: HeadRegion, b: HeadRegion): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

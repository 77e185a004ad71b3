/** What the detectors of a user's own have in common: faces with five landmarks, found in a letterboxed square. */
import type { Box, DetectedFace, Landmark, Landmarks } from './detector';
import type { Letterboxed, Point } from './pixels';

/** The order in which YuNet and SCRFD give them. Seen in the picture, a subject's right eye is the left one. */
export const FIVE_POINTS: readonly Landmark[] = ['right_eye', 'left_eye', 'nose', 'right_mouth', 'left_mouth'];

/** Pixels a cell of each of the three grids that a square is covered with, finest first. */
export const STRIDES = [8, 16, 32] as const;

/** @param points of FIVE_POINTS, and `box`, in pixels of the square. @returns the face in pixels of the picture. */
export function faceInPicture(box: Box, points: readonly Point[], score: number, square: Letterboxed): DetectedFace {
  const toPicture = ({ x, y }: Point): Point => ({
    x: (x - square.x) / square.scale,
    y: (y - square.y) / square.scale,
  });
  const landmarks: Landmarks = Object.fromEntries(FIVE_POINTS.map((name, i) => [name, toPicture(points[i]!)]));
  const size = { width: box.width / square.scale, height: box.height / square.scale };
  return { box: { ...toPicture(box), ...size }, score, landmarks };
}

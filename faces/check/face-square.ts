/** A face in the square that embedders align it to, and the places in it that are looked at for signs. */
import { alignFace, alignment, type Similarity } from '../align';
import type { Landmarks } from '../detector';
import type { Pixels, Point } from '../pixels';

export interface FaceSquare {
  readonly pixels: Pixels;
  /** In pixels of the square. */
  readonly rightEye: Point;
  readonly leftEye: Point;
  readonly nose: Point;
  readonly mouth: Point;
}

/** @returns null when one of these landmarks is missing, or all lie on one spot. */
export function faceSquare(picture: Pixels, landmarks: Landmarks, size: number): FaceSquare | null {
  const similarity = alignment(landmarks, { size, zoom: 1, dy: 0 });
  const { right_eye, left_eye, nose, right_mouth, left_mouth } = landmarks;
  const mouth = landmarks.mouth ?? (right_mouth && left_mouth && between(right_mouth, left_mouth));
  if (!similarity || !right_eye || !left_eye || !nose || !mouth) return null;
  return {
    pixels: alignFace(picture, similarity, size),
    rightEye: toSquare(right_eye, similarity),
    leftEye: toSquare(left_eye, similarity),
    nose: toSquare(nose, similarity),
    mouth: toSquare(mouth, similarity),
  };
}

/** @param share of the way from a to b. */
export function between(a: Point, b: Point, share = 0.5): Point {
  return { x: a.x + share * (b.x - a.x), y: a.y + share * (b.y - a.y) };
}

/** Of a point of the picture. */
export function toSquare({ x, y }: Point, { a, b, shift }: Similarity): Point {
  const [dx, dy] = [x - shift.x, y - shift.y];
  const norm = a * a + b * b;
  return { x: (a * dx + b * dy) / norm, y: (a * dy - b * dx) / norm };
}

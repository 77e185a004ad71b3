/** A face brought into the place where an embedder expects it, by its landmarks. */
import type { Landmark, Landmarks } from './detector';
import type { Pixels, Point } from './pixels';

/** Where the landmarks of a frontal face lie in a square of 112: the template of ArcFace (InsightFace), of which this has both eyes... */
const ARCFACE: Readonly<Partial<Record<Landmark, Point>>> = {
  right_eye: { x: 38.2946, y: 51.6963 },
  left_eye: { x: 73.5318, y: 51.5014 },
  nose: { x: 56.0252, y: 71.7366 },
  right_mouth: { x: 41.5493, y: 92.3655 },
  left_mouth: { x: 70.7299, y: 92.2041 },
};
/** ...and the middle of its corners for a detector that knows the mouth only as a whole. */
const MOUTH: Point = { x: 56.1396, y: 92.2848 };
const TEMPLATE_SIDE = 112;

export interface Alignment {
  /** Pixels of the square. */
  readonly size: number;
  /** How much more of the surroundings it shows than the template: 1.2 is a face smaller by that. */
  readonly zoom: number;
  /** Moves the face down, in pixels of the template's 112. */
  readonly dy: number;
}

/** A point of the square is p, and of the picture s p + shift, where s is the complex number (a, b). */
export interface Similarity {
  readonly a: number;
  readonly b: number;
  readonly shift: Point;
}

/** @returns null when the landmarks lie on one spot. */
export function alignment(landmarks: Landmarks, { size, zoom, dy }: Alignment): Similarity | null {
  const centre = TEMPLATE_SIDE / 2;
  const place = ({ x, y }: Point): Point => ({
    x: ((x - centre) / zoom + centre) * (size / TEMPLATE_SIDE),
    y: ((y - centre + dy) / zoom + centre) * (size / TEMPLATE_SIDE),
  });
  const corners = landmarks.right_mouth && landmarks.left_mouth;
  const template: Landmarks = corners ? ARCFACE : { ...ARCFACE, mouth: MOUTH };
  const pairs = (Object.entries(template) as [Landmark, Point][]).flatMap(([name, point]) => {
    const found = landmarks[name];
    return found ? [{ from: place(point), to: found }] : [];
  });
  return leastSquares(pairs);
}

/** The face as a square picture. */
export function alignFace(picture: Pixels, similarity: Similarity, size: number): Pixels {
  const { a, b, shift } = similarity;
  const { data, width, height } = picture;
  const out = new Uint8Array(3 * size * size);
  // Where many pixels become one they are averaged, or fine hair would turn to noise.
  const samples = Math.max(1, Math.ceil(Math.hypot(a, b)));
  const sum = [0, 0, 0];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      sum.fill(0);
      for (let sample = 0; sample < samples * samples; sample++) {
        const u = column + ((sample % samples) + 0.5) / samples;
        const v = row + (Math.floor(sample / samples) + 0.5) / samples;
        const x = clamp(a * u - b * v + shift.x - 0.5, width - 1);
        const y = clamp(b * u + a * v + shift.y - 0.5, height - 1);
        const [left, top] = [Math.min(Math.floor(x), width - 2), Math.min(Math.floor(y), height - 2)];
        const [right, bottom] = [x - left, y - top];
        const at = 3 * (top * width + left);
        for (let channel = 0; channel < 3; channel++) {
          const from = at + channel;
          const upper = data[from]! * (1 - right) + data[from + 3]! * right;
          const lower = data[from + 3 * width]! * (1 - right) + data[from + 3 * width + 3]! * right;
          sum[channel]! += upper * (1 - bottom) + lower * bottom;
        }
      }
      const at = 3 * (row * size + column);
      for (let channel = 0; channel < 3; channel++) out[at + channel] = Math.round(sum[channel]! / samples ** 2);
    }
  }
  return { data: out, width: size, height: size };
}

/** Umeyama's similarity without reflection, in the plane: a complex least squares. */
function leastSquares(pairs: readonly { from: Point; to: Point }[]): Similarity | null {
  const n = pairs.length;
  if (n < 2) return null;
  const mean = (points: readonly Point[]) => {
    return { x: points.reduce((s, p) => s + p.x, 0) / n, y: points.reduce((s, p) => s + p.y, 0) / n };
  };
  const from = mean(pairs.map((pair) => pair.from));
  const to = mean(pairs.map((pair) => pair.to));
  let [re, im, norm] = [0, 0, 0];
  for (const pair of pairs) {
    const [px, py, qx, qy] = [pair.from.x - from.x, pair.from.y - from.y, pair.to.x - to.x, pair.to.y - to.y];
    re += px * qx + py * qy;
    im += px * qy - py * qx;
    norm += px * px + py * py;
  }
  const [a, b] = [re / norm, im / norm];
  if (Math.hypot(a, b) < 1e-6) return null;
  return { a, b, shift: { x: to.x - a * from.x + b * from.y, y: to.y - b * from.x - a * from.y } };
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, 0), most);
}

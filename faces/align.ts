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
  // Where many pixels become one they are averaged first, or fine hair would turn to noise.
  const factor = Math.floor(Math.hypot(similarity.a, similarity.b));
  if (factor < 2) return warped(picture, similarity, size);
  const { pixels, left, top } = shrunkAround(picture, similarity, size, factor);
  const { a, b, shift } = similarity;
  const inSmall = { x: (shift.x - left) / factor, y: (shift.y - top) / factor };
  return warped(pixels, { a: a / factor, b: b / factor, shift: inSmall }, size);
}

/** The part of the picture that the square covers, every `factor` x `factor` pixels of it as their mean. */
function shrunkAround(picture: Pixels, { a, b, shift }: Similarity, size: number, factor: number) {
  const corners = [0, size].flatMap((u) =>
    [0, size].map((v) => ({ x: a * u - b * v + shift.x, y: b * u + a * v + shift.y })),
  );
  const columns = range(
    corners.map(({ x }) => x),
    picture.width,
    factor,
  );
  const rows = range(
    corners.map(({ y }) => y),
    picture.height,
    factor,
  );
  const [left, top, width, height] = [columns.from, rows.from, columns.count, rows.count];
  const data = new Uint8Array(3 * width * height);
  const weight = 1 / (factor * factor);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let y = top + row * factor; y < top + (row + 1) * factor; y++) {
        const line = Math.min(y, picture.height - 1) * picture.width;
        for (let x = left + column * factor; x < left + (column + 1) * factor; x++) {
          const at = 3 * (line + Math.min(x, picture.width - 1));
          red += picture.data[at]!;
          green += picture.data[at + 1]!;
          blue += picture.data[at + 2]!;
        }
      }
      const to = 3 * (row * width + column);
      data[to] = red * weight + 0.5;
      data[to + 1] = green * weight + 0.5;
      data[to + 2] = blue * weight + 0.5;
    }
  }
  return { pixels: { data, width, height }, left, top };
}

/** So many times `factor` pixels that they cover all of `places` that lies in the picture; two at least, to blend between. */
function range(places: readonly number[], length: number, factor: number): { from: number; count: number } {
  const from = Math.min(Math.max(Math.floor(Math.min(...places)), 0), length - 1);
  const to = Math.min(Math.max(Math.ceil(Math.max(...places)), from + 1), length);
  return { from, count: Math.max(Math.ceil((to - from) / factor), 2) };
}

/** Bilinear; beyond the picture its border goes on. No array in the loops: they are most of what looking at a photo costs. */
function warped({ data, width, height }: Pixels, { a, b, shift }: Similarity, size: number): Pixels {
  const out = new Uint8Array(3 * size * size);
  const stride = 3 * width;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const x = Math.min(Math.max(a * (column + 0.5) - b * (row + 0.5) + shift.x - 0.5, 0), width - 1);
      const y = Math.min(Math.max(b * (column + 0.5) + a * (row + 0.5) + shift.y - 0.5, 0), height - 1);
      const left = Math.min(Math.floor(x), width - 2);
      const top = Math.min(Math.floor(y), height - 2);
      const toRight = x - left;
      const down = y - top;
      const from = top * stride + 3 * left;
      const to = 3 * (row * size + column);
      for (let channel = 0; channel < 3; channel++) {
        const at = from + channel;
        const upper = data[at]! * (1 - toRight) + data[at + 3]! * toRight;
        const lower = data[at + stride]! * (1 - toRight) + data[at + stride + 3]! * toRight;
        out[to + channel] = upper * (1 - down) + lower * down + 0.5;
      }
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

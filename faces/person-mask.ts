/** What a segmentation says between yes and no, made a mask of one person. */
import type { Plane } from './guided-filter';

/** Likelihoods below the first are background, above the second the person: what it is unsure of is mostly background. */
const LEVELS = [0.4, 0.9] as const;
/** Of the picture. A gap between an arm and the body is larger. */
const LARGEST_HOLE = 0.005;
/** Pixels of the network: the soft edge around a part lies outside its half-way line. */
const EDGE = 3;

/** The largest part stays, with its small holes filled. `likely` [height, width], 0..1; so is the result. */
export function personMask(likely: Plane, width: number, height: number): Plane {
  const mask = likely.map((value) => stretched(value, ...LEVELS));
  const people = parts(mask, width, height, (value) => value > 0.5);
  const largest = people.reduce<Part | undefined>(
    (best, part) => (part.size > (best?.size ?? 0) ? part : best),
    undefined,
  );
  if (largest === undefined) return mask.fill(0);
  const near = new Uint8Array(mask.length);
  fillGrown(near, largest, width, height, EDGE);
  for (let i = 0; i < mask.length; i++) if (near[i] === 0) mask[i] = 0;
  for (const hole of parts(mask, width, height, (value) => value <= 0.5)) {
    if (hole.atBorder || hole.size > LARGEST_HOLE * mask.length) continue;
    fillGrown(mask, hole, width, height, EDGE);
  }
  return mask;
}

/** 0 at `low`, 1 at `high`. */
export function stretched(value: number, low: number, high: number): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

interface Part {
  readonly indices: readonly number[];
  readonly size: number;
  readonly atBorder: boolean;
}

/** Pixels that hang together by their sides. */
function parts(plane: Plane, width: number, height: number, belongs: (value: number) => boolean): Part[] {
  const seen = new Uint8Array(plane.length);
  const found: Part[] = [];
  for (let seed = 0; seed < plane.length; seed++) {
    if (seen[seed] === 1 || !belongs(plane[seed]!)) continue;
    seen[seed] = 1;
    const indices = [seed];
    let atBorder = false;
    const visit = (i: number) => {
      if (seen[i] === 1 || !belongs(plane[i]!)) return;
      seen[i] = 1;
      indices.push(i);
    };
    // `indices` grows while it is walked along.
    for (const i of indices) {
      const [x, y] = [i % width, Math.floor(i / width)];
      atBorder ||= x === 0 || y === 0 || x === width - 1 || y === height - 1;
      if (x > 0) visit(i - 1);
      if (x < width - 1) visit(i + 1);
      if (y > 0) visit(i - width);
      if (y < height - 1) visit(i + width);
    }
    found.push({ indices, size: indices.length, atBorder });
  }
  return found;
}

/** Sets 1 where a pixel of the part is at most `reach` away, across and down; the rest of the plane stays, however many parts follow. */
function fillGrown(plane: Plane | Uint8Array, { indices }: Part, width: number, height: number, reach: number): void {
  for (const i of indices) {
    const [x, y] = [i % width, Math.floor(i / width)];
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      plane.fill(1, row * width + Math.max(0, x - reach), row * width + Math.min(width - 1, x + reach) + 1);
    }
  }
}

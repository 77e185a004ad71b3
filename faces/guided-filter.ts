/**
 * The guided filter (He, Sun, Tang 2010) with a colour guide: a rough alpha becomes one whose edges are those of the photo, because
 * in every small window alpha is taken to be linear in the colours. Its coefficients vary slowly, so they are found on a small
 * picture and applied to the large one (He, Sun 2015).
 */

/** One number a pixel, row-major, [height, width]. */
export type Plane = Float32Array;

/** alpha = red * a[0] + green * a[1] + blue * a[2] + a[3], of colours 0..1; one plane each. */
export type Coefficients = readonly [Plane, Plane, Plane, Plane];

/**
 * @param guide red, green and blue, 0..1.
 * @param radius of the square windows, pixels: their side is twice that and one.
 * @param epsilon variance of a colour below which a window counts as flat.
 */
export function guidedCoefficients(
  guide: readonly [Plane, Plane, Plane],
  target: Plane,
  width: number,
  height: number,
  { radius, epsilon }: { radius: number; epsilon: number },
): Coefficients {
  const mean = (plane: Plane) => boxMean(plane, width, height, radius);
  const product = (a: Plane, b: Plane) => mean(a.map((value, i) => value * b[i]!));
  const [r, g, b] = guide;
  const [meanR, meanG, meanB, meanTarget] = [mean(r), mean(g), mean(b), mean(target)];
  const [rr, rg, rb, gg, gb, bb] = [
    product(r, r),
    product(r, g),
    product(r, b),
    product(g, g),
    product(g, b),
    product(b, b),
  ];
  // What is worked out for a window goes where its inputs were.
  const [a0, a1, a2] = [product(r, target), product(g, target), product(b, target)];
  for (let i = 0; i < target.length; i++) {
    const [mr, mg, mb, mt] = [meanR[i]!, meanG[i]!, meanB[i]!, meanTarget[i]!];
    // The symmetric matrix of covariances between the colours, and their covariances with alpha.
    const [xx, xy, xz] = [rr[i]! - mr * mr + epsilon, rg[i]! - mr * mg, rb[i]! - mr * mb];
    const [yy, yz, zz] = [gg[i]! - mg * mg + epsilon, gb[i]! - mg * mb, bb[i]! - mb * mb + epsilon];
    const [cx, cy, cz] = [a0[i]! - mr * mt, a1[i]! - mg * mt, a2[i]! - mb * mt];
    // Cramer's rule.
    const [kxx, kxy, kxz] = [yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy];
    const [kyy, kyz, kzz] = [xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy];
    const determinant = xx * kxx + xy * kxy + xz * kxz;
    a0[i] = (kxx * cx + kxy * cy + kxz * cz) / determinant;
    a1[i] = (kxy * cx + kyy * cy + kyz * cz) / determinant;
    a2[i] = (kxz * cx + kyz * cy + kzz * cz) / determinant;
    meanTarget[i] = mt - a0[i]! * mr - a1[i]! * mg - a2[i]! * mb;
  }
  return [mean(a0), mean(a1), mean(a2), mean(meanTarget)];
}

/** Means over squares of side 2 radius + 1, smaller at the border. */
export function boxMean(plane: Plane, width: number, height: number, radius: number): Plane {
  const across = new Float32Array(plane.length);
  for (let row = 0; row < height; row++) runningMean(plane, across, row * width, 1, width, radius);
  const both = new Float32Array(plane.length);
  for (let column = 0; column < width; column++) runningMean(across, both, column, width, height, radius);
  return both;
}

function runningMean(from: Plane, to: Plane, start: number, step: number, length: number, radius: number): void {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < Math.min(radius, length); i++, count++) sum += from[start + i * step]!;
  for (let i = 0; i < length; i++) {
    if (i + radius < length) {
      sum += from[start + (i + radius) * step]!;
      count++;
    }
    to[start + i * step] = sum / count;
    if (i >= radius) {
      sum -= from[start + (i - radius) * step]!;
      count--;
    }
  }
}

/** Least and greatest of any number of values: as arguments of Math.min, a hundred thousand overflow the stack. */

export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Null of nothing. */
export function range(values: readonly number[]): Range | null {
  if (values.length === 0) return null;
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

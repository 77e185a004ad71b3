/** Averages of what may be empty. */

/** Null of nothing. */
export function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of the references that have a face. */
export function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

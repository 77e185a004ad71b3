/** How sure a mean over a few cases is. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 1000;
/** Always the same, so that equal figures have equal intervals. */
const SEED = 0x6d763269;
const LEVEL = 0.95;

/** The percentile bootstrap's interval of the mean, over whole cases. @returns null of fewer than two values. */
export function bootstrapInterval(values: readonly number[]): Interval | null {
  if (values.length < 2) return null;
  const random = mulberry32(SEED);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[Math.floor(random() * values.length)]!;
    return sum / values.length;
  }).sort((a, b) => a - b);
  const tail = (1 - LEVEL) / 2;
  return { low: quantile(means, tail), high: quantile(means, 1 - tail) };
}

function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

/** A small generator of numbers in [0, 1) from a 32-bit state. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

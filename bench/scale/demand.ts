/** Who asks for how much, when: jobs over one day, each of a tenant, in the order of their arrival. */
import { PAPER } from './paper-values';
import type { Random } from './random';

export interface Demand {
  /** Seconds since midnight, ascending. */
  readonly times: Float64Array;
  /** Of each; 0 is the largest tenant. */
  readonly tenants: Uint32Array;
}

export interface Tenants {
  readonly name: string;
  /** Share of the jobs, by tenant; the largest first. */
  readonly shares: readonly number[];
  /** The largest sends its jobs in so many heaps a day, each within ten minutes; 0: spread as everybody's. */
  readonly heaps: number;
}

const DAY = 86_400;
const PEAK_HOUR = 14;
const HEAP_SECONDS = 600;

/** One that sends 90 % in four heaps a day, beside nineteen small ones. */
export const ONE_HUGE: Tenants = { name: '1 huge, 19 small', shares: [0.9, ...Array(19).fill(0.1 / 19)], heaps: 4 };
/** Sizes fall as 1/rank. */
export const MANY: Tenants = { name: '1000 of all sizes', shares: zipf(1000), heaps: 0 };

export function drawDemand(jobsADay: number, { shares, heaps }: Tenants, random: Random): Demand {
  const cumulated = cumulate(shares);
  const heapStarts = Array.from({ length: heaps }, (_, i) => (DAY * (i + 0.5)) / heaps);
  const jobs = Array.from({ length: jobsADay }, () => {
    const tenant = find(cumulated, random.uniform());
    const inHeap = tenant === 0 && heaps > 0;
    const start = heapStarts[Math.floor(random.uniform() * heaps)];
    return { tenant, time: inHeap ? start! + HEAP_SECONDS * random.uniform() : timeOfDay(random) };
  }).sort((a, b) => a.time - b.time);
  return {
    times: Float64Array.from(jobs, ({ time }) => time),
    tenants: Uint32Array.from(jobs, ({ tenant }) => tenant),
  };
}

/** Of 1 on average: a cosine with its top in the afternoon. */
export function intensity(time: number): number {
  return 1 + (PAPER.peak_to_mean - 1) * Math.cos((2 * Math.PI * (time - PEAK_HOUR * 3600)) / DAY);
}

function timeOfDay(random: Random): number {
  for (;;) {
    const time = DAY * random.uniform();
    if (random.uniform() * PAPER.peak_to_mean < intensity(time)) return time;
  }
}

function zipf(count: number): number[] {
  const weights = Array.from({ length: count }, (_, i) => 1 / (i + 1));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

function cumulate(shares: readonly number[]): number[] {
  let sum = 0;
  return shares.map((share) => {
    sum += share;
    return sum;
  });
}

function find(cumulated: readonly number[], x: number): number {
  let [low, high] = [0, cumulated.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulated[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

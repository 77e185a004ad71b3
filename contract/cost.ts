/**
 * What a job has cost: the time of all its attempts, those that were lost among them, at the price of the GPU that each had. What an
 * instance costs before its first job and between two of them is nobody's job and not in it: see docs/cost.md.
 */
import { isTerminal, type Job } from './job';
import { gpuHourUsd, type PriceTable } from './prices';

type Attempt = Job['attempts'][number];
/** What the time of an attempt follows from. */
type Timed = Pick<Job, 'status' | 'attempts' | 'completed_at'>;

const SECONDS_PER_HOUR = 3600;
/** A millionth of a dollar, a thousandth of a second. */
const USD_DIGITS = 6;
const SECONDS_DIGITS = 3;

/**
 * How long each attempt had its GPU, in the order of `job.attempts`. An attempt whose end nobody has told yet ended when the next
 * one started, or the job; the last one of a job that is not over lasts until `now`. One that never started took no time.
 */
export function attemptSeconds({ status, attempts, completed_at }: Timed, now: Date): number[] {
  const end = isTerminal(status) && completed_at !== null ? completed_at : now.toISOString();
  return attempts.map(({ started_at, stopped_at }, i) => {
    if (started_at === null) return 0;
    const next = attempts.slice(i + 1).find((later) => later.started_at !== null);
    const stop = stopped_at ?? next?.started_at ?? end;
    return Math.max(0, (Date.parse(stop) - Date.parse(started_at)) / 1000);
  });
}

/** Of all attempts; null while none has started. */
export function gpuSeconds(job: Timed, now: Date): number | null {
  if (job.attempts.every(({ started_at }) => started_at === null)) return null;
  return rounded(
    attemptSeconds(job, now).reduce((sum, seconds) => sum + seconds, 0),
    SECONDS_DIGITS,
  );
}

/**
 * US dollars; null while no attempt has started, and where the price of one is not known. Nothing on a machine of one's own.
 * @param region of the instances; null on one machine.
 */
export function estimatedCostUsd(job: Timed, region: string | null, prices: PriceTable, now: Date): number | null {
  if (gpuSeconds(job, now) === null) return null;
  const seconds = attemptSeconds(job, now);
  let sum = 0;
  for (const [i, attempt] of job.attempts.entries()) {
    if (seconds[i] === 0) continue;
    const usdPerHour = attemptUsdPerHour(attempt, region, prices);
    if (usdPerHour === null) return null;
    sum += (seconds[i]! / SECONDS_PER_HOUR) * usdPerHour;
  }
  return rounded(sum, USD_DIGITS);
}

function attemptUsdPerHour({ capacity, instance_type }: Attempt, region: string | null, prices: PriceTable) {
  if (capacity === 'local') return 0;
  if (capacity === null || instance_type === null) return null;
  return gpuHourUsd(prices, { region, instanceType: instance_type, capacity });
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

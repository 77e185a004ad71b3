import fc from 'fast-check';
import { attemptSeconds, estimatedCostUsd, gpuSeconds } from '../../contract/cost';
import { isTerminal, JOB_STATES, type Job } from '../../contract/job';
import type { PriceTable } from '../../contract/prices';

const PRICES: PriceTable = {
  schema_version: 1,
  as_of: '2026-09-25',
  is_checked: true,
  source: 'a test',
  gpus: { 'g6e.xlarge': 1, 'p5.48xlarge': 8 },
  regions: { 'us-east-1': { spot_share: 0.5, on_demand: { 'g6e.xlarge': 3.6, 'p5.48xlarge': 57.6 }, spot: {} } },
};
const NOW = new Date('2026-11-23T13:00:00.000Z');

type Attempt = Job['attempts'][number];
type Timed = Pick<Job, 'status' | 'attempts' | 'completed_at'>;

function at(minute: number): string {
  return new Date(Date.UTC(2026, 10, 23, 12, minute)).toISOString();
}

function attempt(start: number | null, stop: number | null, place: Partial<Attempt> = {}): Attempt {
  const time = (minute: number | null) => (minute === null ? null : at(minute));
  return {
    number: 1,
    started_at: time(start),
    stopped_at: time(stop),
    reason: null,
    capacity: 'on_demand',
    instance_type: 'g6e.xlarge',
    ...place,
  };
}

function job(attempts: Attempt[], status: Job['status'] = 'processing', completed: number | null = null): Timed {
  return { status, attempts, completed_at: completed === null ? null : at(completed) };
}

function cost(timed: Timed, region: string | null = 'us-east-1'): number | null {
  return estimatedCostUsd(timed, region, PRICES, NOW);
}

test('every attempt is paid, each at its own price, and a GPU of eight at an eighth', () => {
  const lost = attempt(0, 10, { capacity: 'spot' });
  const large = attempt(12, 22, { instance_type: 'p5.48xlarge' });
  const both = job([lost, large], 'succeeded', 22);
  expect(attemptSeconds(both, NOW)).toEqual([600, 600]);
  expect(gpuSeconds(both, NOW)).toBe(1200);
  expect(cost(both)).toBe(0.3 + 1.2);
});

test('an attempt whose end nobody has told yet', () => {
  // It runs: up to now.
  expect(attemptSeconds(job([attempt(0, null)]), NOW)).toEqual([3600]);
  // The job is over: up to its end, however long ago.
  expect(attemptSeconds(job([attempt(0, null)], 'succeeded', 5), NOW)).toEqual([300]);
  // The next one runs: up to that one's start.
  expect(attemptSeconds(job([attempt(0, null), attempt(null, null), attempt(20, null)]), NOW)).toEqual([1200, 0, 2400]);
  // Batch has told the true end since, which counts.
  expect(attemptSeconds(job([attempt(0, 6)], 'succeeded', 5), NOW)).toEqual([360]);
});

test('nothing has started: not known', () => {
  expect(cost(job([]))).toBeNull();
  expect(cost(job([attempt(null, null)], 'failed', 5))).toBeNull();
  expect(gpuSeconds(job([]), NOW)).toBeNull();
});

test('one price that is not known makes the whole not known, where it counts', () => {
  const known = attempt(0, 10);
  expect(cost(job([known, attempt(10, 20, { capacity: null })]))).toBeNull();
  expect(cost(job([known, attempt(10, 20, { instance_type: null })]))).toBeNull();
  expect(cost(job([known, attempt(10, 20, { instance_type: 'g4dn.xlarge' })]))).toBeNull();
  expect(cost(job([known]), 'eu-central-1')).toBeNull();
  expect(cost(job([known, attempt(null, 20, { capacity: null })]))).toBe(0.6);
});

test('a machine of one’s own costs nothing', () => {
  const here = job([attempt(0, 10, { capacity: 'local', instance_type: null })], 'succeeded', 10);
  expect(cost(here, null)).toBe(0);
  expect(gpuSeconds(here, NOW)).toBe(600);
});

test('whatever the times are, no attempt is negative and the cost follows from the seconds', () => {
  const minute = fc.option(fc.integer({ min: 0, max: 59 }));
  const attempts = fc.array(
    fc.tuple(minute, minute).map(([start, stop]) => attempt(start, stop)),
    { maxLength: 5 },
  );
  fc.assert(
    fc.property(attempts, fc.constantFrom(...JOB_STATES), fc.integer({ min: 0, max: 59 }), (list, status, end) => {
      const timed = job(list, status, isTerminal(status) ? end : null);
      const seconds = attemptSeconds(timed, NOW);
      expect(seconds.every((value) => value >= 0 && value <= 3600)).toBe(true);
      const sum = seconds.reduce((total, value) => total + value, 0);
      const isKnown = list.some(({ started_at }) => started_at !== null);
      expect(gpuSeconds(timed, NOW)).toBe(isKnown ? sum : null);
      if (isKnown) expect(cost(timed)).toBeCloseTo(sum * 0.001, 6);
      else expect(cost(timed)).toBeNull();
    }),
  );
});

import { type FleetJob, type FleetOptions, runFleet } from '../../../bench/scale/fleet';
import { Random } from '../../../bench/scale/random';
import { erlangC } from './erlang';

/** Instances that are there at once, for ever. */
const ALWAYS: FleetOptions = {
  maxSpot: 10,
  maxOnDemand: 0,
  startSeconds: 0,
  weightsSeconds: 0,
  loadSeconds: 0,
  idleSeconds: 1e9,
  lossesPerHour: 0,
  checkpointSeconds: 60,
  shareDecaySeconds: 3600,
  dispatchPerSecond: 1e9,
  launchPerSecond: 1e9,
  launchBurst: 1e9,
  isFair: true,
};

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function poisson(count: number, gapSeconds: number, work: () => number, random: Random, share = 0): FleetJob[] {
  let time = 0;
  return Array.from({ length: count }, () => {
    time += random.exponential(gapSeconds);
    return { time, share, workSeconds: work() };
  });
}

test('with instances that are always there it waits as M/M/c', () => {
  const random = new Random(5);
  const jobs = poisson(200_000, 1 / 8, () => random.exponential(1), random);
  const { waits, peakInstances } = runFleet(jobs, { ...ALWAYS, shareDecaySeconds: 1e9 }, random);
  expect(mean(waits) / erlangC(10, 8).meanWait).toBeCloseTo(1, 1);
  expect(peakInstances).toBe(10);
});

test('one job: it waits for an instance, and pays for its start, its weights and a while of nothing', () => {
  const options = { ...ALWAYS, startSeconds: 300, weightsSeconds: 30, loadSeconds: 50, idleSeconds: 120 };
  const { waits, ends, ...figures } = runFleet([{ time: 10, share: 0, workSeconds: 500 }], options, new Random(1));
  expect([waits[0], ends[0]]).toEqual([300, 10 + 300 + 80 + 500]);
  expect(figures).toEqual({
    peakInstances: 1,
    instanceSeconds: 300 + 80 + 500 + 120,
    onDemandSeconds: 0,
    workSeconds: 500,
    coldSeconds: 380,
    lostSeconds: 0,
    losses: 0,
  });
});

test('losses: every job is done in the end, and the time adds up', () => {
  const random = new Random(9);
  const options = { ...ALWAYS, startSeconds: 60, loadSeconds: 20, idleSeconds: 100, lossesPerHour: 2 };
  const jobs = poisson(2000, 60, () => 400, random);
  const figures = runFleet(jobs, options, random);
  expect(figures.losses).toBeGreaterThan(100);
  expect(figures.ends.every((end, i) => end >= jobs[i]!.time + jobs[i]!.workSeconds)).toBe(true);
  const { instanceSeconds, workSeconds, coldSeconds, lostSeconds } = figures;
  // A loss costs less than a minute of work and another loading.
  expect(lostSeconds / figures.losses).toBeLessThan(60 + 20);
  const idleSeconds = instanceSeconds - workSeconds - coldSeconds - lostSeconds;
  expect(idleSeconds).toBeGreaterThan(0);
  expect(idleSeconds / instanceSeconds).toBeLessThan(0.35);
});

test('an instance that always has a job works, starts, or does again what was lost, and nothing else', () => {
  const options = {
    ...ALWAYS,
    maxSpot: 1,
    startSeconds: 60,
    weightsSeconds: 10,
    loadSeconds: 20,
    idleSeconds: 1,
    lossesPerHour: 2,
  };
  const jobs = Array.from({ length: 300 }, () => ({ time: 0, share: 0, workSeconds: 400 }));
  const figures = runFleet(jobs, options, new Random(4));
  const { instanceSeconds, workSeconds, coldSeconds, lostSeconds, losses, ends } = figures;
  expect(losses).toBeGreaterThan(50);
  expect(workSeconds + coldSeconds + lostSeconds + 1).toBeCloseTo(instanceSeconds, 3);
  expect(Math.max(...ends) + 1).toBeCloseTo(instanceSeconds, 3);
});

test('On-Demand begins where Spot is at its limit', () => {
  const jobs = Array.from({ length: 4 }, () => ({ time: 0, share: 0, workSeconds: 100 }));
  const { peakInstances, onDemandSeconds } = runFleet(
    jobs,
    { ...ALWAYS, maxSpot: 2, maxOnDemand: 2, idleSeconds: 1 },
    new Random(1),
  );
  expect(peakInstances).toBe(4);
  expect(onDemandSeconds).toBeCloseTo(2 * (100 + 1), 6);
});

test('a small tenant waits for one job of the huge one, and for all of them without shares', () => {
  const huge = Array.from({ length: 100 }, () => ({ time: 0, share: 1, workSeconds: 100 }));
  const small = { time: 1, share: 2, workSeconds: 100 };
  const options = { ...ALWAYS, maxSpot: 1 };
  const waitOfLast = (isFair: boolean) => runFleet([...huge, small], { ...options, isFair }, new Random(1)).waits[100];
  expect(waitOfLast(true)).toBe(99);
  expect(waitOfLast(false)).toBe(9999);
});

test('instances are launched no faster than EC2 lets them be', () => {
  const jobs = Array.from({ length: 100 }, () => ({ time: 0, share: 0, workSeconds: 1000 }));
  const options = { ...ALWAYS, maxSpot: 100, launchPerSecond: 2, launchBurst: 10 };
  const { waits } = runFleet(jobs, options, new Random(1));
  expect(Math.max(...waits)).toBeCloseTo(90 / 2, 1);
});

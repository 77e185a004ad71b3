/** The queue of the load model against what queueing theory says exactly. */
import { Random } from '../../../bench/scale/random';
import { serve } from '../../../bench/scale/servers';
import { erlangC } from './erlang';

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;

function poisson(count: number, rate: number, random: Random): Float64Array {
  let time = 0;
  return Float64Array.from({ length: count }, () => {
    time += random.exponential(1 / rate);
    return time;
  });
}

test('D/D/1: nobody waits below capacity, and above it everybody waits as much longer as the one before', () => {
  const every = (seconds: number) => Float64Array.from({ length: 1000 }, (_, i) => i * seconds);
  expect(serve(every(1), { servers: 1, service: () => 1 }).waits.every((wait) => wait === 0)).toBe(true);
  const { waits, done } = serve(every(1), { servers: 1, service: () => 1.25 });
  expect(waits[999]).toBeCloseTo(999 * 0.25, 6);
  expect(done[999]).toBeCloseTo(1000 * 1.25, 6);
});

test.each([
  [1, 0.7],
  [4, 0.8],
  [20, 0.9],
])('M/M/%d at %d of its capacity waits as Erlang’s formula says', (servers, load) => {
  const random = new Random(7);
  const arrivals = poisson(400_000, servers * load, random);
  const { waits } = serve(arrivals, { servers, service: () => random.exponential(1) });
  const { probability, meanWait } = erlangC(servers, servers * load);
  expect(mean(waits) / meanWait).toBeCloseTo(1, 1);
  expect(waits.filter((wait) => wait > 0).length / waits.length / probability).toBeCloseTo(1, 1);
});

test('a rate holds however many servers are free', () => {
  const { waits } = serve(new Float64Array(1000), { servers: 1000, service: () => 0, ratePerSecond: 50 });
  expect(waits[999]).toBeCloseTo(999 / 50, 6);
});

test('who gives way waits for all others, who then wait as if alone', () => {
  const random = new Random(3);
  const arrivals = poisson(20_000, 0.95, random);
  const services = arrivals.map(() => random.exponential(1));
  let next = 0;
  const isNoisy = (i: number) => i % 5 !== 0;
  const fair = serve(arrivals, { servers: 1, service: () => services[next++]!, givesWay: isNoisy });
  next = 0;
  const plain = serve(arrivals, { servers: 1, service: () => services[next++]! });
  const quiet = (waits: Float64Array) => mean(waits.filter((_, i) => !isNoisy(i)));
  expect(quiet(fair.waits)).toBeLessThan(quiet(plain.waits) / 4);
  // No server idles for it: the last one is done as early.
  expect(Math.max(...fair.done)).toBeCloseTo(Math.max(...plain.done), 6);
});

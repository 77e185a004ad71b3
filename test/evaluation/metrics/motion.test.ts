import { motion } from '../../../evaluation/metrics/motion';
import { trackOf, yawTrack } from '../synthetic-track';

const DIFFERENT = 0.5;
const times = (seconds: number, fps: number) =>
  Array.from({ length: Math.round(seconds * fps) + 1 }, (_, i) => i / fps);
/** Frames at no even distance: between 12 and 30 a second, the same at every run. */
const unevenTimes = (seconds: number) => {
  const all = [0];
  for (let i = 0; all.at(-1)! < seconds; i++) all.push(all.at(-1)! + 1 / (21 + 9 * Math.sin(5 * i)));
  return all;
};

test.each([
  ['even', times(2, 16)],
  ['uneven', unevenTimes(2)],
])('a steady turn at %s times has no acceleration and no jump', (_, at) => {
  const { yawAccelerationRms, yawJumpsPerSecond } = motion(
    yawTrack(at, (t) => -60 + 60 * t),
    DIFFERENT,
  );
  expect(yawAccelerationRms).toBeLessThan(1e-6);
  expect(yawJumpsPerSecond).toBe(0);
});

test.each([
  ['16 a second', times(8, 16)],
  ['50 a second', times(8, 50)],
  ['uneven', unevenTimes(8)],
])('a swing at %s accelerates as its formula says, to an eighth', (_, at) => {
  const [amplitude, hertz] = [40, 0.5];
  const omega = 2 * Math.PI * hertz;
  const { yawAccelerationRms } = motion(
    yawTrack(at, (t) => amplitude * Math.sin(omega * t)),
    DIFFERENT,
  );
  const expected = (amplitude * omega ** 2) / Math.SQRT2;
  expect(yawAccelerationRms! / expected).toBeGreaterThan(7 / 8);
  expect(yawAccelerationRms! / expected).toBeLessThan(9 / 8);
});

test('a landmark that is wrong in one frame is no acceleration, trembling in all frames is', () => {
  const at = times(2, 16);
  const slip = motion(
    yawTrack(at, (t) => (t === 1 ? 25 : 0)),
    DIFFERENT,
  );
  expect(slip.yawAccelerationRms).toBe(0);
  const tremble = motion(
    yawTrack(at, (t) => 12 * Math.sin(2 * Math.PI * 3 * t)),
    DIFFERENT,
  );
  expect(tremble.yawAccelerationRms).toBeGreaterThan(500);
});

test('a jump is a turn that no head makes, at any frame rate', () => {
  const jump = (t: number) => (t < 1 ? 0 : 45);
  expect(motion(yawTrack(times(2, 16), jump), DIFFERENT).yawJumpsPerSecond).toBe(0.5);
  expect(motion(yawTrack(times(2, 60), jump), DIFFERENT).yawJumpsPerSecond).toBe(0.5);
  // Within what a head can do in the longer time.
  expect(motion(yawTrack(times(2, 4), jump), DIFFERENT).yawJumpsPerSecond).toBe(0);
  // Trembling of some degrees is none, however fast.
  expect(
    motion(
      yawTrack(times(1, 120), (t) => 4 * Math.sin(377 * t)),
      DIFFERENT,
    ).yawJumpsPerSecond,
  ).toBe(0);
});

test('frames without a face leave a gap that no acceleration is measured across', () => {
  const faces = [{ yaw: 0 }, { yaw: 0 }, { yaw: 0 }, null, { yaw: 50 }, { yaw: 50 }, { yaw: 50 }];
  expect(motion(trackOf(faces), DIFFERENT).yawAccelerationRms).toBe(0);
});

test('of frames at one time the first counts', () => {
  const turn = (t: number) => 20 * Math.sin(3 * t);
  const twice = times(2, 16).flatMap((t) => [t, t]);
  expect(motion(yawTrack(twice, turn), DIFFERENT)).toEqual(motion(yawTrack(times(2, 16), turn), DIFFERENT));
});

test('a clip of ten minutes is measured at once', () => {
  const began = performance.now();
  const { yawAccelerationRms } = motion(
    yawTrack(times(600, 30), (t) => 20 * Math.sin(3 * t)),
    DIFFERENT,
  );
  expect(yawAccelerationRms! / (20 * 9 * Math.SQRT1_2)).toBeCloseTo(1, 1);
  expect(performance.now() - began).toBeLessThan(3000);
});

test('an identity break is a change of person between two measured frames', () => {
  const [ada, bob] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const faces = [{ embedding: ada }, { embedding: null }, { embedding: ada }, { embedding: bob }, { embedding: bob }];
  expect(motion(trackOf(faces, 2), DIFFERENT).identityBreaksPerSecond).toBe(0.5);
});

test('one frame, and none, have no motion', () => {
  const none = { yawJumpsPerSecond: null, identityBreaksPerSecond: null, yawAccelerationRms: null };
  expect(motion(trackOf([{ yaw: 3 }]), DIFFERENT)).toEqual(none);
  expect(motion([], DIFFERENT)).toEqual(none);
  expect(motion(trackOf([null, null]), DIFFERENT)).toEqual(none);
});

/** Experimental: how natural the head moves. Everything is in seconds, so clips of any frame rate, even a changing one, compare. */
import { similarity } from '../../faces/embedder';
import type { TrackedFrame } from '../face-track';

export interface Motion {
  /** Turns that no head makes, a second; null of a clip in which no two frames have a face. */
  readonly yawJumpsPerSecond: number | null;
  /** Neighbouring frames (of those where identity is measured) that show different people, a second; null as above. */
  readonly identityBreaksPerSecond: number | null;
  /** Root mean square of the smoothed yaw's acceleration, degrees / s^2; null where no three frames in a row have a face. */
  readonly yawAccelerationRms: number | null;
}

/** A quarter turn in half a second, made as smoothly as can be, is this fast at its fastest (15/8 of the mean). Degrees a second. */
const MAX_YAW_SPEED = 338;
/** Landmarks tremble by some degrees, which at a high frame rate is a high speed. */
const MIN_JUMP_DEGREES = 10;
/** The third difference of raw landmarks is noise; what a viewer sees as jerking is slower than this. Standard deviation. */
const SMOOTHING_SECONDS = 0.08;
/** Five standard deviations: what lies further off weighs less than a 200,000th. */
const SMOOTHING_REACH_SECONDS = 5 * SMOOTHING_SECONDS;

interface Sample {
  readonly time: number;
  readonly yaw: number;
}

/** @param different cosine below which two faces are not one person's, with the embedder at hand. */
export function motion(track: readonly TrackedFrame[], different: number): Motion {
  const frames = atDistinctTimes(track);
  const faces = frames.flatMap(({ time, face }) => (face ? [{ ...face, time }] : []));
  return {
    yawJumpsPerSecond: ratePerSecond(faces, (a, b) => {
      const turn = Math.abs(b.yaw - a.yaw);
      return turn > Math.max(MIN_JUMP_DEGREES, MAX_YAW_SPEED * (b.time - a.time));
    }),
    identityBreaksPerSecond: ratePerSecond(
      faces.flatMap(({ time, embedding }) => (embedding ? [{ time, embedding }] : [])),
      (a, b) => similarity(a.embedding, b.embedding) < different,
    ),
    yawAccelerationRms: accelerationRms(runsOfFaces(frames)),
  };
}

/** Without those that come no later than the one before, as where a container rounds its times: between them nothing has a speed. */
function atDistinctTimes(frames: readonly TrackedFrame[]): TrackedFrame[] {
  let last = -Infinity;
  return frames.filter(({ time }) => {
    if (time <= last) return false;
    last = time;
    return true;
  });
}

/** How often something happens from one to the next, over the time from the first to the last. */
function ratePerSecond<Item extends { time: number }>(items: readonly Item[], happens: (a: Item, b: Item) => boolean) {
  const [first, last] = [items[0], items.at(-1)];
  if (!first || !last || last.time <= first.time) return null;
  const count = items.filter((item, i) => i > 0 && happens(items[i - 1]!, item)).length;
  return count / (last.time - first.time);
}

function runsOfFaces(frames: readonly TrackedFrame[]): Sample[][] {
  const runs: Sample[][] = [[]];
  for (const { time, face } of frames) {
    if (face) runs.at(-1)!.push({ time, yaw: face.yaw });
    else runs.push([]);
  }
  return runs.filter((run) => run.length >= 3);
}

function accelerationRms(runs: readonly (readonly Sample[])[]): number | null {
  const squares = runs.flatMap((run) => {
    const smooth = gaussianSmooth(medianOfThree(run));
    return smooth.slice(1, -1).map((sample, i) => acceleration(smooth[i]!, sample, smooth[i + 2]!) ** 2);
  });
  return squares.length === 0 ? null : Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

/** Takes away what is wrong in one frame only. The ends stay. */
function medianOfThree(run: readonly Sample[]): Sample[] {
  return run.map((sample, i) => {
    const [before, after] = [run[i - 1], run[i + 1]];
    if (!before || !after) return sample;
    return { ...sample, yaw: [before.yaw, sample.yaw, after.yaw].sort((a, b) => a - b)[1]! };
  });
}

/** A line fitted under Gaussian weights around each time: a steady turn stays one, also at its ends and at uneven times. */
function gaussianSmooth(run: readonly Sample[]): Sample[] {
  let first = 0;
  return run.map(({ time }) => {
    while (run[first]!.time < time - SMOOTHING_REACH_SECONDS) first++;
    let [w, wt, wtt, wy, wty] = [0, 0, 0, 0, 0];
    for (let i = first; i < run.length && run[i]!.time <= time + SMOOTHING_REACH_SECONDS; i++) {
      const sample = run[i]!;
      const t = sample.time - time;
      const weight = Math.exp(-(t ** 2) / (2 * SMOOTHING_SECONDS ** 2));
      w += weight;
      wt += weight * t;
      wtt += weight * t * t;
      wy += weight * sample.yaw;
      wty += weight * t * sample.yaw;
    }
    const determinant = w * wtt - wt * wt;
    // Alone within reach of its weights: as it is.
    return { time, yaw: determinant > 1e-12 ? (wtt * wy - wt * wty) / determinant : wy / w };
  });
}

/** Second derivative from three samples at any distances. */
function acceleration(a: Sample, b: Sample, c: Sample): number {
  const before = (b.yaw - a.yaw) / (b.time - a.time);
  const after = (c.yaw - b.yaw) / (c.time - b.time);
  return (2 * (after - before)) / (c.time - a.time);
}

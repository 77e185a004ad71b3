/** How much the person of a clip is the person of the references. */
import type { TrackedFrame } from '../face-track';
import { known, mean } from './mean';

export interface FrameIdentity {
  /** Seconds. */
  readonly time: number;
  /** Cosines over the references. */
  readonly mean: number;
  readonly max: number;
}

export interface IdentityMetrics {
  /** Frames in which it is measured. */
  readonly numMeasured: number;
  /** Mean over frames and references (Mv2ID's MvRC, with the embedder at hand); null where none was measured. */
  readonly mean: number | null;
  /** Mean over frames of the best reference's. */
  readonly max: number | null;
  /** The mean where different people are 0 and the same picture is 1; null where the embedder's impostor mean is not known. */
  readonly normalised: number | null;
  readonly numFrames: number;
  readonly numFacelessFrames: number;
  readonly numFramesWithSeveralFaces: number;
}

/** What a frame says of identity, of a track or of report.json: a cosine for each reference, null for one without a face. */
export interface ComparedFrame {
  readonly time: number;
  readonly face: { readonly similarity: readonly (number | null)[] | null } | null;
}

/** Those frames in which identity is measured. */
export function frameIdentities(frames: readonly ComparedFrame[]): FrameIdentity[] {
  return frames.flatMap(({ time, face }) => {
    const cosines = known(face?.similarity ?? []);
    const middle = mean(cosines);
    return middle === null ? [] : [{ time, mean: middle, max: Math.max(...cosines) }];
  });
}

/** @param impostor mean cosine of different people with this embedder. */
export function identityMetrics(frames: readonly TrackedFrame[], impostor?: number): IdentityMetrics {
  const measured = frameIdentities(frames);
  const average = mean(measured.map((frame) => frame.mean));
  return {
    numMeasured: measured.length,
    mean: average,
    max: mean(measured.map((frame) => frame.max)),
    normalised: average === null || impostor === undefined ? null : normalisedSimilarity(average, impostor),
    numFrames: frames.length,
    numFacelessFrames: frames.filter(({ face }) => face === null).length,
    numFramesWithSeveralFaces: frames.filter(({ numFaces }) => numFaces > 1).length,
  };
}

/** A cosine where different people are 0: embedders whose impostors differ become comparable in kind, not in value. */
export function normalisedSimilarity(cosine: number, impostor: number): number {
  return (cosine - impostor) / (1 - impostor);
}

/** The frames with the highest and the lowest mean; the earlier where two are equal, null where none was measured. */
export function extremeFrames(frames: readonly TrackedFrame[]): { best: FrameIdentity; worst: FrameIdentity } | null {
  const [first, ...others] = frameIdentities(frames);
  if (!first) return null;
  let [best, worst] = [first, first];
  for (const frame of others) {
    if (frame.mean > best.mean) best = frame;
    if (frame.mean < worst.mean) worst = frame;
  }
  return { best, worst };
}

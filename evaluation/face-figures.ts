/** What is said in report.json about a clip's faces, with as many digits as mean something. */
import type { OutputFaces } from '../contract/report-faces';
import type { EmbedderSettings } from '../faces/embedder';
import type { ReferenceFace, TrackedFrame } from './face-track';
import { angleCoverage } from './metrics/angle-coverage';
import { extremeFrames, type FrameIdentity, identityMetrics } from './metrics/identity';
import { motion } from './metrics/motion';
import { nearDuplicates } from './metrics/near-duplicates';

/** A tenth of a degree, where the estimate errs by some; a thousandth of a cosine, where 0.01 is noticed by nobody; a millisecond. */
const degrees = (value: number) => rounded(value, 1);
const cosine = (value: number) => Math.min(1, Math.max(-1, rounded(value, 3)));
const share = (value: number) => rounded(value, 3);
const seconds = (value: number) => rounded(value, 3);
const perSecond = (value: number) => rounded(value, 2);

export function faceFigures(
  track: readonly TrackedFrame[],
  references: readonly ReferenceFace[],
  { thresholds, impostor }: Pick<EmbedderSettings, 'thresholds' | 'impostor'>,
): OutputFaces {
  const identity = identityMetrics(track, impostor);
  const extremes = extremeFrames(track);
  const coverage = angleCoverage(track, references);
  const duplicates = nearDuplicates(track);
  const moved = motion(track, thresholds.different);
  return {
    frames: track.map(({ time, numFaces, face }) => ({
      time: seconds(time),
      faces: numFaces,
      face: face && {
        yaw: degrees(face.yaw),
        pitch: degrees(face.pitch),
        roll: degrees(face.roll),
        similarity: face.similarity?.map((value) => orNull(value, cosine)) ?? null,
      },
    })),
    identity: {
      frames: identity.numMeasured,
      mean: orNull(identity.mean, cosine),
      max: orNull(identity.max, cosine),
      normalised: orNull(identity.normalised, share),
      best: extremes && extremeOf(extremes.best),
      worst: extremes && extremeOf(extremes.worst),
    },
    coverage: {
      frames: identity.numFrames,
      frames_without_face: identity.numFacelessFrames,
      frames_with_several_faces: identity.numFramesWithSeveralFaces,
      yaw_min: orNull(coverage.yawRange?.min ?? null, degrees),
      yaw_max: orNull(coverage.yawRange?.max ?? null, degrees),
      yaw_bins: coverage.histogram.map(({ from, to, count }) => ({ from, to, frames: count })),
      beyond_30_share: orNull(coverage.beyond30Share, share),
      beyond_60_share: orNull(coverage.beyond60Share, share),
      beyond_references_share: orNull(coverage.beyondReferencesShare, share),
    },
    experimental: {
      near_duplicate_share: orNull(duplicates.share, share),
      correlation: orNull(duplicates.correlation, cosine),
      yaw_jumps_per_second: orNull(moved.yawJumpsPerSecond, perSecond),
      identity_breaks_per_second: orNull(moved.identityBreaksPerSecond, perSecond),
      yaw_acceleration_rms: orNull(moved.yawAccelerationRms, degrees),
    },
  };
}

export function referenceFigures(file: string, { numFaces, face }: ReferenceFace) {
  return {
    file,
    faces: numFaces,
    yaw: orNull(face?.pose.yaw ?? null, degrees),
    pitch: orNull(face?.pose.pitch ?? null, degrees),
  };
}

function extremeOf({ time, mean }: FrameIdentity) {
  return { time: seconds(time), similarity: cosine(mean) };
}

function orNull(value: number | null, round: (value: number) => number): number | null {
  return value === null ? null : round(value);
}

/** Never -0, which JSON would keep as 0. */
function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}

/** How far the head turns, and how much of it lies beyond what the references show. */
import type { ReferenceFace, TrackedFrame } from '../face-track';
import { type Range, range } from './range';

const YAW_BIN_DEGREES = 15;
/** Nothing is measured beyond: see faces/pose.ts. */
const MAX_YAW = 120;

export interface YawBin {
  /** Degrees; `from` belongs to the bin, `to` to the next. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Shares are of the frames with a face, 0..1; null where there is none. */
export interface AngleCoverage {
  /** Of all yaws from -120 to 120 degrees. */
  readonly histogram: readonly YawBin[];
  readonly yawRange: Range | null;
  readonly beyond30Share: number | null;
  readonly beyond60Share: number | null;
  /** Turned further to a side than any reference; null also where no reference has a face. */
  readonly beyondReferencesShare: number | null;
}

export function angleCoverage(
  frames: readonly TrackedFrame[],
  references: readonly Pick<ReferenceFace, 'face'>[],
): AngleCoverage {
  const yaws = frames.flatMap(({ face }) => (face ? [face.yaw] : []));
  const referenceYaws = references.flatMap(({ face }) => (face ? [face.pose.yaw] : []));
  const shown = range(referenceYaws);
  const share = (is: (yaw: number) => boolean) => (yaws.length === 0 ? null : yaws.filter(is).length / yaws.length);
  return {
    histogram: yawHistogram(yaws),
    yawRange: range(yaws),
    beyond30Share: share((yaw) => Math.abs(yaw) > 30),
    beyond60Share: share((yaw) => Math.abs(yaw) > 60),
    beyondReferencesShare: shown && share((yaw) => yaw < shown.min || yaw > shown.max),
  };
}

function yawHistogram(yaws: readonly number[]): YawBin[] {
  return Array.from({ length: (2 * MAX_YAW) / YAW_BIN_DEGREES }, (_, i) => {
    const from = i * YAW_BIN_DEGREES - MAX_YAW;
    const to = from + YAW_BIN_DEGREES;
    return { from, to, count: yaws.filter((yaw) => from <= yaw && yaw < to).length };
  });
}

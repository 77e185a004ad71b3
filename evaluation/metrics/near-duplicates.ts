/**
 * Experimental: how much of a clip merely repeats a reference (view-dependent copy-paste). Neither figure says it alone: a good video of
 * a person near a reference's pose correlates with it too, which the excess over other people's references takes off.
 */
import type { TrackedFrame } from '../face-track';
import { known, mean } from './mean';

export interface NearDuplicates {
  /** Share of the frames with a face whose head correlates with a reference by NEAR_DUPLICATE or more, 0..1. */
  readonly share: number | null;
  /** Mean over frames of the correlation with the closest reference. */
  readonly correlation: number | null;
  /** By how much that exceeds the correlation with the closest reference of other people; null where none were given. */
  readonly excess: number | null;
}

/**
 * Frames of one clip of a drawn head that are turned by 8 degrees or more against each other correlate by 0.75 at most (nine in ten of
 * them), those turned alike by 0.8 (half of them).
 */
export const NEAR_DUPLICATE = 0.85;

export function nearDuplicates(frames: readonly TrackedFrame[]): NearDuplicates {
  const closest = frames.flatMap(({ face }) => {
    const own = known(face?.correlation ?? []);
    if (own.length === 0) return [];
    const others = known(face?.impostorCorrelation ?? []);
    return [{ own: Math.max(...own), other: others.length === 0 ? null : Math.max(...others) }];
  });
  return {
    share: mean(closest.map(({ own }) => (own >= NEAR_DUPLICATE ? 1 : 0))),
    correlation: mean(closest.map(({ own }) => own)),
    excess: mean(closest.flatMap(({ own, other }) => (other === null ? [] : [own - other]))),
  };
}

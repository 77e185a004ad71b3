/** Tracks whose figures are known beforehand. */
import type { ReferenceFace, TrackedFace, TrackedFrame } from '../../evaluation/face-track';

export function trackedFace(changes: Partial<TrackedFace> = {}): TrackedFace {
  return {
    yaw: 0,
    pitch: 0,
    roll: 0,
    box: { x: 10, y: 10, width: 40, height: 40 },
    similarity: null,
    embedding: null,
    correlation: [],
    impostorCorrelation: [],
    ...changes,
  };
}

/** One face a frame where changes are given, none where there is null. */
export function trackOf(faces: readonly (Partial<TrackedFace> | null)[], fps = 10): TrackedFrame[] {
  return faces.map((changes, i) => ({
    time: i / fps,
    numFaces: changes === null ? 0 : 1,
    face: changes && trackedFace(changes),
  }));
}

/** @param yawAt degrees at a time in seconds. */
export function yawTrack(times: readonly number[], yawAt: (time: number) => number): TrackedFrame[] {
  return times.map((time) => ({ time, numFaces: 1, face: trackedFace({ yaw: yawAt(time) }) }));
}

export function referenceAt(yaw: number): ReferenceFace {
  return { numFaces: 1, face: { pose: { yaw, pitch: 0, roll: 0 }, embedding: null, head: null } };
}

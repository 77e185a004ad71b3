/** Figures of faces for a report, as they follow from tracks of a head that turns from the front to its left. */
import type { ReportFaces } from '../../contract/report-faces';
import { faceFigures, referenceFigures } from '../../evaluation/face-figures';
import type { TrackedFrame } from '../../evaluation/face-track';
import { referenceAt, trackedFace } from './synthetic-track';

export interface SampleFaces {
  /** Of the references; null for one without a face. */
  readonly yaws?: readonly (number | null)[];
  readonly files?: readonly string[];
  readonly tracks?: readonly TrackedFrame[][];
}

const CALIBRATION = { thresholds: { same: 0.64, different: 0.56 }, impostor: 0.418 };

export function sampleFaces({ yaws = [-55.2, 0.3, 66.1], files, tracks }: SampleFaces = {}): ReportFaces {
  const references = yaws.map((yaw) => (yaw === null ? { numFaces: 0, face: null } : referenceAt(yaw)));
  return {
    measured_with: 'blazeface + faceres (da8aefcf31b9)',
    is_arcface: false,
    calibration: { ...CALIBRATION.thresholds, impostor: CALIBRATION.impostor },
    references: references.map((reference, i) => referenceFigures(files?.[i] ?? `view-${i + 1}.png`, reference)),
    outputs: (tracks ?? [turningTrack(yaws)]).map((track) => faceFigures(track, references, CALIBRATION)),
  };
}

/** @param faceless frames without a face. */
export function turningTrack(
  references: readonly (number | null)[],
  { numFrames = 33, fps = 16, from = -2, to = 70, faceless = [] as readonly number[] } = {},
): TrackedFrame[] {
  return Array.from({ length: numFrames }, (_, i) => {
    const share = numFrames === 1 ? 0 : i / (numFrames - 1);
    const yaw = from + (to - from) * (0.5 - 0.5 * Math.cos(Math.PI * share)) + 2 * Math.sin(7 * i);
    const likeness = references.map((reference) =>
      reference === null ? null : 0.86 - 0.003 * Math.abs(yaw - reference) - 0.02 * Math.sin(5 * i),
    );
    const face = trackedFace({
      yaw,
      pitch: 4 + 5 * Math.sin(i / 5),
      roll: Math.sin(i),
      similarity: i % 2 === 0 ? likeness : null,
      correlation: likeness.map((value) => value && value - 0.2),
    });
    const isFaceless = faceless.includes(i);
    return { time: i / fps, numFaces: isFaceless ? 0 : 1, face: isFaceless ? null : face };
  });
}

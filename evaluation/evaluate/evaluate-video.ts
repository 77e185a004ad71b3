/** All figures of one video, or why there are none. */
import type { OutputFaces } from '../../contract/report-faces';
import type { FaceReader } from '../../faces/face-reader';
import { faceFigures } from '../face-figures';
import { faceTrack, type ReferenceFace, type TrackedFrame } from '../face-track';
import { nearDuplicates } from '../metrics/near-duplicates';
import { range } from '../metrics/range';
import { VideoError, VideoFile, type VideoInfo } from '../video/video-file';
import { type EvaluationFinding, fault, note } from './finding';

export interface VideoEvaluation {
  /** Null of a file that shows no picture, like `figures`. */
  readonly info: VideoInfo | null;
  readonly figures: VideoFigures | null;
  readonly findings: readonly EvaluationFinding[];
}

/** Those of report.json, and one that needs other people. */
export interface VideoFigures extends OutputFaces {
  /** By how much the heads correlate more with the closest reference than with other people's; null where there are none. */
  readonly correlationExcess: number | null;
}

export interface Comparison {
  readonly references: readonly ReferenceFace[];
  /** References of other people. */
  readonly impostors: readonly ReferenceFace[];
  /** Mean cosine of different people; undefined where it is not known. */
  readonly impostorCosine: number | undefined;
}

/** From one frame to the next, against the usual distance; containers round times to a millisecond or finer. */
const MAX_UNEVENNESS = 0.2;
const ROUNDING_SECONDS = 0.0015;

/** @throws Error of the file system when the file cannot be read. */
export async function evaluateVideo(
  reader: FaceReader,
  file: string,
  comparison: Comparison,
): Promise<VideoEvaluation> {
  const { references, impostors, impostorCosine } = comparison;
  let video: VideoFile;
  try {
    video = await VideoFile.open(file);
  } catch (error) {
    if (!(error instanceof VideoError)) throw error;
    return { info: null, figures: null, findings: [fault(error.fault, error.message)] };
  }
  try {
    const { info } = video;
    const clip = { durationSeconds: info.durationSeconds, frames: video.frames() };
    const track = await faceTrack(reader, clip, { references, impostors });
    const { thresholds } = reader.embedderSettings;
    const excess = nearDuplicates(track).excess;
    const figures = {
      ...faceFigures(track, references, { thresholds, impostor: impostorCosine }),
      correlationExcess: excess === null ? null : Number(excess.toFixed(3)),
    };
    return { info, figures, findings: [...findingsOf(track), ...tailFindings(video)] };
  } finally {
    video.close();
  }
}

function tailFindings({ brokenTail }: VideoFile): EvaluationFinding[] {
  return brokenTail === null ? [] : [fault('broken_tail', `The video must be whole, got one where ${brokenTail}.`)];
}

function findingsOf(track: readonly TrackedFrame[]): EvaluationFinding[] {
  const findings: EvaluationFinding[] = [];
  if (track.every(({ face }) => face === null)) {
    findings.push(fault('no_face', `The video must show a face, got none in ${track.length} frames.`));
  }
  const several = track.filter(({ numFaces }) => numFaces > 1).length;
  if (several > 0) {
    findings.push(
      note('several_faces', `${several} of ${track.length} frames show several faces; the largest is measured.`),
    );
  }
  const intervals = track.slice(1).map(({ time }, i) => time - track[i]!.time);
  const usual = [...intervals].sort((a, b) => a - b)[Math.floor(intervals.length / 2)] ?? 0;
  if (intervals.some((interval) => Math.abs(interval - usual) > Math.max(MAX_UNEVENNESS * usual, ROUNDING_SECONDS))) {
    const { min, max } = range(intervals)!;
    const [shortest, longest] = [min, max].map((value) => `${Math.round(1000 * value)} ms`);
    findings.push(
      note('variable_frame_rate', `Frames are ${shortest} to ${longest} apart; all figures count seconds.`),
    );
  }
  return findings;
}

/**
 * The main face of a clip, frame by frame: how it is turned, how much it resembles each reference, how much of a copy of one it is.
 * Everything that is said about a clip's faces follows from this (metrics/). Frames come and go one at a time, so memory does not grow
 * with the length of a clip or its size.
 */
import { readAnyWayUp } from '../faces/any-way-up';
import type { Box } from '../faces/detector';
import { type Embedding, similarity } from '../faces/embedder';
import type { FaceReader } from '../faces/face-reader';
import type { Pixels } from '../faces/pixels';
import type { HeadPose } from '../faces/pose';
import { correlation, type HeadRegion, headRegion } from './head-region';

export interface ClipFrame {
  /** Seconds from the clip's beginning. */
  readonly time: number;
  readonly pixels: Pixels;
}

export interface Clip {
  readonly durationSeconds: number;
  /** In the order of their times, however far apart these are. */
  readonly frames: AsyncIterable<ClipFrame>;
}

/** A picture that a clip is compared with. */
export interface ReferenceFace {
  readonly numFaces: number;
  /** Of the largest face; null where there is none. */
  readonly face: {
    readonly pose: HeadPose;
    readonly embedding: Embedding | null;
    readonly head: HeadRegion | null;
  } | null;
}

export interface TrackedFace extends HeadPose {
  /** Pixels of the frame. */
  readonly box: Box;
  /** A cosine for each reference, null for one without a face; null where identity is not measured in this frame. */
  readonly similarity: readonly (number | null)[] | null;
  /** Null where identity is not measured in this frame. */
  readonly embedding: Embedding | null;
  /** Correlation of the head's pixels, -1..1, with each reference and each impostor; null for one without a face. */
  readonly correlation: readonly (number | null)[];
  readonly impostorCorrelation: readonly (number | null)[];
}

export interface TrackedFrame {
  /** Seconds. */
  readonly time: number;
  readonly numFaces: number;
  /** The largest; null where there is none. */
  readonly face: TrackedFace | null;
}

export interface FaceTrackOptions {
  readonly references: readonly ReferenceFace[];
  /** References of other people, for what must not count as a copy. */
  readonly impostors?: readonly ReferenceFace[];
  /** In so many frames at most is identity measured; IDENTITY_FRAMES unless given. */
  readonly identityFrames?: number;
  /** Called after every frame, while its pixels are there. */
  readonly onFrame?: (tracked: TrackedFrame, pixels: Pixels) => void | Promise<void>;
}

/** A clip's mean does not move by more of them, and they cost several times what finding the faces of all frames does. */
export const IDENTITY_FRAMES = 16;

/** What of a reference the frames are compared with. A photo may stand on its head; a clip does not. */
export async function readReferenceFace(reader: FaceReader, picture: Pixels): Promise<ReferenceFace> {
  const readings = await readAnyWayUp(picture, reader);
  const [main] = readings;
  if (!main) return { numFaces: 0, face: null };
  const { pose, embedding, landmarks } = main;
  return { numFaces: readings.length, face: { pose, embedding, head: headRegion(picture, landmarks) } };
}

/**
 * One entry a frame. The clip is cut into `identityFrames` parts of equal length, and identity is measured in the first frame of each
 * part that has a face.
 */
export async function faceTrack(reader: FaceReader, clip: Clip, options: FaceTrackOptions): Promise<TrackedFrame[]> {
  const { references, impostors = [], identityFrames = IDENTITY_FRAMES, onFrame } = options;
  const track: TrackedFrame[] = [];
  let measuredPart = -1;
  for await (const { time, pixels } of clip.frames) {
    const part = clip.durationSeconds > 0 ? Math.floor((time / clip.durationSeconds) * identityFrames) : 0;
    // Times are rounded: what lies behind the end belongs to the last part.
    const isDue = Math.min(part, identityFrames - 1) > measuredPart;
    const readings = await reader.find(pixels, { embeddings: isDue ? 1 : 0 });
    const [main] = readings;
    const head = main ? headRegion(pixels, main.landmarks) : null;
    const face: TrackedFace | null = main
      ? {
          ...main.pose,
          box: main.box,
          embedding: main.embedding,
          similarity: main.embedding && references.map((reference) => cosine(main.embedding, reference)),
          correlation: references.map((reference) => headCorrelation(head, reference)),
          impostorCorrelation: impostors.map((impostor) => headCorrelation(head, impostor)),
        }
      : null;
    if (face?.embedding) measuredPart = Math.min(part, identityFrames - 1);
    const tracked = { time, numFaces: readings.length, face };
    track.push(tracked);
    await onFrame?.(tracked, pixels);
  }
  return track;
}

function cosine(embedding: Embedding | null, { face }: ReferenceFace): number | null {
  return embedding && face?.embedding ? similarity(embedding, face.embedding) : null;
}

function headCorrelation(head: HeadRegion | null, { face }: ReferenceFace): number | null {
  return head && face?.head ? correlation(head, face.head) : null;
}

/** What finds faces: the built-in blazeface, or a model of the user's own. */
import type { Pixels, Point } from './pixels';

export interface Box {
  /** Pixels. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Right and left are the subject's own. Which of them there are depends on the detector. */
export type Landmark =
  | 'right_eye'
  | 'left_eye'
  | 'nose'
  | 'mouth'
  | 'right_mouth'
  | 'left_mouth'
  | 'right_ear'
  | 'left_ear';
export type Landmarks = Readonly<Partial<Record<Landmark, Point>>>;

export interface DetectedFace {
  readonly box: Box;
  /** 0..1 */
  readonly score: number;
  readonly landmarks: Landmarks;
}

export interface FaceDetector {
  /** Model and file, as reports name it. */
  readonly id: string;
  /** All faces of a picture, the largest first. */
  detect(picture: Pixels): Promise<DetectedFace[]>;
  release(): Promise<void>;
}

/** Two boxes that share more of their union than this are one face. */
const MAX_OVERLAP = 0.3;

/** The best box of every face (greedy non-maximum suppression), the largest first. */
export function distinctFaces(candidates: readonly DetectedFace[]): DetectedFace[] {
  const kept: DetectedFace[] = [];
  for (const face of [...candidates].sort((a, b) => b.score - a.score)) {
    if (kept.every(({ box }) => overlap(box, face.box) <= MAX_OVERLAP)) kept.push(face);
  }
  return kept.sort((a, b) => b.box.width * b.box.height - a.box.width * a.box.height);
}

/** Intersection over union, 0..1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

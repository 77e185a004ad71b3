/** What a face shows beside its place and pose: whether something is worn before it, and whether it is drawn. */
import type { FaceReading } from '../face-reader';
import type { Pixels } from '../pixels';
import { COVERINGS_SIZE, type Coverings, coverings } from './coverings';
import { faceSquare } from './face-square';
import { FLATNESS_SIZE, textureRatio } from './flatness';
import { FRONTAL_YAW, MAX_SIGNS_YAW } from './thresholds';

export interface FaceSigns {
  /** Null beyond MAX_SIGNS_YAW. */
  readonly coverings: Coverings | null;
  /** Texture of smooth places over that of rich ones; null in views that are not frontal, where a plain background is in the square. */
  readonly textureRatio: number | null;
}

/** @returns null when the detector gives too few landmarks. */
export function readSigns(
  picture: Pixels,
  { landmarks, pose }: Pick<FaceReading, 'landmarks' | 'pose'>,
): FaceSigns | null {
  const small = faceSquare(picture, landmarks, COVERINGS_SIZE);
  const large = faceSquare(picture, landmarks, FLATNESS_SIZE);
  if (!small || !large) return null;
  return {
    coverings: Math.abs(pose.yaw) <= MAX_SIGNS_YAW ? coverings(small, pose.yaw) : null,
    textureRatio: Math.abs(pose.yaw) <= FRONTAL_YAW ? textureRatio(large) : null,
  };
}

/** The face of a photo that counts: the largest. */
import { halfTurned, readAnyWayUp } from '../../faces/any-way-up';
import type { FaceReader, FaceReading } from '../../faces/face-reader';
import type { Point, ReadPixels } from '../../faces/pixels';

/** A face in pixels of the file, which may be larger than what was looked at, with the head up. */
export interface SeenFace extends Pick<FaceReading, 'box' | 'landmarks' | 'pose' | 'sharpness'> {
  /** The file shows the head upside down: it must be turned by half for the face to be here. */
  readonly isUpsideDown: boolean;
}

/** @returns null when there is none. @throws FaceModelError. */
export async function readMainFace(picture: ReadPixels, reader: FaceReader): Promise<SeenFace | null> {
  const [found] = await readAnyWayUp(picture, reader, { embeddings: 0 });
  if (!found) return null;
  const isUpsideDown = Math.abs(found.pose.roll) > 90;
  const face = isUpsideDown ? halfTurned(found, picture) : found;
  const { scale } = picture;
  const { x, y, width, height } = face.box;
  const landmarks = Object.entries(face.landmarks).map(([name, point]: [string, Point]) => {
    return [name, { x: scale * point.x, y: scale * point.y }];
  });
  return {
    pose: face.pose,
    sharpness: face.sharpness,
    box: { x: scale * x, y: scale * y, width: scale * width, height: scale * height },
    landmarks: Object.fromEntries(landmarks),
    isUpsideDown,
  };
}

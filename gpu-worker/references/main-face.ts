/** The face of a photo that counts: the largest. */
import type { FaceReader, FaceReading } from '../../faces/face-reader';
import { type Point, readPixels } from '../../faces/pixels';

/** A face in pixels of the upright file, which may be larger than what was looked at. */
export type SeenFace = Pick<FaceReading, 'box' | 'landmarks' | 'pose' | 'sharpness'>;

/** @returns null when there is none. @throws Error of the decoder when the data are damaged. */
export async function readMainFace(bytes: Uint8Array, reader: FaceReader): Promise<SeenFace | null> {
  const picture = await readPixels(bytes);
  const [face] = await reader.read(picture, { embeddings: 0 });
  if (!face) return null;
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
  };
}

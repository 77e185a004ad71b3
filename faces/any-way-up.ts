/**
 * Faces of a picture that may stand on its head. Detectors know faces up to about 100 degrees of roll; beyond, they see none, or take
 * the chin for a forehead and are unsure of it. Where they are, the picture is looked at again turned by half; what they are sure of
 * then, is believed.
 */
import type { FaceReader, FaceReading, ReadOptions } from './face-reader';
import type { Pixels, Point } from './pixels';

/** Score from which a face is believed: in photos upright ones have 0.85 and more. */
const SURE_SCORE = 0.8;

/** All faces, the largest first, at their places in `picture`; a second look costs as much as the first. */
export async function readAnyWayUp(picture: Pixels, reader: FaceReader, options?: ReadOptions): Promise<FaceReading[]> {
  const found = await reader.read(picture, options);
  if (isSure(found)) return found;
  const turned = await reader.read(halfTurn(picture), options);
  return isSure(turned) ? turned.map((face) => halfTurned(face, picture)) : found;
}

/** A face of the picture where it is once that is turned by half. @param picture width and height, which the turn leaves as they are. */
export function halfTurned(face: FaceReading, { width, height }: Pick<Pixels, 'width' | 'height'>): FaceReading {
  const { box, landmarks, pose } = face;
  const point = ({ x, y }: Point): Point => ({ x: width - x, y: height - y });
  return {
    ...face,
    box: { ...box, x: width - box.x - box.width, y: height - box.y - box.height },
    landmarks: Object.fromEntries(Object.entries(landmarks).map(([name, at]) => [name, point(at)])),
    // Yaw and pitch are the head's own.
    pose: { ...pose, roll: pose.roll + (pose.roll > 0 ? -180 : 180) },
  };
}

function isSure([face]: readonly FaceReading[]): boolean {
  return face !== undefined && face.score >= SURE_SCORE;
}

/** By 180 degrees. */
function halfTurn({ data, width, height }: Pixels): Pixels {
  const out = new Uint8Array(data.length);
  for (let from = 0, to = data.length - 3; from < data.length; from += 3, to -= 3) {
    out[to] = data[from]!;
    out[to + 1] = data[from + 1]!;
    out[to + 2] = data[from + 2]!;
  }
  return { data: out, width, height };
}

/** The person of a photo on white, as Mv2ID shows its references: no background tells the model where the person was. */
import sharp from 'sharp';
import { onWhite } from '../../faces/cut-out';
import type { Alpha, Matting } from '../../faces/matting';
import type { Pixels } from '../../faces/pixels';
import { DECODING } from '../../faces/reference-image';
import type { Size } from '../images';
import { type Framing, headFrame, roomierFrame, wholeFrame } from './framing';
import type { SeenFace } from './main-face';
import { onFrame, readFrame } from './read-frame';

export interface CutOutSettings {
  readonly video: Size;
  readonly framing: Framing | null;
}

/** Gives a decoder the bytes of a photo: what is thrown in there is the photo's fault. */
export type Decode = <T>(decoder: (bytes: Uint8Array) => Promise<T>) => Promise<T>;

/** Pixels of the frame's shorter side, at least about: hair is cut finer than a small video shows it. */
const CUT_AT = 512;
/** The highest hair is half as high as a head. */
const ROOMIER_TRIES = 2;
/** Share of the picture below which nobody was found. */
const LEAST_PERSON = 0.01;

/**
 * @param face null for a picture without one, which is shown whole.
 * @returns a picture of the video's size; null when there is nobody in it to cut out.
 * @throws FaceModelError, and what `decode` throws.
 */
export async function cutOut(
  decode: Decode,
  face: SeenFace | null,
  { video, framing }: CutOutSettings,
  matting: Matting,
): Promise<Pixels | null> {
  const { autoOrient: picture } = await decode((bytes) => sharp(bytes, DECODING).metadata());
  const zoom = Math.max(1, Math.round(CUT_AT / Math.min(video.width, video.height)));
  const full = { width: zoom * video.width, height: zoom * video.height };
  let frame = face && framing ? headFrame(face, picture, video, framing) : wholeFrame(picture, video);
  for (let tries = 0; ; tries++) {
    const shown = frame;
    const part = await decode((bytes) => readFrame(bytes, shown, full, face?.isUpsideDown));
    const alpha = await matting.alpha(part.pixels);
    if (meanOf(alpha.data) < 255 * LEAST_PERSON) return null;
    const isCut = frame.y >= 1 && reachesTop(alpha);
    if (!isCut || tries === ROOMIER_TRIES)
      return onFrame({ ...part, pixels: onWhite(part.pixels, alpha) }, full, video);
    frame = roomierFrame(frame);
  }
}

/** Hair goes on above the frame. */
function reachesTop({ data, width }: Alpha): boolean {
  return data.subarray(0, width).some((value) => value > 127);
}

function meanOf(values: Uint8Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

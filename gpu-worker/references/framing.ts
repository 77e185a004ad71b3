/**
 * Where the head lies in a reference: the part of a photo that is shown, in the video's proportions, from the face's box and
 * landmarks. A model sees a face as large as its pixels are many, and one it was trained on a fixed framing knows no other.
 */
import type { Box, DetectedFace } from '../../faces/detector';
import type { Point } from '../../faces/pixels';
import type { Size } from '../images';

/** The wanted place of the head, as shares of the frame's height. */
export interface Framing {
  /** From the crown to the chin. */
  readonly head: number;
  /** From the upper edge to the eyes. */
  readonly eyes: number;
}

/**
 * From the crown to the chin in heights of the detector's box, which ends above the brows and at the chin at every angle: eyes lie
 * in the middle of a head, and at 28 % of the box.
 */
const HEAD_IN_BOXES = 1.45;
/** A head with its hair is about as wide as it is high, and wants room at its sides. */
const MAX_HEAD_OF_WIDTH = 0.75;
const ROOMIER = 1.2;
/** What the detector's box varies by from view to view of one head: within it the picture's own framing is as good. */
const MEASURING_ERROR = 0.1;

/**
 * The part of the upright picture that is shown. It may reach beyond the picture, where white will be, but below it only when the
 * picture is not high enough: a body that the photo cuts off stands on the frame's lower edge.
 * @param face measured in pixels of the picture. @returns pixels, not rounded.
 */
export function headFrame(
  face: Pick<DetectedFace, 'box' | 'landmarks'>,
  picture: Size,
  video: Size,
  framing: Framing,
): Box {
  const head = HEAD_IN_BOXES * face.box.height;
  const height = head * Math.max(1 / framing.head, video.height / video.width / MAX_HEAD_OF_WIDTH);
  const width = (height * video.width) / video.height;
  const middle = headMiddle(face);
  const wanted = { x: middle.x - width / 2, y: middle.y - framing.eyes * height, width, height };
  const whole = wholeFrame(picture, video);
  if (isAlmost(wanted, whole)) return whole;
  return { ...wanted, y: Math.min(wanted.y, picture.height - height) };
}

/** More of the picture above and beside the head, for hair or a hat that the frame would cut; the lower edge stays. */
export function roomierFrame({ x, y, width, height }: Box): Box {
  const [wider, higher] = [ROOMIER * width, ROOMIER * height];
  return { x: x + (width - wider) / 2, y: y + height - higher, width: wider, height: higher };
}

/** The whole picture, fitted inside and centred. */
export function wholeFrame(picture: Size, video: Size): Box {
  const scale = Math.max(picture.width / video.width, picture.height / video.height);
  const [width, height] = [scale * video.width, scale * video.height];
  return { x: (picture.width - width) / 2, y: (picture.height - height) / 2, width, height };
}

/** Between the ears, where a head turns about, at the height of the eyes; the box's own middle where a detector knows neither. */
function headMiddle({ box, landmarks }: Pick<DetectedFace, 'box' | 'landmarks'>): Point {
  const { right_eye, left_eye, right_ear, left_ear } = landmarks;
  return {
    x: right_ear && left_ear ? (right_ear.x + left_ear.x) / 2 : box.x + box.width / 2,
    y: right_eye && left_eye ? (right_eye.y + left_eye.y) / 2 : box.y + EYES_IN_BOX * box.height,
  };
}

const EYES_IN_BOX = 0.28;

function isAlmost(a: Box, b: Box): boolean {
  const shift = Math.max(
    Math.abs(a.x + a.width / 2 - b.x - b.width / 2),
    Math.abs(a.y + a.height / 2 - b.y - b.height / 2),
  );
  return Math.abs(a.height / b.height - 1) <= MEASURING_ERROR && shift <= (MEASURING_ERROR * b.height) / 2;
}

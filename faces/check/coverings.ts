/**
 * What is worn before a face: sunglasses around the eyes, a mask or a scarf over nose and mouth. Both are told by the colour: what has
 * nowhere the colour of the skin beside it is not skin. A frame without tint, a beard or closed lids leave skin in sight.
 */
import type { Pixels, Point } from '../pixels';
import { between, type FaceSquare } from './face-square';

/** Side of the square that is looked at; distances below are in its pixels. */
export const COVERINGS_SIZE = 112;

export interface Coverings {
  /** Share of the eye and its lids that has the colour of cheeks and nose; of the eye that shows more. 0..1 */
  readonly eyeSkin: number;
  /** Standard deviation of the logarithm of the luma there: what pupil, white and lashes make of it. */
  readonly eyeContrast: number;
  /** Share of nose, lips and lower cheeks that has the colour of forehead and bridge. 0..1 */
  readonly mouthSkin: number;
  /** As of the eyes: what lips make of the mouth. */
  readonly mouthContrast: number;
}

/** Logarithms, so that shade and light only shift the luma, and a dark skin is measured as a bright one. */
interface Colour {
  readonly luma: number;
  /** red / green and blue / green */
  readonly red: number;
  readonly blue: number;
}

/** How far from a patch of skin a pixel may be and still be called skin: half shade, lips and flush are within. */
const SKIN = { luma: 0.5, chroma: 0.16 } as const;
/** Beyond this much yaw the far eye hides behind the nose, degrees. */
const ONE_EYE_YAW = 20;
/** Added to every channel: the ratio of two dark values says nothing. */
const DARK = 8;

/** @param square of COVERINGS_SIZE. @param yaw in degrees, up to 50 or so: beyond, the places are elsewhere. */
export function coverings({ pixels, rightEye, leftEye, nose, mouth }: FaceSquare, yaw: number): Coverings {
  const middle = between(rightEye, leftEye);
  const height = mouth.y - middle.y;
  const below = ({ x, y }: Point, share: number): Point => ({ x, y: y + share * height });
  const patch = (centre: Point, radius: number) => disc(pixels, centre, radius);
  const eyes = Math.abs(yaw) < ONE_EYE_YAW ? [rightEye, leftEye] : [yaw > 0 ? rightEye : leftEye];

  const lower = [...eyes.map((eye) => patch(below(eye, 0.6), 4)), patch(nose, 3)].map(medianColour);
  const upper = [
    ...eyes.flatMap((eye) => [patch(below(eye, -0.5), 4), patch(below(eye, 0.14), 1.5)]),
    patch(below(middle, -0.45), 4),
    patch(middle, 3),
    patch(between(middle, nose, 0.25), 2),
  ].map(medianColour);
  const around = eyes.map((eye) => patch(eye, 9));
  return {
    eyeSkin: Math.max(...around.map((colours) => skinShare(colours, lower))),
    eyeContrast: Math.max(...eyes.map((eye) => deviation(patch(eye, 6).map(({ luma }) => luma)))),
    mouthSkin: Math.max(
      skinShare(patch(below(nose, 0.03), 6), upper),
      skinShare([patch(below(mouth, -0.1), 8), ...eyes.map((eye) => patch(below(eye, 0.7), 5))].flat(), upper),
    ),
    mouthContrast: deviation(patch(below(mouth, -0.05), 8).map(({ luma }) => luma)),
  };
}

function skinShare(colours: readonly Colour[], skins: readonly Colour[]): number {
  const isSkin = (colour: Colour) =>
    skins.some(
      (skin) =>
        Math.abs(colour.luma - skin.luma) < SKIN.luma &&
        Math.hypot(colour.red - skin.red, colour.blue - skin.blue) < SKIN.chroma,
    );
  return colours.filter(isSkin).length / Math.max(colours.length, 1);
}

function disc({ data, width, height }: Pixels, { x, y }: Point, radius: number): Colour[] {
  const colours: Colour[] = [];
  for (let row = Math.max(0, Math.ceil(y - radius)); row <= Math.min(height - 1, y + radius); row++) {
    for (let column = Math.max(0, Math.ceil(x - radius)); column <= Math.min(width - 1, x + radius); column++) {
      if (Math.hypot(column - x, row - y) > radius) continue;
      const at = 3 * (row * width + column);
      const [r, g, b] = [data[at]! + DARK, data[at + 1]! + DARK, data[at + 2]! + DARK];
      const luma = Math.log(0.299 * r + 0.587 * g + 0.114 * b);
      colours.push({ luma, red: Math.log(r / g), blue: Math.log(b / g) });
    }
  }
  return colours;
}

function medianColour(colours: readonly Colour[]): Colour {
  const median = (channel: keyof Colour) => {
    return colours.map((colour) => colour[channel]).sort((a, b) => a - b)[Math.floor(colours.length / 2)] ?? 0;
  };
  return { luma: median('luma'), red: median('red'), blue: median('blue') };
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

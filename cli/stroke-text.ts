/**
 * Text in a picture as strokes of the Hershey font: it looks the same everywhere, also where there are no fonts, which is where SVG
 * text becomes a row of boxes (a container).
 */
import { stringToPaths } from 'hershey';

/** Of the font's units: a capital letter from -9 to 12. */
const CAP_HEIGHT = 21;
const FOOT = -9;

export interface StrokeText {
  /** Left end and foot of the line, in pixels. */
  readonly x: number;
  readonly y: number;
  /** Of a capital letter, in pixels. */
  readonly size: number;
  /** CSS colour. */
  readonly colour: string;
  readonly isBold?: boolean;
}

/** An SVG path. */
export function strokeText(text: string, { x, y, size, colour, isBold }: StrokeText): string {
  const { bounds, paths } = stringToPaths(drawable(text));
  const scale = size / CAP_HEIGHT;
  const place = (point: readonly [number, number]) =>
    `${(x + (point[0] - bounds.minX) * scale).toFixed(1)} ${(y - (point[1] - FOOT) * scale).toFixed(1)}`;
  const data = paths.filter((stroke) => stroke.length > 0).map((stroke) => `M${stroke.map(place).join('L')}`);
  const width = (size * (isBold ? 0.19 : 0.12)).toFixed(2);
  return `<path d="${data.join('')}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"/>`;
}

/** Pixels. */
export function strokeTextWidth(text: string, size: number): number {
  const { bounds } = stringToPaths(drawable(text));
  return ((bounds.maxX - bounds.minX) * size) / CAP_HEIGHT;
}

/** As much of a text as the font can draw: letters without their accents, a question mark for what it has not. */
function drawable(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e°]/gu, '?');
}

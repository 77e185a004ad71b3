/**
 * The person alone, on white.
 *
 * A pixel of a soft edge holds some of the old background: alpha times the person's colour plus the rest. Laid on white as it is, it
 * would be a halo, so the person's colour is estimated there from the surroundings (Forte 2021, "blur fusion"): the mean colours of
 * person and background nearby, moved together until they explain the pixel.
 */
import { mustBe } from '../contract/field-error';
import { boxMean, type Plane } from './guided-filter';
import type { Alpha } from './matting';
import type { Pixels } from './pixels';

type Color = readonly [number, number, number];

const WHITE: Color = [255, 255, 255];
/** Cells along the longer side of the grid on which the surroundings are averaged. */
const CELLS = 512;
/** Cells that surroundings reach: 1.6 % of the longer side to each side. */
const REACH = 8;
/** Of a mean over a window: below it, there is nothing to average. */
const LEAST = 1e-3;

/** @throws RangeError when alpha is of another size than the picture. */
export function onWhite(picture: Pixels, alpha: Alpha): Pixels {
  return onColor(picture, alpha, WHITE);
}

/** As onWhite, on another colour: what shows a halo that white would hide. */
export function onColor(picture: Pixels, alpha: Alpha, color: Color): Pixels {
  const { data, width, height } = picture;
  if (alpha.width !== width || alpha.height !== height) {
    const rule = `as large as the picture (${width} x ${height})`;
    throw new RangeError(mustBe('alpha', rule, `${alpha.width} x ${alpha.height}`).message);
  }
  const around = surroundings(picture, alpha);
  const result = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const a = alpha.data[i]! / 255;
      const cell = Math.floor(y / around.side) * around.columns + Math.floor(x / around.side);
      for (let channel = 0; channel < 3; channel++) {
        const value = data[3 * i + channel]!;
        result[3 * i + channel] =
          a === 1 ? value : Math.round(a * person(value, a, channel, cell) + (1 - a) * color[channel]!);
      }
    }
  }
  return { data: result, width, height };

  function person(value: number, a: number, channel: number, cell: number): number {
    const f = around.person[channel]![cell]!;
    const b = around.background[channel]![cell]!;
    return Math.min(255, Math.max(0, f + a * (value - a * f - (1 - a) * b)));
  }
}

interface Surroundings {
  /** Pixels of a cell's side. */
  readonly side: number;
  readonly columns: number;
  /** Mean colours 0..255 of the person and of what is behind, one plane a channel. */
  readonly person: readonly Plane[];
  readonly background: readonly Plane[];
}

function surroundings({ data, width, height }: Pixels, alpha: Alpha): Surroundings {
  const side = Math.ceil(Math.max(width, height) / CELLS);
  const [columns, rows] = [Math.ceil(width / side), Math.ceil(height / side)];
  const planes = () => [0, 1, 2].map(() => new Float32Array(columns * rows));
  const [person, background] = [planes(), planes()];
  const [share, rest] = [new Float32Array(columns * rows), new Float32Array(columns * rows)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const cell = Math.floor(y / side) * columns + Math.floor(x / side);
      const a = alpha.data[i]! / 255;
      share[cell]! += a;
      rest[cell]! += 1 - a;
      for (let channel = 0; channel < 3; channel++) {
        person[channel]![cell]! += a * data[3 * i + channel]!;
        background[channel]![cell]! += (1 - a) * data[3 * i + channel]!;
      }
    }
  }
  const blurred = (plane: Plane) => boxMean(plane, columns, rows, REACH);
  const [nearShare, nearRest] = [blurred(share), blurred(rest)];
  const mean = (plane: Plane, weight: Plane) => blurred(plane).map((sum, i) => sum / Math.max(weight[i]!, LEAST));
  return {
    side,
    columns,
    person: person.map((plane) => mean(plane, nearShare)),
    background: background.map((plane) => mean(plane, nearRest)),
  };
}

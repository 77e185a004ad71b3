/** Pictures of one colour with rectangles of others. */
import type { Pixels } from '../../faces/pixels';

export type Colour = readonly [red: number, green: number, blue: number];

export interface Patch {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly colour: Colour;
}

export function picture(width: number, height: number, ground: Colour, ...patches: readonly Patch[]): Pixels {
  const data = new Uint8Array(3 * width * height);
  const paint = (patch: Patch) => {
    for (let row = patch.y; row < patch.y + patch.height; row++) {
      for (let column = patch.x; column < patch.x + patch.width; column++) {
        data.set(patch.colour, 3 * (row * width + column));
      }
    }
  };
  for (const patch of [{ x: 0, y: 0, width, height, colour: ground }, ...patches]) paint(patch);
  return { data, width, height };
}

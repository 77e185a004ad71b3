import { onColor, onWhite } from '../../faces/cut-out';
import type { Alpha } from '../../faces/matting';
import type { Pixels } from '../../faces/pixels';

const SIDE = 64;
const PERSON = [200, 120, 40] as const;
const BEHIND = [20, 60, 220] as const;

/** A person on the left whose edge takes 8 columns. */
const alpha: Alpha = {
  data: Uint8Array.from({ length: SIDE * SIDE }, (_, i) => Math.min(255, Math.max(0, (36 - (i % SIDE)) * 32))),
  width: SIDE,
  height: SIDE,
};

function blended(behind: readonly number[]): Pixels {
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const a = alpha.data[Math.floor(i / 3)]! / 255;
    return Math.round(a * PERSON[i % 3]! + (1 - a) * behind[i % 3]!);
  });
  return { data, width: SIDE, height: SIDE };
}

const farthest = (a: Pixels, b: Pixels) =>
  a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);

test('the old background is gone from soft edges, whatever it was', () => {
  const white = [255, 255, 255] as const;
  const picture = blended(BEHIND);
  const expected = blended(white);
  expect(farthest(onWhite(picture, alpha), expected)).toBeLessThan(16);
  // Without the person's own colour, the blue of the background would stay.
  const plain = picture.data.map((value, i) => {
    const a = alpha.data[Math.floor(i / 3)]! / 255;
    return Math.round(a * value + (1 - a) * 255);
  });
  expect(farthest({ ...picture, data: plain }, expected)).toBeGreaterThan(40);
});

test('the person stays as it is, and the rest has the colour asked for', () => {
  const result = onColor(blended(BEHIND), alpha, [255, 0, 255]);
  expect([...result.data.subarray(0, 3)]).toEqual([...PERSON]);
  expect([...result.data.subarray(3 * (SIDE - 1), 3 * SIDE)]).toEqual([255, 0, 255]);
});

test('a picture of an odd size that is larger than the grid of colours', () => {
  const [width, height] = [1031, 7];
  const picture = { data: new Uint8Array(3 * width * height).fill(90), width, height };
  const half = { data: new Uint8Array(width * height).fill(128), width, height };
  expect(new Set(onWhite(picture, half).data)).toEqual(new Set([172]));
});

test('an alpha of another size is refused', () => {
  expect(() => onWhite({ data: new Uint8Array(12), width: 2, height: 2 }, alpha)).toThrow(
    'alpha must be as large as the picture (2 x 2), got 64 x 64.',
  );
});

import { alignFace, alignment } from '../../faces/align';
import type { Landmarks } from '../../faces/detector';

const TEMPLATE: Landmarks = {
  right_eye: { x: 38.2946, y: 51.6963 },
  left_eye: { x: 73.5318, y: 51.5014 },
  nose: { x: 56.0252, y: 71.7366 },
  right_mouth: { x: 41.5493, y: 92.3655 },
  left_mouth: { x: 70.7299, y: 92.2041 },
};
const PLAIN = { size: 112, zoom: 1, dy: 0 };

/** The template turned by `angle` (radians), made larger and moved. */
function placed(scale: number, angle: number, dx: number, dy: number): Landmarks {
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  return Object.fromEntries(
    Object.entries(TEMPLATE).map(([name, { x, y }]) => [name, { x: a * x - b * y + dx, y: b * x + a * y + dy }]),
  );
}

test('landmarks that lie where the template has them stay', () => {
  const { a, b, shift } = alignment(TEMPLATE, PLAIN)!;
  expect([a, b, shift.x, shift.y].map((value) => Math.round(value * 1e6) / 1e6 + 0)).toEqual([1, 0, 0, 0]);
});

test('size, turn and place of a face are found', () => {
  const { a, b, shift } = alignment(placed(2.5, 0.4, 30, -7), PLAIN)!;
  expect(a).toBeCloseTo(2.5 * Math.cos(0.4), 5);
  expect(b).toBeCloseTo(2.5 * Math.sin(0.4), 5);
  expect(shift.x).toBeCloseTo(30, 4);
  expect(shift.y).toBeCloseTo(-7, 4);
});

test('the middle of the mouth serves where its corners are not known', () => {
  const { right_mouth, left_mouth, ...rest } = placed(2, -0.3, 5, 9);
  const mouth = { x: (right_mouth!.x + left_mouth!.x) / 2, y: (right_mouth!.y + left_mouth!.y) / 2 };
  const { a, b } = alignment({ ...rest, mouth }, PLAIN)!;
  expect(a).toBeCloseTo(2 * Math.cos(-0.3), 2);
  expect(b).toBeCloseTo(2 * Math.sin(-0.3), 2);
});

test('landmarks on one spot are no face', () => {
  const spot = { x: 3, y: 3 };
  expect(alignment({ right_eye: spot, left_eye: spot, nose: spot, mouth: spot }, PLAIN)).toBeNull();
  expect(alignment({ nose: spot }, PLAIN)).toBeNull();
});

test.each([
  ['as the template', { size: 112, zoom: 1, dy: 0 }, { x: 56, y: 72 }],
  ['twice as large', { size: 224, zoom: 1, dy: 0 }, { x: 112, y: 143.5 }],
  ['with more around it', { size: 112, zoom: 1.4, dy: 0 }, { x: 56, y: 67.2 }],
  ['lower', { size: 112, zoom: 1, dy: 10 }, { x: 56, y: 81.7 }],
] as const)('the nose lies %s', (_, settings, expected) => {
  // White, but for a black disc where the nose is.
  const landmarks = placed(1.5, 0.2, 40, 10);
  const { x, y } = landmarks.nose!;
  const [width, height] = [260, 240];
  const data = new Uint8Array(3 * width * height).fill(255);
  for (let at = 0; at < width * height; at++) {
    const isNose = Math.hypot((at % width) + 0.5 - x, Math.floor(at / width) + 0.5 - y) < 8;
    if (isNose) data.fill(0, 3 * at, 3 * at + 3);
  }
  const face = alignFace({ data, width, height }, alignment(landmarks, settings)!, settings.size);
  let [sumX, sumY, count] = [0, 0, 0];
  for (let at = 0; at < settings.size ** 2; at++) {
    const darkness = 255 - face.data[3 * at]!;
    sumX += darkness * ((at % settings.size) + 0.5);
    sumY += darkness * (Math.floor(at / settings.size) + 0.5);
    count += darkness;
  }
  expect(Math.abs(sumX / count - expected.x)).toBeLessThan(1);
  expect(Math.abs(sumY / count - expected.y)).toBeLessThan(1);
});

test('a face that is made smaller is averaged, and a border goes on beyond the picture', () => {
  const stripes = new Uint8Array(3 * 400 * 400).map((_, at) => (Math.floor(at / 3) % 2) * 254);
  const similarity = alignment(placed(3.2, 0, 0, 0), PLAIN)!;
  const { data } = alignFace({ data: stripes, width: 400, height: 400 }, similarity, 112);
  expect(Math.max(...data) - Math.min(...data)).toBeLessThan(90);
  const beyond = { a: 1, b: 0, shift: { x: -500, y: -500 } };
  const white = { data: new Uint8Array(3 * 10 * 10).fill(255), width: 10, height: 10 };
  expect(new Set(alignFace(white, beyond, 16).data)).toEqual(new Set([255]));
});

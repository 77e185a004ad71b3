import { boxMean, guidedCoefficients } from '../../faces/guided-filter';

const SIDE = 48;
/** A disc that is red before grey. */
const inside = (i: number) => Math.hypot((i % SIDE) - 23.5, Math.floor(i / SIDE) - 23.5) < 14;
const plane = (value: (i: number) => number) => Float32Array.from({ length: SIDE * SIDE }, (_, i) => value(i));
const guide = [plane((i) => (inside(i) ? 0.9 : 0.5)), plane(() => 0.5), plane((i) => (inside(i) ? 0.2 : 0.5))] as const;

test('a mask two pixels off takes the edge of the picture', () => {
  const rough = plane((i) => (i % SIDE >= 2 && inside(i - 2) ? 1 : 0));
  const [red, green, blue, offset] = guidedCoefficients([...guide], rough, SIDE, SIDE, { radius: 6, epsilon: 1e-4 });
  const refined = plane(
    (i) => red[i]! * guide[0][i]! + green[i]! * guide[1][i]! + blue[i]! * guide[2][i]! + offset[i]!,
  );
  const wrong = (mask: Float32Array) => mask.filter((value, i) => value > 0.5 !== inside(i)).length;
  expect(wrong(rough)).toBeGreaterThan(80);
  expect(wrong(refined)).toBe(0);
});

test('where the picture is flat, the mask is only smoothed', () => {
  const flat = plane(() => 0.3);
  const half = plane((i) => (i % SIDE < SIDE / 2 ? 1 : 0));
  const [red, , , offset] = guidedCoefficients([flat, flat, flat], half, SIDE, SIDE, { radius: 2, epsilon: 1e-4 });
  expect(red.every((value) => Math.abs(value) < 1e-3)).toBe(true);
  const expected = boxMean(boxMean(half, SIDE, SIDE, 2), SIDE, SIDE, 2);
  offset.forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 3);
  });
});

test('windows are smaller at the border', () => {
  expect([...boxMean(Float32Array.of(1, 2, 3, 4), 4, 1, 1)]).toEqual([1.5, 2, 3, 3.5]);
  expect([...boxMean(Float32Array.of(1, 2, 3, 4), 2, 2, 5)]).toEqual([2.5, 2.5, 2.5, 2.5]);
});

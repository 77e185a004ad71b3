import { personMask } from '../../faces/person-mask';

const SIDE = 40;
const picture = (value: (x: number, y: number) => number) =>
  Float32Array.from({ length: SIDE * SIDE }, (_, i) => value(i % SIDE, Math.floor(i / SIDE)));
const within = (x: number, y: number, left: number, top: number, side: number) =>
  x >= left && x < left + side && y >= top && y < top + side;

test('only the largest part stays, without its small holes', () => {
  const mask = personMask(
    picture((x, y) => {
      if (within(x, y, 8, 8, 2) || within(x, y, 14, 12, 10)) return 0;
      return within(x, y, 5, 5, 22) || within(x, y, 34, 34, 4) ? 1 : 0;
    }),
    SIDE,
    SIDE,
  );
  const at = (x: number, y: number) => mask[y * SIDE + x];
  expect(at(6, 6)).toBe(1);
  expect(at(36, 36)).toBe(0); // another person
  expect(at(8, 8)).toBe(1); // a hole of 4 pixels
  expect(at(19, 17)).toBe(0); // a gap of 100
});

test('specks are filled as fast as they are many, not once over the picture each', () => {
  const side = 1024;
  const specks = 1000;
  const likely = new Float32Array(side * side).fill(1);
  for (let i = 0; i < specks; i++) likely[16 * side * (1 + Math.floor(i / 60)) + 16 * (1 + (i % 60))] = 0;
  const startedAt = performance.now();
  expect(personMask(likely, side, side).every((value) => value === 1)).toBe(true);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test('what the network is unsure of is background', () => {
  const mask = personMask(
    picture((x) => (x < 10 ? 1 : 0.39)),
    SIDE,
    SIDE,
  );
  expect([...mask].every((value, i) => value === (i % SIDE < 10 ? 1 : 0))).toBe(true);
});

test('nobody there', () => {
  expect(
    personMask(
      picture(() => 0.3),
      SIDE,
      SIDE,
    ).every((value) => value === 0),
  ).toBe(true);
});

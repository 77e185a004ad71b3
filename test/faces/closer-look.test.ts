import { headWindow, seamWeight } from '../../faces/closer-look';

const SIDE = 100;
/** A head of `head` pixels on shoulders that are 60 wide, in a mask of 100 x 100. */
function person(head: number, top = 10) {
  const data = Float32Array.from({ length: SIDE * SIDE }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    const inHead = Math.abs(x + 0.5 - 50) < head / 2 && y >= top && y < top + 30;
    return inHead || (y >= top + 30 && x >= 20 && x < 80) ? 1 : 0;
  });
  return { data, width: SIDE, height: SIDE };
}

test('the window has the head in its middle, and something above it', () => {
  expect(headWindow(person(20), { width: 1000, height: 1000 })).toEqual({ left: 275, top: 55, side: 450 });
});

test('a mask is squeezed, a window is square', () => {
  expect(headWindow(person(20), { width: 500, height: 2000 })).toEqual({ left: 138, top: 178, side: 225 });
});

test('it lies inside the picture, and the head has room in it', () => {
  expect(headWindow(person(30, 0), { width: 1000, height: 1000 })).toEqual({ left: 200, top: 0, side: 600 });
});

test('nothing to look at more closely', () => {
  const picture = { width: 1000, height: 1000 };
  expect(headWindow(person(56), picture)).toBeNull(); // fills the picture already
  expect(headWindow(person(20), { width: 100, height: 100 })).toBeNull(); // too few pixels
  expect(headWindow({ data: new Float32Array(SIDE * SIDE), width: SIDE, height: SIDE }, picture)).toBeNull();
});

test('the second look ends softly inside the picture, and not at all at its border', () => {
  const window = { left: 0, top: 40, side: 50 };
  const picture = { width: 100, height: 100 };
  expect(seamWeight(0, 0.5, window, picture)).toBe(1);
  expect(seamWeight(1, 0.5, window, picture)).toBe(0);
  expect(seamWeight(0.94, 0.5, window, picture)).toBeCloseTo(0.5);
  expect(seamWeight(0.5, 0.06, window, picture)).toBeCloseTo(0.5);
});

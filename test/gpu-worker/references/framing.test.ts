import type { Box } from '../../../faces/detector';
import { headFrame, wholeFrame } from '../../../gpu-worker/references/framing';

const FRAMING = { head: 0.5, eyes: 0.42 };
const LANDSCAPE = { width: 832, height: 480 };
const PORTRAIT = { width: 480, height: 832 };
const SQUARE = { width: 128, height: 128 };
const PHOTO = { width: 4000, height: 3000 };

/** A frontal face as blazeface measures it: a box of 400 whose eyes lie 28 % down, and ears at its sides. */
function face(x: number, y: number, side = 400) {
  const point = (across: number, down: number) => ({ x: x + across * side, y: y + down * side });
  return {
    box: { x, y, width: side, height: side },
    landmarks: {
      right_eye: point(0.3, 0.28),
      left_eye: point(0.7, 0.28),
      right_ear: point(0.02, 0.35),
      left_ear: point(0.98, 0.35),
    },
  };
}

/** Crown, chin and sides of that head, as shares of the frame. */
function place(frame: Box, x: number, y: number, side = 400) {
  const eyes = y + 0.28 * side;
  const head = 1.45 * side;
  return {
    crown: (eyes - head / 2 - frame.y) / frame.height,
    chin: (eyes + head / 2 - frame.y) / frame.height,
    left: (x - frame.x) / frame.width,
    right: (x + side - frame.x) / frame.width,
  };
}

test.each([
  ['landscape', LANDSCAPE],
  ['square', SQUARE],
])('%s: the head is half as high as the frame, and its eyes lie at 42 %', (_name, video) => {
  const frame = headFrame(face(1800, 1000), PHOTO, video, FRAMING);
  expect(frame.height).toBeCloseTo((1.45 * 400) / 0.5);
  expect(frame.width / frame.height).toBeCloseTo(video.width / video.height);
  expect((1000 + 0.28 * 400 - frame.y) / frame.height).toBeCloseTo(0.42);
  expect(frame.x + frame.width / 2).toBeCloseTo(2000);
});

test('portrait: the head is smaller, so that it has room at its sides', () => {
  const frame = headFrame(face(1800, 1000), PHOTO, PORTRAIT, FRAMING);
  expect((1.45 * 400) / frame.width).toBeCloseTo(0.75);
  expect(frame.width / frame.height).toBeCloseTo(480 / 832);
  expect((1000 + 0.28 * 400 - frame.y) / frame.height).toBeCloseTo(0.42);
});

test.each([LANDSCAPE, PORTRAIT, SQUARE])(
  'at %o the whole head is shown, with room above for hair and below for shoulders',
  (video) => {
    const { crown, chin, left, right } = place(headFrame(face(1800, 1000), PHOTO, video, FRAMING), 1800, 1000);
    expect(crown).toBeGreaterThan(0.1);
    expect(chin).toBeLessThan(0.75);
    expect(left).toBeGreaterThan(0.1);
    expect(right).toBeLessThan(0.9);
  },
);

test('a head turned away lies in the middle of the frame, not its face', () => {
  const { box, landmarks } = face(1800, 1000);
  // A profile: both ears lie behind the face.
  const profile = { box, landmarks: { ...landmarks, right_ear: { x: 1600, y: 1140 }, left_ear: { x: 1700, y: 1140 } } };
  const frame = headFrame(profile, PHOTO, SQUARE, FRAMING);
  expect(frame.x + frame.width / 2).toBeCloseTo(1650);
});

test('a body that the photo cuts off stands on the lower edge; above and beside it the frame may show white', () => {
  const low = headFrame(face(1800, 2500), PHOTO, LANDSCAPE, FRAMING);
  expect(low.y + low.height).toBeCloseTo(3000);
  const high = headFrame(face(0, 60), PHOTO, LANDSCAPE, FRAMING);
  expect(high.y).toBeLessThan(0);
  expect(high.x).toBeLessThan(0);
  const close = headFrame(face(100, 100, 800), { width: 1000, height: 1000 }, SQUARE, FRAMING);
  expect(close.height).toBeGreaterThan(2000);
  expect(close.y + close.height).toBeCloseTo(1000);
});

test('a picture that is framed so already is shown whole', () => {
  // 0.44 of 256, as mv2id-tiny was trained: 0.64 from crown to chin.
  const head = { head: 0.64, eyes: 0.44 };
  const picture = { width: 256, height: 256 };
  for (const [x, y, side] of [
    [72, 81, 112],
    [68, 79, 118],
    [75, 86, 108],
  ] as const) {
    // biome-ignore format: one row
    expect(headFrame(face(x, y, side), picture, SQUARE, head)).toEqual(wholeFrame(picture, SQUARE));
  }
  expect(headFrame(face(90, 90, 80), picture, SQUARE, head)).not.toEqual(wholeFrame(picture, SQUARE));
  expect(headFrame(face(30, 81, 112), picture, SQUARE, head)).not.toEqual(wholeFrame(picture, SQUARE));
});

test('a detector without ears and eyes leaves the box to go by', () => {
  const frame = headFrame({ box: face(1800, 1000).box, landmarks: {} }, PHOTO, SQUARE, FRAMING);
  expect(frame).toEqual(headFrame(face(1800, 1000), PHOTO, SQUARE, FRAMING));
});

test('the whole picture is fitted inside and centred', () => {
  expect(wholeFrame({ width: 200, height: 100 }, SQUARE)).toEqual({ x: 0, y: -50, width: 200, height: 200 });
  expect(wholeFrame({ width: 100, height: 200 }, { width: 64, height: 32 })).toEqual({
    x: -150,
    y: 0,
    width: 400,
    height: 200,
  });
});

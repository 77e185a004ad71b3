import { rgbOfI420 } from '../../../evaluation/video/i420';

/** One colour in a picture of 3 x 3: chroma is 2 x 2. */
const planes = (y: number, u: number, v: number) =>
  Uint8Array.of(...Array(9).fill(y), ...Array(4).fill(u), ...Array(4).fill(v));
const first = (pixels: Uint8Array) => [...pixels.subarray(0, 3)];

test.each([
  // Of ITU-R BT.709 and BT.601: black, white and red in limited range.
  ['bt709', false, [16, 128, 128], [0, 0, 0]],
  ['bt709', false, [235, 128, 128], [255, 255, 255]],
  ['bt709', false, [63, 102, 240], [255, 0, 0]],
  ['smpte170m', false, [81, 90, 240], [254, 0, 0]],
  ['bt709', true, [128, 128, 128], [128, 128, 128]],
] as const)('%s, full range %s: %j is %j', (matrix, fullRange, yuv, rgb) => {
  const found = rgbOfI420(planes(...(yuv as unknown as [number, number, number])), 3, 3, { matrix, fullRange });
  expect(found).toHaveLength(27);
  for (const channel of [0, 1, 2]) expect(Math.abs(found[channel]! - rgb[channel]!)).toBeLessThanOrEqual(2);
  expect(first(found.subarray(24))).toEqual(first(found));
});

test('what names no matrix is BT.709', () => {
  expect(rgbOfI420(planes(63, 102, 240), 3, 3, {})).toEqual(rgbOfI420(planes(63, 102, 240), 3, 3, { matrix: 'bt709' }));
});

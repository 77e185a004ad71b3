import { isLegalFrames, isLegalSize, MAX_PIXELS, nearestLegalFrames, nearestLegalSize } from '../../contract/limits';

const WAN = { widthMultiple: 16, heightMultiple: 16, frameMultiple: 4 };

test.each([
  [832, 480, 832, 480],
  [830, 481, 832, 480],
  [1, 1, 32, 32],
  [1280, 720, 1280, 720],
  [9999, 9999, 960, 960],
  [1920, 1080, 1280, 720],
])('the legal size nearest to %d x %d is %d x %d', (width, height, legalWidth, legalHeight) => {
  expect(nearestLegalSize({ width, height }, WAN)).toEqual({ width: legalWidth, height: legalHeight });
});

test('the nearest legal size is legal itself, on every grid', () => {
  for (const widthMultiple of [8, 16, 32, 24]) {
    for (const heightMultiple of [8, 16, 32]) {
      const grid = { widthMultiple, heightMultiple, frameMultiple: 4 };
      for (const size of [
        { width: 1, height: 4000 },
        { width: 1279, height: 719 },
        { width: 1900, height: 1900 },
        { width: 100, height: 47 },
      ]) {
        const legal = nearestLegalSize(size, grid);
        expect(isLegalSize(legal, grid)).toBe(true);
        expect(legal.width % widthMultiple).toBe(0);
        expect(legal.height % heightMultiple).toBe(0);
        expect(legal.width * legal.height).toBeLessThanOrEqual(MAX_PIXELS);
      }
    }
  }
});

test.each([
  [81, 81],
  [80, 81],
  [82, 81],
  [84, 85],
  [0, 1],
  [500, 161],
])('the legal frame count nearest to %d is %d', (numFrames, legal) => {
  expect(nearestLegalFrames(numFrames, WAN)).toBe(legal);
  expect(isLegalFrames(numFrames, WAN)).toBe(numFrames === legal);
});

test('a VAE without temporal compression takes every frame count', () => {
  expect(nearestLegalFrames(6, { frameMultiple: 1 })).toBe(6);
});

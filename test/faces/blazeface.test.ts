import { Blazeface } from '../../faces/blazeface';
import { overlap } from '../../faces/detector';
import { type Pixels, readPixels, toSharp } from '../../faces/pixels';
import { ada, PHOTO_NAMES, photo } from './photos';

let detector: Blazeface;
beforeAll(async () => {
  detector = await Blazeface.open();
});
afterAll(() => detector.release());

/** Where the faces are, looked up by eye in the pictures. */
const PLACES = {
  astronaut: { x: 170, y: 70, width: 110, height: 110 },
  biden: { x: 170, y: 105, width: 125, height: 125 },
  obama: { x: 285, y: 115, width: 210, height: 210 },
} as const;

test.each(PHOTO_NAMES)('finds the one face of %s, and its landmarks on their sides', async (name) => {
  const [face, ...others] = await detector.detect(await readPixels(photo(name)));
  expect(others).toEqual([]);
  expect(overlap(face!.box, PLACES[name])).toBeGreaterThan(0.6);
  expect(face!.score).toBeGreaterThan(0.85);
  const { right_eye, left_eye, nose, mouth } = face!.landmarks;
  expect(right_eye!.x).toBeLessThan(nose!.x);
  expect(nose!.x).toBeLessThan(left_eye!.x);
  expect(nose!.y).toBeLessThan(mouth!.y);
});

test.each([-60, 0, 60] as const)('finds a head turned by %d degrees', async (yaw) => {
  const faces = await detector.detect(await readPixels(ada(yaw)));
  expect(faces).toHaveLength(1);
  expect(faces[0]!.score).toBeGreaterThan(0.8);
});

test('a picture is not squashed: beside a wide margin the face is found where it is', async () => {
  const picture = await readPixels(photo('obama'));
  const [face] = await detector.detect(picture);
  const left = 700;
  const { data, info } = await toSharp(picture)
    .extend({ left, right: 300 })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [moved] = await detector.detect({ data, width: info.width, height: info.height });
  expect(overlap(moved!.box, { ...face!.box, x: face!.box.x + left })).toBeGreaterThan(0.85);
});

test('finds both of two faces, the larger first', async () => {
  const large = await readPixels(photo('obama'));
  const small = await toSharp(await readPixels(photo('biden')))
    .extract({ left: 60, top: 20, width: 280, height: 300 })
    .resize(280)
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { data, info } = await toSharp(large)
    .extend({ right: 300 })
    .composite([{ input: small.data, raw: { width: 280, height: 300, channels: 3 }, left: 725, top: 300 }])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const faces = await detector.detect({ data, width: info.width, height: info.height });
  expect(faces).toHaveLength(2);
  expect(faces[0]!.box.x).toBeLessThan(500);
  expect(faces[1]!.box.x).toBeGreaterThan(700);
});

test('finds none in noise, nor in one colour', async () => {
  const noise: Pixels = {
    data: Uint8Array.from({ length: 3 * 200 * 100 }, (_, at) => (at * 7919) % 256),
    width: 200,
    height: 100,
  };
  expect(await detector.detect(noise)).toEqual([]);
  expect(await detector.detect({ data: new Uint8Array(3 * 64 * 64).fill(200), width: 64, height: 64 })).toEqual([]);
});

import path from 'node:path';
import sharp from 'sharp';
import { COVERINGS_SIZE, coverings } from '../../../faces/check/coverings';
import { type FaceSquare, toSquare } from '../../../faces/check/face-square';
import { FLATNESS_SIZE, textureRatio } from '../../../faces/check/flatness';
import { readSigns } from '../../../faces/check/signs';
import { BARE_EYES, BARE_MOUTH, MIN_TEXTURE_RATIO } from '../../../faces/check/thresholds';
import { FaceReader } from '../../../faces/face-reader';
import { type Pixels, readPixels } from '../../../faces/pixels';
import { picture } from '../picture';
import { eyeglasses, mask, type Occluder, sunglasses, wearing } from './occluders';

/** A face of patches, in the square of 112: skin, eyes with pupils, lips. */
const SKIN = [200, 150, 120] as const;
const EYES = [38, 74] as const;

function face({ skin = SKIN, eyes = SKIN, mouth = SKIN }: { skin?: Rgb; eyes?: Rgb; mouth?: Rgb } = {}): FaceSquare {
  const isBare = eyes === skin;
  const pixels = picture(
    COVERINGS_SIZE,
    COVERINGS_SIZE,
    skin,
    ...EYES.map((x) => ({ x: x - 14, y: 38, width: 28, height: 26, colour: eyes })),
    ...(isBare ? EYES.map((x) => ({ x: x - 3, y: 48, width: 7, height: 7, colour: [30, 20, 15] as const })) : []),
    ...(mouth === skin ? [] : [{ x: 16, y: 62, width: 80, height: 50, colour: mouth }]),
  );
  return {
    pixels,
    rightEye: { x: 38, y: 52 },
    leftEye: { x: 74, y: 52 },
    nose: { x: 56, y: 72 },
    mouth: { x: 56, y: 92 },
  };
}
type Rgb = readonly [number, number, number];

describe('coverings', () => {
  test('of a bare face there are none', () => {
    const { eyeSkin, eyeContrast, mouthSkin } = coverings(face(), 0);
    expect(eyeSkin).toBeGreaterThan(0.7);
    expect(eyeContrast).toBeGreaterThan(BARE_EYES.contrast);
    expect(mouthSkin).toBe(1);
  });

  test.each([[[20, 20, 20]], [[40, 60, 130]]] as [Rgb][])(
    'lenses of %p are no skin, and nothing is in them',
    (eyes) => {
      const { eyeSkin, eyeContrast, mouthSkin } = coverings(face({ eyes }), 0);
      expect(eyeSkin).toBe(0);
      expect(eyeContrast).toBeCloseTo(0);
      expect(mouthSkin).toBe(1);
    },
  );

  test.each([[[150, 200, 220]], [[20, 20, 20]], [[245, 245, 245]]] as [Rgb][])('a mask of %p is no skin', (mouth) => {
    const { mouthSkin, mouthContrast } = coverings(face({ mouth }), 0);
    expect(mouthSkin).toBe(0);
    expect(mouthContrast).toBeCloseTo(0);
  });

  test('a dark skin is measured as a bright one', () => {
    const skin = [70, 48, 38] as const;
    const { eyeSkin, mouthSkin } = coverings(face({ skin, eyes: skin, mouth: skin }), 0);
    expect(eyeSkin).toBeGreaterThan(0.7);
    expect(mouthSkin).toBe(1);
  });

  test.each([
    [35, 0],
    [-35, 1],
  ])('of a head turned by %i° the near eye counts alone', (yaw, eyeSkin) => {
    const { pixels, ...places } = face();
    const data = pixels.data.slice();
    // Black around the right eye.
    for (let row = 36; row < 66; row++) data.fill(10, 3 * (row * 112 + 22), 3 * (row * 112 + 54));
    expect(Math.round(coverings({ ...places, pixels: { ...pixels, data } }, yaw).eyeSkin)).toBe(eyeSkin);
  });
});

describe('textureRatio', () => {
  const places = { rightEye: { x: 0, y: 0 }, leftEye: { x: 1, y: 0 }, nose: { x: 0, y: 1 }, mouth: { x: 0, y: 2 } };
  const ratioOf = (value: (x: number, y: number) => number) => {
    const data = new Uint8Array(3 * FLATNESS_SIZE ** 2);
    for (let at = 0; at < FLATNESS_SIZE ** 2; at++) {
      data.fill(value(at % FLATNESS_SIZE, Math.floor(at / FLATNESS_SIZE)), 3 * at, 3 * at + 3);
    }
    return textureRatio({ ...places, pixels: { data, width: FLATNESS_SIZE, height: FLATNESS_SIZE } });
  };
  const noise = (x: number, y: number) => (x * 7919 + y * 104729 + x * y * 31) % 9;
  const stripes = (x: number) => (x % 32 < 4 ? 40 : 160);

  test('is low where outlines stand on even areas, however they are shaded', () => {
    expect(ratioOf((x, y) => stripes(x) + Math.round(y / 8))).toBeLessThan(MIN_TEXTURE_RATIO);
  });
  test('is higher with noise in the areas', () => {
    expect(ratioOf((x, y) => stripes(x) + noise(x, y))).toBeGreaterThan(MIN_TEXTURE_RATIO);
  });
  test('is 1 where all is clipped', () => {
    expect(ratioOf(() => 255)).toBe(1);
  });
});

test('a point of the picture is where the square shows it', () => {
  const similarity = { a: 1.5, b: 0.7, shift: { x: 30, y: -12 } };
  const at = { x: 41, y: 90 };
  const inPicture = { x: 1.5 * at.x - 0.7 * at.y + 30, y: 0.7 * at.x + 1.5 * at.y - 12 };
  expect(toSquare(inPicture, similarity).x).toBeCloseTo(at.x);
  expect(toSquare(inPicture, similarity).y).toBeCloseTo(at.y);
});

test('there are no signs with too few landmarks', () => {
  const pose = { yaw: 0, pitch: 0, roll: 0 };
  expect(
    readSigns(picture(10, 10, SKIN), { landmarks: { nose: { x: 5, y: 5 }, mouth: { x: 5, y: 8 } }, pose }),
  ).toBeNull();
});

describe('of photographs', () => {
  let reader: FaceReader;
  beforeAll(async () => {
    reader = await FaceReader.open();
  });
  afterAll(() => reader.release());

  async function signsOf(pixels: Pixels) {
    const [found] = await reader.read(pixels, { embeddings: 0 });
    const { coverings, textureRatio } = readSigns(pixels, found!)!;
    return {
      eyes: coverings!.eyeSkin < BARE_EYES.skin && coverings!.eyeContrast < BARE_EYES.contrast,
      mouth: coverings!.mouthSkin < BARE_MOUTH.skin && coverings!.mouthContrast < BARE_MOUTH.contrast,
      drawn: textureRatio! < MIN_TEXTURE_RATIO,
    };
  }
  const file = (name: string) => path.join(__dirname, '../../fixtures/photos', `${name}.jpg`);
  const NONE = { eyes: false, mouth: false, drawn: false };

  test.each(['astronaut', 'obama', 'biden'])('%s has none, however it is stored', async (name) => {
    const { width } = await sharp(file(name)).metadata();
    const stored = [
      sharp(file(name)).jpeg({ quality: 60 }),
      sharp(file(name))
        .resize({ width: Math.round(width / 2) })
        .jpeg({ quality: 60 }),
      sharp(file(name))
        .resize({ width: 2 * width })
        .jpeg(),
      sharp(file(name)).linear(0.6, 0).png(),
      sharp(file(name)).linear(1.4, 0).png(),
      sharp(file(name)).greyscale().jpeg(),
    ];
    for (const one of stored) expect(await signsOf(await readPixels(await one.toBuffer()))).toEqual(NONE);
  });

  test.each<[string, Occluder, Partial<typeof NONE>]>([
    ['sunglasses', sunglasses('#151515'), { eyes: true, mouth: false }],
    ['blue sunglasses', sunglasses('#1c3f78'), { eyes: true, mouth: false }],
    ['sunglasses that let a fifth through', sunglasses('#111', 'round', 0.8), { eyes: true, mouth: false }],
    ['eyeglasses', eyeglasses('#222'), { eyes: false, mouth: false }],
    ['a blue mask', mask('#9cd'), { eyes: false, mouth: true }],
    ['a black mask', mask('#161616'), { eyes: false, mouth: true }],
  ])('%s', async (_name, occluder, expected) => {
    for (const name of ['obama', 'biden']) {
      const bare = await readPixels(file(name));
      const [found] = await reader.read(bare, { embeddings: 0 });
      expect(await signsOf(await wearing(bare, found!.landmarks, occluder))).toMatchObject(expected);
    }
  });
});

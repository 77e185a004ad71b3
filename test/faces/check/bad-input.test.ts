/** What people upload by mistake: each gets the finding that names it, and no worse one. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import type { AcceptableCode, ReferenceCheck } from '../../../contract/reference-check';
import { checkReferences } from '../../../faces/check/check-references';
import { FaceReader } from '../../../faces/face-reader';
import { readPixels, toSharp } from '../../../faces/pixels';
import { requireDecodes, requireImageHeader } from '../../../faces/reference-image';
import { eyeglasses, mask, type Occluder, sunglasses, wearing } from './occluders';

const PHOTOS = path.join(__dirname, '../../fixtures/photos');
const obama = readFileSync(path.join(PHOTOS, 'obama.jpg'));
const biden = readFileSync(path.join(PHOTOS, 'biden.jpg'));
const astronaut = readFileSync(path.join(PHOTOS, 'astronaut.jpg'));
const GREY = { r: 128, g: 128, b: 128 };

let reader: FaceReader;
beforeAll(async () => {
  reader = await FaceReader.open();
});
afterAll(() => reader.release());

async function check(pictures: readonly Uint8Array[], accept: readonly AcceptableCode[] = []): Promise<ReferenceCheck> {
  const images = pictures.map((bytes, i) => ({ image: { file: `${i}.jpg` }, bytes }));
  return checkReferences(images, accept, reader);
}

/** Codes of what is found about one picture; that there is only one view goes without saying. */
async function codesOf(picture: Sharp | Uint8Array): Promise<string[]> {
  const bytes = picture instanceof Uint8Array ? picture : await picture.png().toBuffer();
  const { findings } = await check([bytes]);
  return findings.map(({ code }) => code).filter((code) => code !== 'little_spread');
}

async function obamaWearing(...occluders: Occluder[]): Promise<Sharp> {
  const picture = await readPixels(obama);
  const [face] = await reader.read(picture, { embeddings: 0 });
  return toSharp(await wearing(picture, face!.landmarks, ...occluders));
}

test('a good photo has no findings', async () => {
  expect(await codesOf(obama)).toEqual([]);
});

test.each([
  ['no face', 'no_face', () => sharp({ create: { width: 600, height: 600, channels: 3, background: '#7a9' } })],
  ['a face of 60 pixels', 'small_face', () => sharp(obama).resize({ width: 210 })],
  ['a blurred photo', 'blurred_face', () => sharp(obama).blur(6)],
  ['black and white', 'grey_picture', () => sharp(obama).greyscale()],
  ['a head turned by 60°', 'extreme_roll', () => sharp(obama).rotate(60, { background: GREY })],
  ['a photo that lies on its side', 'extreme_roll', () => sharp(obama).rotate(90)],
  ['a photo that lies on its other side', 'extreme_roll', () => sharp(obama).rotate(270)],
  ['a photo upside down', 'extreme_roll', () => sharp(obama).rotate(180)],
  ['another photo upside down', 'extreme_roll', () => sharp(biden).resize({ width: 800 }).rotate(180)],
  ['black sunglasses', 'covered_eyes', () => obamaWearing(sunglasses('#111'))],
  ['brown square sunglasses', 'covered_eyes', () => obamaWearing(sunglasses('#3a2616', 'square'))],
  ['a surgical mask', 'covered_mouth', () => obamaWearing(mask('#9cd'))],
  ['a black mask', 'covered_mouth', () => obamaWearing(mask('#161616', 'straight'))],
  ['a scarf', 'covered_mouth', () => obamaWearing(mask('#822', 'scarf'))],
  ['a render', 'drawn_face', async () => sharp('examples/ada/yaw+000.png').resize({ width: 512 })],
  ['a drawing', 'drawn_face', () => sharp(Buffer.from(drawing()))],
])('%s is %s', async (_name, code, make) => {
  expect(await codesOf(await make())).toEqual([code]);
});

test('a face of 20 pixels is small_face, and whatever so few pixels are', async () => {
  const face = await sharp(obama).resize({ width: 70 }).toBuffer();
  const ground = sharp({ create: { width: 420, height: 420, channels: 3, background: '#4a7fb0' } });
  const codes = await codesOf(ground.composite([{ input: face }]));
  expect(codes).toEqual(['small_face', 'blurred_face']);
});

test('two faces are several_faces', async () => {
  const second = await sharp(biden)
    .extract({ left: 60, top: 0, width: 330, height: 420 })
    .resize({ height: 900 })
    .toBuffer();
  const both = sharp(obama)
    .extend({ right: 720, background: GREY })
    .composite([{ input: second, left: 720, top: 0 }]);
  expect(await codesOf(both)).toEqual(['several_faces']);
});

test.each(['round', 'square'] as const)('%s eyeglasses are no covering', async (shape) => {
  expect(await codesOf(await obamaWearing(eyeglasses('#111', shape)))).toEqual([]);
});

test('what is worn is told of a head that leans, too', async () => {
  const leaning = async (occluder: Occluder) => (await obamaWearing(occluder)).rotate(30, { background: GREY });
  expect(await codesOf(await leaning(sunglasses('#222')))).toEqual(['covered_eyes']);
  expect(await codesOf(await leaning(mask('#5a8f6a')))).toEqual(['covered_mouth']);
});

test('two people are different_person', async () => {
  const { findings } = await check([obama, await sharp(biden).resize({ width: 800 }).jpeg().toBuffer()]);
  expect(findings.filter(({ severity }) => severity === 'error').map(({ code }) => code)).toEqual(['different_person']);
});

test('one picture eight times is same_picture seven times', async () => {
  const { findings } = await check(Array.from({ length: 8 }, () => obama));
  expect(findings.map(({ code }) => code)).toEqual([...Array(7).fill('same_picture'), 'little_spread']);
});

describe('how a photo is stored changes nothing', () => {
  const figures = async (bytes: Uint8Array) => (await check([bytes])).images[0]!;

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i', async (orientation) => {
    // What a viewer must do to the stored picture, undone: mirrored last, so undone last.
    const turns: Record<number, number> = { 1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 270, 7: 90, 8: 90 };
    const upright = await sharp(obama).png().toBuffer();
    const mirrored = [2, 4, 5, 7].includes(orientation) ? await sharp(upright).flop().png().toBuffer() : upright;
    const stored = await sharp(mirrored).rotate(turns[orientation]!).withMetadata({ orientation }).png().toBuffer();
    expect(await figures(stored)).toEqual(await figures(upright));
  });

  test.each([
    ['a 16-bit PNG', () => sharp(obama).toColourspace('rgb16').png()],
    ['a CMYK JPEG', () => sharp(obama).toColourspace('cmyk').jpeg({ quality: 95 })],
    ['a PNG with alpha', () => sharp(obama).ensureAlpha(1).png()],
    ['a WebP', () => sharp(obama).webp({ quality: 95 })],
  ])('%s', async (_name, make) => {
    const bytes = await make().toBuffer();
    const [stored, original] = [await figures(bytes), await figures(obama)];
    expect(Math.abs(stored.face_width! - original.face_width!)).toBeLessThanOrEqual(3);
    expect(Math.abs(stored.yaw! - original.yaw!)).toBeLessThanOrEqual(3);
    expect(await codesOf(bytes)).toEqual([]);
  });
});

test('what cannot be decoded is rejected before anybody looks for faces', async () => {
  const reject = async (bytes: Uint8Array) => {
    await requireImageHeader(bytes, { file: 'a.png' }, 'reference_set.images[0]');
    await requireDecodes(bytes, { file: 'a.png' }, 'reference_set.images[0]');
  };
  const frames = await sharp(await sharp(astronaut).resize(256).png().toBuffer(), {}).toBuffer();
  const animated = await sharp([frames, await sharp(frames).flop().toBuffer()], { join: { animated: true } })
    .webp()
    .toBuffer();
  await expect(reject(animated)).rejects.toThrow('a still image');
  await expect(reject(obama.subarray(0, obama.length / 2))).rejects.toThrow('a complete image');
});

test('a photo of 60 megapixels is read in bounded memory', async () => {
  const { width, height } = await sharp(obama).metadata();
  const scale = Math.sqrt(60e6 / (width * height));
  const large = await sharp(obama)
    .resize({ width: Math.floor(width * scale) })
    .jpeg()
    .toBuffer();
  const figures = JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', path.join(__dirname, 'peak-memory.ts')], {
      input: large,
    }).toString(),
  ) as { faceWidth: number; peakMb: number };
  expect(figures.faceWidth).toBeGreaterThan(1500);
  // The program and its networks take 200. Decoded at once, the picture would be 180 more.
  expect(figures.peakMb).toBeLessThan(330);
});

function drawing(): string {
  const eye = (x: number) => `<ellipse cx="${x}" cy="250" rx="34" ry="20" fill="#fff" stroke="#222" stroke-width="4"/>
    <circle cx="${x}" cy="250" r="15" fill="#4a2f1a"/><circle cx="${x}" cy="250" r="7" fill="#000"/>
    <path d="M${x - 42},205 Q${x},185 ${x + 42},205" fill="none" stroke="#3a2416" stroke-width="10"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="640"><rect width="600" height="640" fill="#bcd7ee"/>
    <path d="M140,260 Q130,60 300,60 Q470,60 460,260 L460,330 L140,330 Z" fill="#4b2e1c"/>
    <rect x="250" y="450" width="100" height="190" fill="#d9a583"/>
    <path d="M160,250 Q160,110 300,110 Q440,110 440,250 Q440,400 360,470 Q300,515 240,470 Q160,400 160,250 Z" fill="#eebd98"/>
    ${eye(235)}${eye(365)}
    <path d="M300,265 L282,345 Q300,362 320,345" fill="none" stroke="#b9805c" stroke-width="6"/>
    <path d="M242,405 Q300,385 358,405 Q300,445 242,405 Z" fill="#c2504e"/><path d="M242,405 Q300,413 358,405" stroke="#7d2a2a" stroke-width="4" fill="none"/>
  </svg>`;
}

/** From files to what the model is fed, on public-domain photographs and the procedural head of the example. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { FACE_MODELS } from '../../../contract/env';
import { parseManifest } from '../../../contract/manifest';
import { builtInFaces } from '../../../faces/face-settings';
import { parseMattingModel } from '../../../faces/matting-settings';
import { FaceModelError } from '../../../faces/onnx-model';
import { CancelFlag, GenerationCanceled } from '../../../gpu-worker/cancellation';
import { toPlanes } from '../../../gpu-worker/images';
import { Graph } from '../../../gpu-worker/onnx/graph';
import { ReduceMean } from '../../../gpu-worker/onnx/ops';
import {
  type PreparationSettings,
  type PreparedReferences,
  prepareReferences,
} from '../../../gpu-worker/references/prepare';
import { ada, photo } from '../../faces/photos';
import { manifest } from '../../reference-set';

const SIDE = 128;
const CUT_OUT: PreparationSettings = {
  numReferences: 4,
  video: { width: SIDE, height: SIDE },
  preparation: 'cut_out',
  framing: { head: 0.5, eyes: 0.42 },
  faces: builtInFaces(),
};
const AS_UPLOADED: PreparationSettings = { ...CUT_OUT, preparation: 'as_uploaded' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-prepare-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Source = string | Uint8Array | Sharp;

interface Prepared extends PreparedReferences {
  readonly outFolder: string;
}

/** A set of these pictures, by their names in job.json. */
async function prepare(
  pictures: Record<string, Source>,
  settings = CUT_OUT,
  cancel = new CancelFlag(),
): Promise<Prepared> {
  const setFolder = mkdtempSync(path.join(folder, 'set-'));
  const outFolder = mkdtempSync(path.join(folder, 'out-'));
  for (const [name, source] of Object.entries(pictures)) {
    const file = path.join(setFolder, name);
    if (typeof source === 'string') copyFileSync(source, file);
    else writeFileSync(file, source instanceof Uint8Array ? source : await source.toBuffer());
  }
  const images = Object.keys(pictures).map((file) => ({ file }));
  const job = { ...manifest(), reference_set: { ...manifest().reference_set, images } };
  const parsed = parseManifest(new TextEncoder().encode(JSON.stringify(job)));
  const prepared = await prepareReferences(setFolder, parsed, settings, outFolder, cancel);
  return { ...prepared, outFolder };
}

/** The one picture that is made of this one. */
async function prepareOne(source: Source, settings = CUT_OUT, name = 'one.png'): Promise<Float32Array> {
  const { pixels } = await prepare({ [name]: source }, settings);
  return pixels[0]!;
}

/** RGB -1..1 at shares of the picture's sides. */
function at(planes: Float32Array, x: number, y: number): number[] {
  const pixel = Math.floor(y * SIDE) * SIDE + Math.floor(x * SIDE);
  return [0, 1, 2].map((channel) => planes[channel * SIDE * SIDE + pixel]!);
}

/** Decibels by which two pictures are alike. */
function likeness(a: Float32Array, b: Float32Array): number {
  const error = a.reduce((sum, value, i) => sum + ((value - b[i]!) / 2) ** 2, 0) / a.length;
  return -10 * Math.log10(error);
}

/** Mean difference of neighbours. */
function roughness(planes: Float32Array): number {
  return planes.reduce((sum, value, i) => sum + Math.abs(value - (planes[i - 1] ?? value)), 0) / planes.length;
}

const WHITE = [1, 1, 1];

test('the person on white: head and shoulders, whatever stood behind', async () => {
  const { pixels, uses } = await prepare({ 'obama.jpg': photo('obama'), 'astronaut.jpg': photo('astronaut') });
  expect(uses).toEqual([
    {
      image: { file: 'obama.jpg' },
      choice: 'all',
      preparation: 'cut_out',
      yaw: expect.closeTo(0, -1),
      fed: { file: 'references/1-obama.png', width: SIDE, height: SIDE },
    },
    {
      image: { file: 'astronaut.jpg' },
      choice: 'all',
      preparation: 'cut_out',
      yaw: expect.closeTo(0, -1),
      fed: { file: 'references/2-astronaut.png', width: SIDE, height: SIDE },
    },
  ]);
  for (const planes of pixels) {
    for (const [x, y] of [
      [0.02, 0.02],
      [0.98, 0.02],
      [0.5, 0.04],
      [0.05, 0.5],
      [0.95, 0.5],
    ] as const) {
      // biome-ignore format: one row
      expect(at(planes, x, y)).toEqual(WHITE);
    }
    // Skin: red over green over blue, on the cheeks below the eyes.
    const [red, green, blue] = at(planes, 0.5, 0.5);
    expect(red).toBeGreaterThan(green! + 0.1);
    expect(green).toBeGreaterThan(blue! + 0.05);
    // Shoulders stand on the lower edge.
    expect(at(planes, 0.35, 0.98)).not.toEqual(WHITE);
    expect(at(planes, 0.65, 0.98)).not.toEqual(WHITE);
  }
});

test.each([
  ['cut out', CUT_OUT],
  ['as uploaded', AS_UPLOADED],
])('%s: the stored files are what the VAE is fed, and the same again each time', async (_name, settings) => {
  const set = { 'biden.jpg': photo('biden'), 'ada.png': ada(60) };
  const { pixels, outFolder, uses } = await prepare(set, settings);
  expect(pixels).toHaveLength(2);
  for (const [i, { fed }] of uses.entries()) {
    const stored = sharp(path.join(outFolder, fed!.file));
    expect(await stored.metadata()).toMatchObject({ format: 'png', width: SIDE, height: SIDE, channels: 3 });
    expect(toPlanes({ data: await stored.raw().toBuffer(), width: SIDE, height: SIDE })).toEqual(pixels[i]);
  }
  expect((await prepare(set, settings)).pixels).toEqual(pixels);
});

test('every kind of file gives the same picture', async () => {
  const plain = () => sharp(photo('obama'));
  const set = {
    'plain.png': await plain().png().toBuffer(),
    'lying.png': await plain().rotate(270).png().withMetadata({ orientation: 6 }).toBuffer(),
    'deep.png': await plain().toColourspace('rgb16').png().toBuffer(),
    'printed.jpg': await plain().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
    'grey.jpg': await plain().greyscale().toColourspace('b-w').jpeg({ quality: 100 }).toBuffer(),
  };
  expect(await sharp(set['lying.png']).metadata()).toMatchObject({ orientation: 6 });
  expect(await sharp(set['deep.png']).metadata()).toMatchObject({ depth: 'ushort' });
  expect(await sharp(set['printed.jpg']).metadata()).toMatchObject({ space: 'cmyk' });
  expect(await sharp(set['grey.jpg']).metadata()).toMatchObject({ channels: 1 });
  const { pixels } = await prepare(set, { ...CUT_OUT, numReferences: 5 });
  const [expected, lying, deep, printed, grey] = pixels as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  expect(likeness(lying, expected)).toBeGreaterThan(40);
  expect(likeness(deep, expected)).toBeGreaterThan(40);
  expect(likeness(printed, expected)).toBeGreaterThan(20);
  expect(likeness(grey, expected)).toBeGreaterThan(15);
  const [red, green, blue] = at(grey, 0.5, 0.5);
  expect([green, blue]).toEqual([red, red]);
  expect(at(grey, 0.05, 0.5)).toEqual(WHITE);
});

test('a head that is small in a large photo is as sharp as in the photo itself', async () => {
  const settings = { ...CUT_OUT, video: { width: 480, height: 480 } };
  const face = await sharp(photo('obama')).toBuffer({ resolveWithObject: true });
  // Larger than what faces are looked for in.
  const large = await sharp({ create: { width: 5000, height: 3000, channels: 3, background: '#456' } })
    .composite([{ input: face.data, left: 3000, top: 3000 - face.info.height }])
    .png({ compressionLevel: 1 })
    .toBuffer();
  const { pixels } = await prepare({ 'small.png': large, 'alone.jpg': photo('obama') }, settings);
  const [small, alone] = pixels.map(roughness);
  expect(small! / alone!).toBeGreaterThan(0.9);
});

test('of two faces the larger one is framed', async () => {
  const [large, small] = [sharp(photo('obama')), sharp(photo('astronaut'))];
  const { width, height } = await large.metadata();
  const behind = await small.resize({ width: Math.round(width / 3) }).toBuffer();
  const both = await sharp({ create: { width: 3 * width, height, channels: 3, background: '#567' } })
    .composite([
      { input: behind, left: Math.round(0.2 * width), top: Math.round(height / 3) },
      { input: await large.toBuffer(), left: 2 * width, top: 0 },
    ])
    .png()
    .toBuffer();
  expect(likeness(await prepareOne(both), await prepareOne(photo('obama'), CUT_OUT, 'one.jpg'))).toBeGreaterThan(15);
});

test('a photo that stands on its head is cut out upright', async () => {
  for (const yaw of [-60, 0, 60] as const) {
    const turned = await prepare({ 'one.png': sharp(ada(yaw)).rotate(180).png() });
    expect(30 * Math.round(turned.uses[0]!.yaw! / 30) + 0).toBe(yaw);
    expect(likeness(turned.pixels[0]!, await prepareOne(ada(yaw)))).toBeGreaterThan(20);
  }
});

test('a network that fails on a photo is not the photo’s fault', async () => {
  const g = new Graph('square');
  const image = g.input('input', 'float32', [1, 3, 64, 64]);
  g.output('alpha', ReduceMean(g, image, { axes: [1] }));
  const file = path.join(folder, 'square.onnx');
  writeFileSync(file, g.toBytes());
  // It takes squares only, as the grey picture that it is shown at first is one.
  const matting = parseMattingModel({ preset: 'modnet', path: file, size: { side: 64, multiple_of: 32 } });
  const settings = { ...CUT_OUT, framing: null, faces: { ...builtInFaces(), matting } };
  const wide = sharp(ada(0)).resize({ width: 256, height: 128, fit: 'contain' }).png();
  await expect(prepare({ 'wide.png': wide }, settings)).rejects.toThrow(FaceModelError);
});

test('a picture without anybody in it is used whole, and told', async () => {
  const stripes = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#0a0' } })
    .png()
    .toBuffer();
  const { pixels, uses } = await prepare({ 'green.png': stripes });
  expect(uses[0]).toMatchObject({ preparation: 'as_uploaded', yaw: null, choice: 'all' });
  expect(pixels[0]).toEqual(await prepareOne(stripes, AS_UPLOADED));
});

test('the framing of mv2id-tiny leaves its example as it was trained on such', async () => {
  const settings = { ...CUT_OUT, framing: { head: 0.64, eyes: 0.44 } };
  for (const yaw of [-60, 0, 60] as const) {
    const cut = await prepareOne(ada(yaw), settings);
    expect(likeness(cut, await prepareOne(ada(yaw), AS_UPLOADED))).toBeGreaterThan(45);
  }
  // Head and shoulders of other models are another picture.
  expect(likeness(await prepareOne(ada(0)), await prepareOne(ada(0), AS_UPLOADED))).toBeLessThan(15);
});

test('without a framing the head stays where the picture has it', async () => {
  const whole = await prepareOne(photo('obama'), { ...CUT_OUT, framing: null }, 'one.jpg');
  const uploaded = await prepareOne(photo('obama'), AS_UPLOADED, 'one.jpg');
  const face = [0.53, 0.2] as const;
  for (const [i, value] of at(whole, ...face).entries()) expect(value).toBeCloseTo(at(uploaded, ...face)[i]!, 0);
  expect(at(whole, 0.2, 0.2)).toEqual(WHITE);
  expect(at(uploaded, 0.2, 0.2)).not.toEqual(WHITE);
});

test('hair that the frame would cut makes it roomier', async () => {
  const tight = { ...CUT_OUT, framing: { head: 0.9, eyes: 0.35 } };
  const planes = await prepareOne(photo('astronaut'), tight, 'one.jpg');
  for (let column = 0; column < SIDE; column++) {
    for (const value of at(planes, column / SIDE, 0)) expect(value).toBeGreaterThan(0.95);
  }
});

test('of more views than the model takes, the widest angles are fed, in the order of job.json', async () => {
  const set = {
    'again.png': sharp(ada(60)).blur(2).png(),
    'left.png': ada(60),
    'front.png': ada(0),
    'right.png': ada(-60),
  };
  for (const settings of [CUT_OUT, AS_UPLOADED]) {
    const { uses, pixels, outFolder } = await prepare(set, { ...settings, numReferences: 3 });
    expect(uses.map(({ choice, fed, yaw }) => [choice, fed?.file ?? null, 30 * Math.round(yaw! / 30) + 0])).toEqual([
      ['left_out', null, 60],
      ['new_angle', 'references/1-left.png', 60],
      ['most_frontal', 'references/2-front.png', 0],
      ['new_angle', 'references/3-right.png', -60],
    ]);
    expect(pixels).toHaveLength(3);
    expect(readdirSync(path.join(outFolder, 'references')).sort()).toEqual([
      '1-left.png',
      '2-front.png',
      '3-right.png',
    ]);
  }
});

test('a damaged view is told even if it would be left out, or the model takes none', async () => {
  const bytes = await sharp(ada(60)).jpeg().toBuffer();
  const set = { 'a.png': ada(0), 'b.png': ada(60), 'c.jpg': bytes.subarray(0, bytes.length / 2) };
  for (const numReferences of [4, 2, 0]) {
    for (const settings of [CUT_OUT, AS_UPLOADED]) {
      await expect(prepare(set, { ...settings, numReferences })).rejects.toThrow(
        /^reference_set\.images\[2\]\.file must be a complete image, got c\.jpg \(/,
      );
    }
  }
});

test('a model that takes no references is fed none', async () => {
  const { pixels, uses, outFolder } = await prepare({ 'a.png': ada(0) }, { ...CUT_OUT, numReferences: 0 });
  expect([pixels, uses, readdirSync(outFolder)]).toEqual([[], [], []]);
});

test('as uploaded, and not more than the model takes: no face model is opened', async () => {
  const empty = path.join(folder, 'no-models');
  mkdirSync(empty);
  process.env[FACE_MODELS] = empty;
  try {
    const set = { 'a.png': ada(0), 'b.png': ada(60) };
    expect((await prepare(set, AS_UPLOADED)).pixels).toHaveLength(2);
    await expect(prepare(set, CUT_OUT)).rejects.toThrow('must be a readable .onnx file');
    await expect(prepare(set, { ...AS_UPLOADED, numReferences: 1 })).rejects.toThrow('must be a readable .onnx file');
  } finally {
    delete process.env[FACE_MODELS];
  }
});

test('it stops between two pictures', async () => {
  const cancel = new CancelFlag();
  cancel.set();
  await expect(prepare({ 'a.png': ada(0) }, CUT_OUT, cancel)).rejects.toThrow(GenerationCanceled);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ModelError } from '../../../gpu-worker/errors';
import {
  parseReferenceConditioning,
  readReferenceConditioning,
  weightedBranches,
} from '../../../gpu-worker/model/reference-conditioning';

/** The wire form, version 1, as training/export.py writes it. */
const MV2ID = {
  version: 1,
  scheme: 'rd-rope',
  offset: 1,
  reference_timestep: 'zero',
  max_references: 4,
  preparation: 'cut_out',
  framing: { head: 0.64, eyes: 0.44 },
  dropped_references: 'omit',
  guidance: {
    branches: [
      { name: 'text_references', text: true, references: true, weight: { constant: 0, text: 1, image: 0 } },
      { name: 'references', text: false, references: true, weight: { constant: 0, text: -1, image: 1 } },
      { name: 'neither', text: false, references: false, weight: { constant: 1, text: 0, image: -1 } },
    ],
  },
  defaults: {
    negative_prompt: '',
    width: 128,
    height: 128,
    num_frames: 17,
    fps: 8,
    steps: 20,
    guidance: { text: 2, image: 1.5 },
  },
};

function parse(json: unknown) {
  return parseReferenceConditioning(JSON.stringify(json), 'm/reference_conditioning.json');
}

test('the wire form is read as it stands', () => {
  expect(parse(MV2ID)).toEqual(MV2ID);
});

test('weights that are left out are 0', () => {
  const { weight } = parse({
    ...MV2ID,
    guidance: { branches: [{ name: 'a', text: true, references: true, weight: { constant: 1 } }] },
  }).guidance.branches[0]!;
  expect(weight).toEqual({ constant: 1, text: 0, image: 0 });
});

test.each([
  [5, 7.5, { text_references: 7.5, references: -2.5, neither: -4 }],
  [1, 1, { text_references: 1 }],
  [2, 2, { text_references: 2, neither: -1 }],
  [1, 2, { text_references: 2, references: -1 }],
  [0, 0, { neither: 1 }],
  [3, 0, { references: 3, neither: -2 }],
])('image scale %d and text scale %d need the branches %j', (image, text, expected) => {
  const branches = weightedBranches(parse(MV2ID), { image, text });
  expect(Object.fromEntries(branches.map(({ branch, weight }) => [branch.name, weight]))).toEqual(expected);
});

test('the branches of every preset sum up to 1, so equal answers pass unchanged', () => {
  for (const preset of ['phantom', 'text-to-video']) {
    const branches = weightedBranches(parse({ version: 1, preset }), { image: 3.25, text: 6.5 });
    expect(branches.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
  }
});

test('a preset stands for a whole file, and a key beside it replaces that key', () => {
  expect(parse({ version: 1, preset: 'phantom' })).toMatchObject({
    scheme: 'vanilla',
    reference_timestep: 'same',
    dropped_references: 'zero',
    defaults: { width: 832, height: 480, guidance: { text: 7.5, image: 5 } },
  });
  expect(parse({ version: 1, preset: 'phantom', max_references: 2 }).max_references).toBe(2);
  expect(parse({ version: 1, preset: 'phantom', preparation: 'cut_out' }).preparation).toBe('cut_out');
});

test('a directory without the file is plain text-to-video', async () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'mv2id-model-'));
  const conditioning = await readReferenceConditioning(dir);
  rmSync(dir, { recursive: true });
  expect(conditioning.max_references).toBe(0);
  const branches = weightedBranches(conditioning, { text: 5, image: 0 });
  expect(branches.map(({ branch, weight }) => [branch.name, weight])).toEqual([
    ['text', 5],
    ['neither', -4],
  ]);
});

test.each([
  ['an unknown scheme', { ...MV2ID, scheme: 'uno' }, 'scheme must be one of "rd-rope", "vanilla", "tass", got "uno".'],
  ['too many references', { ...MV2ID, max_references: 9 }, 'max_references must be at most 8, got 9.'],
  [
    'no branch',
    { ...MV2ID, guidance: { branches: [] } },
    'guidance.branches must be a list whose length is at least 1, got [].',
  ],
  [
    'an unknown key',
    { ...MV2ID, ofset: 2 },
    'ofset must be absent (reference_conditioning.json takes version, scheme,',
  ],
  ['an unknown preset', { version: 1, preset: 'uno' }, 'preset must be one of "text-to-video", "phantom", got "uno".'],
  [
    'an unknown preparation',
    { ...MV2ID, preparation: 'masked' },
    'preparation must be one of "cut_out", "as_uploaded", got "masked".',
  ],
  ['a head larger than the frame', { ...MV2ID, framing: { head: 1.5, eyes: 0.4 } }, 'framing.head must be'],
  ['no version', { preset: 'phantom' }, 'version must be 1, got nothing.'],
  [
    'defaults that lack a key',
    { ...MV2ID, defaults: { ...MV2ID.defaults, fps: undefined } },
    'defaults.fps must be a number, got nothing.',
  ],
])('%s is refused by name', (_name, json, message) => {
  expect(() => parse(json)).toThrow(ModelError);
  expect(() => parse(json)).toThrow(`m/reference_conditioning.json: ${message}`);
});

test('references are as uploaded, heads and shoulders where they are cut out, unless the model says otherwise', () => {
  const { preparation, framing } = parse({ ...MV2ID, preparation: undefined, framing: undefined });
  expect({ preparation, framing }).toEqual({ preparation: 'as_uploaded', framing: { head: 0.5, eyes: 0.42 } });
  expect(parse({ ...MV2ID, framing: null }).framing).toBeNull();
  for (const preset of ['phantom', 'text-to-video']) {
    expect(parse({ version: 1, preset }).preparation).toBe('as_uploaded');
  }
});

test('text that is no JSON is refused', () => {
  expect(() => parseReferenceConditioning('{', 'm/f.json')).toThrow('m/f.json must be JSON, got "{".');
});

import { MAX_IMAGE_BYTES } from '../../../contract/limits';
import { parseManifest } from '../../../contract/manifest';
import { JobRejected } from '../../../contract/rejection';
import { manifestBytes, type Submission, setName } from '../../../local/status-page/submission';

const SUBMISSION: Submission = {
  tenant: 'local',
  set: '',
  base: null,
  fields: {
    'reference_set.subject': 'Ada',
    'reference_set.consent.confirmed': true,
    'reference_set.consent.reference': 'form 12',
    'input.prompt': 'a head turns',
    'input.seed': '',
    model: 'mv2id-tiny',
  },
  images: [{ file: 'front.png', view: 'front', size: 10 }],
};

test('empty fields are left to the model, and a view that was not given is not there', () => {
  const images = [...SUBMISSION.images, { file: 'side.png', view: '', size: 10 }];
  expect(parseManifest(manifestBytes({ ...SUBMISSION, images }))).toEqual({
    schema_version: 1,
    model: 'mv2id-tiny',
    input: { prompt: 'a head turns' },
    reference_set: {
      subject: 'Ada',
      consent: { confirmed: true, reference: 'form 12' },
      images: [{ file: 'front.png', view: 'front' }, { file: 'side.png' }],
    },
  });
});

test('what the form has no field for stays as job.json had it, and what it has wins', () => {
  const sha256 = 'a'.repeat(64);
  const base = {
    schema_version: 1,
    input: { prompt: 'another', seed: 3, width: 64 },
    reference_set: { images: [{ file: 'front.png', sha256, view: 'up' }, 7] },
    metadata: { case: 4107 },
  };
  const manifest = parseManifest(manifestBytes({ ...SUBMISSION, base }));
  expect(manifest.input).toEqual({ prompt: 'a head turns', width: 64 });
  expect(manifest.metadata).toEqual({ case: 4107 });
  expect(manifest.reference_set.images).toEqual([{ file: 'front.png', sha256, view: 'front' }]);
});

test('boxes say what is accepted; without any of them it is what job.json says', () => {
  const base = { reference_set: { accept: ['no_face'] } };
  const accepted = (boxes: Submission['fields']) => {
    const fields = { ...SUBMISSION.fields, ...boxes };
    return parseManifest(manifestBytes({ ...SUBMISSION, base, fields })).reference_set.accept;
  };
  const none = { 'reference_set.accept.no_face': false, 'reference_set.accept.small_face': false };
  expect(accepted({})).toEqual(['no_face']);
  expect(accepted({ ...none, 'reference_set.accept.different_person': true })).toEqual(['different_person']);
  expect(accepted(none)).toBeUndefined();
});

test('every error names its field, photos that are too large too', () => {
  const fields = { ...SUBMISSION.fields, 'input.seed': 'seven', 'reference_set.consent.confirmed': false };
  const images = [{ file: 'front.png', view: 'front', size: MAX_IMAGE_BYTES + 1 }];
  expect(errorPaths({ ...SUBMISSION, fields, images })).toEqual([
    'reference_set.images[0].file',
    'input.seed',
    'reference_set.consent.confirmed',
  ]);
});

test('a key that job.json does not know is an error, also __proto__', () => {
  expect(errorPaths({ ...SUBMISSION, base: JSON.parse('{"__proto__": {"a": 1}, "promt": ""}') })).toEqual(
    expect.arrayContaining(['promt']),
  );
});

test('a set without a name is named after subject and time', () => {
  const now = new Date('2026-11-23T21:14:05Z');
  const named = (subject: string) => setName({ ...SUBMISSION, fields: { 'reference_set.subject': subject } }, now);
  expect(named('Ada  Lovelacé!')).toBe('ada-lovelace-20261123-211405');
  expect(named('大')).toBe('set-20261123-211405');
  expect(setName({ ...SUBMISSION, set: ' mine ' }, now)).toBe('mine');
});

function errorPaths(submission: Submission): string[] {
  try {
    manifestBytes(submission);
  } catch (error) {
    if (error instanceof JobRejected) return error.details.map(({ path }) => path);
    throw error;
  }
  return [];
}

import {
  checkpointKey,
  deliveredName,
  jobId,
  manifestKey,
  modelKey,
  parseResultKey,
  parseUploadKey,
  posterFileName,
  referenceFileName,
  resultKey,
  uploadKey,
  videoFileName,
} from '../../contract/keys';

const MANIFEST = new TextEncoder().encode('{"schema_version":1}');
const ID = jobId('acme', 'ada', MANIFEST);

test('the job id is fixed by tenant, set and manifest bytes', () => {
  expect(ID).toBe('job-6qw2ed56eqrebqytwvty7mb2db');
  expect(jobId('acme', 'ada', Uint8Array.from(MANIFEST))).toBe(ID);
  expect(jobId('acme', 'ada2', MANIFEST)).not.toBe(ID);
  expect(jobId('acme2', 'ada', MANIFEST)).not.toBe(ID);
  expect(jobId('acme', 'ada', new TextEncoder().encode('{"schema_version":1} '))).not.toBe(ID);
});

test('the keys of a set and of a job', () => {
  expect(uploadKey('acme', 'ada', 'front.png')).toBe('sets/acme/ada/front.png');
  expect(manifestKey('acme', 'ada')).toBe('sets/acme/ada/job.json');
  expect(resultKey(ID, videoFileName())).toBe(`jobs/${ID}/video.mp4`);
  expect(resultKey(ID, videoFileName(1))).toBe(`jobs/${ID}/video-2.mp4`);
  expect(resultKey(ID, posterFileName())).toBe(`jobs/${ID}/poster.jpg`);
  expect(checkpointKey(ID, 'latents.safetensors')).toBe(`jobs/${ID}/checkpoint/latents.safetensors`);
  expect(modelKey('mv2id-tiny', 'vae/config.json')).toBe('mv2id-tiny/vae/config.json');
});

test('keys are parsed back', () => {
  expect(parseUploadKey('sets/acme/ada/front.png')).toEqual({ tenant: 'acme', set: 'ada', file: 'front.png' });
  expect(parseResultKey(`jobs/${ID}/video.mp4`)).toEqual({ jobId: ID, file: 'video.mp4' });
  expect(parseResultKey(checkpointKey(ID, 'a/b'))).toEqual({ jobId: ID, file: 'checkpoint/a/b' });
});

test('a reference has its number and the name of its image, in a file name that every file system takes', () => {
  expect(referenceFileName(1, 'front.png')).toBe('references/1-front.png');
  expect(referenceFileName(2, 'left 45.v2.JPEG')).toBe('references/2-left 45.v2.png');
  const long = referenceFileName(8, `${'😀'.repeat(62)}.webp`);
  expect(Buffer.byteLength(long.slice('references/'.length))).toBeLessThanOrEqual(255);
  expect(long).toMatch(/^references\/8-(😀)+\.png$/u);
});

test.each([
  ['video.mp4', 'video.mp4'],
  ['references/1-front.png', '1-front.png'],
  ['checkpoint/state.mv2id', null],
  ['references/a/b.png', null],
  ['references/', null],
  ['references/../job.json', null],
  ['../job.json', null],
  ['.hidden', null],
  ['', null],
])('of the results, %p is given out as %p', (file, name) => {
  expect(deliveredName(file)).toBe(name);
});

test.each([
  'sets/acme/ada',
  'sets/acme/ada/',
  'sets/acme/ada/sub/front.png',
  'sets//ada/f.png',
  'sets/../ada/f.png',
  'x',
])('%s is no upload key', (key) => {
  expect(parseUploadKey(key)).toBeNull();
});

test.each(['jobs/job-short/video.mp4', `jobs/${ID}`, `jobs/${ID}/`, `sets/${ID}/video.mp4`])(
  '%s is no result key',
  (key) => {
    expect(parseResultKey(key)).toBeNull();
  },
);

test.each(['../b', 'Acme', 'a/b', '', '-a', 'a'.repeat(65)])('%p cannot be a tenant', (tenant) => {
  expect(() => uploadKey(tenant, 'ada', 'f.png')).toThrow(/^tenant must be lower-case letters/);
});

import { JobRejected } from '../../contract/rejection';
import { ModelError, OutOfMemoryError, ProviderError } from '../../gpu-worker/errors';
import { DeadlineExceeded, failureOf } from '../../gpu-worker/failure';

const DETAIL = { path: 'reference_set.images[0].file', message: 'It must be /scratch/set/a.png.' };

test.each([
  ['a rejection', new JobRejected('invalid_image', [DETAIL]), 'failed', 'invalid_image', 64],
  ['a broken model', new ModelError('x must be y.'), 'failed', 'invalid_model', 64],
  ['the time limit', new DeadlineExceeded(60), 'timed_out', 'timed_out', 64],
  ['too little memory', new OutOfMemoryError('memory must be more.'), null, 'out_of_memory', 70],
  ['a provider that does not load', new ProviderError('cuda must load.'), null, 'provider_unavailable', 75],
  ['a full disk', Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'write' }), null, 'disk_full', 70],
  ['a quota', Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' }), null, 'disk_full', 70],
  ['anything else', new TypeError('x is not a function'), null, 'internal_error', 70],
  ['what is no error', 'a text', null, 'internal_error', 70],
])('%s', (_, error, status, code, exit) => {
  const failure = failureOf(error);
  expect(failure).toMatchObject({ status, exit, error: { code, retryable: status === null } });
  expect(failure.error.message).toMatch(/^\S.*\.$/);
});

test('folders of this machine are named as users know them, and messages are one line of limited length', () => {
  const places = new Map([
    ['/cache/tiny/0123', 'tiny'],
    ['/scratch/set/', ''],
  ]);
  expect(failureOf(new ModelError('/cache/tiny/0123/vae must be\n  there.'), places).error.message).toBe(
    'tiny/vae must be there.',
  );
  expect(failureOf(new JobRejected('invalid_image', [DETAIL]), places).error.details).toEqual([
    { ...DETAIL, message: 'It must be a.png.' },
  ]);
  expect(failureOf(new Error('x'.repeat(9_000))).error.message.length).toBeLessThan(600);
});

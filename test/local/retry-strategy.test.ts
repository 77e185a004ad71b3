import type { AttemptEnd } from '../../clients/local/batch-store';
import { WORKER_ATTEMPTS, WORKER_EVALUATE_ON_EXIT } from '../../contract/worker-exit';
import { isRetried } from '../../local/retry-strategy';

const end = (change: Partial<AttemptEnd>): AttemptEnd => ({
  exitCode: null,
  statusReason: 'Essential container in task exited',
  reason: null,
  ...change,
});
const OURS = { attempts: WORKER_ATTEMPTS, evaluateOnExit: WORKER_EVALUATE_ON_EXIT };

test.each([
  ['the worker asks for it', { exitCode: 75 }, true],
  ['the worker was killed', { exitCode: 137 }, true],
  ['the host went away', { exitCode: 143, statusReason: 'Host EC2 (instance i-1) terminated.' }, true],
  ['the host went away and nobody knows the exit code', { statusReason: 'Host EC2 (instance i-1) terminated.' }, true],
  ['the image could not be pulled', { reason: 'CannotPullContainerError: no such image' }, true],
  ["it is the job's fault", { exitCode: 64 }, false],
  ['the worker broke', { exitCode: 70 }, false],
])('with our strategy, when %s: %p -> %p', (_, change, expected) => {
  expect(isRetried(end(change), 1, OURS)).toBe(expected);
});

test('the last attempt is not retried', () => {
  expect(isRetried(end({ exitCode: 75 }), WORKER_ATTEMPTS - 1, OURS)).toBe(true);
  expect(isRetried(end({ exitCode: 75 }), WORKER_ATTEMPTS, OURS)).toBe(false);
});

test('the first entry that matches decides', () => {
  const evaluateOnExit = [
    { onExitCode: '1*', action: 'EXIT' },
    { onExitCode: '137', action: 'RETRY' },
  ] as const;
  expect(isRetried(end({ exitCode: 137 }), 1, { attempts: 3, evaluateOnExit })).toBe(false);
});

test('an entry matches when all of its conditions do, and without any match the job is retried', () => {
  const evaluateOnExit = [{ onExitCode: '1', onReason: 'Out*', action: 'EXIT' }] as const;
  const strategy = { attempts: 3, evaluateOnExit };
  expect(isRetried(end({ exitCode: 1, reason: 'OutOfMemory' }), 1, strategy)).toBe(false);
  expect(isRetried(end({ exitCode: 1, reason: 'something else' }), 1, strategy)).toBe(true);
  expect(isRetried(end({ exitCode: 1 }), 1, strategy)).toBe(true);
});

test('* stands for a rest, not for a middle', () => {
  const strategy = { attempts: 3, evaluateOnExit: [{ onStatusReason: 'Host EC2*', action: 'EXIT' }] as const };
  expect(isRetried(end({ statusReason: 'Host EC2' }), 1, strategy)).toBe(false);
  expect(isRetried(end({ statusReason: 'The Host EC2 ended' }), 1, strategy)).toBe(true);
});

/** When the next try is: gaps, jitter, and what the receiver asks for. */
import fc from 'fast-check';
import { JOB_EVENT_TYPES } from '../../contract/job';
import { JITTER, MAX_RETRY_AFTER_SECONDS, maxTries, nextTry, RETRY_GAPS_SECONDS } from '../../lambdas/webhook-schedule';

const NOW = new Date('2026-11-01T10:00:00Z');
const NO_ANSWER = { statusCode: null, retryAfter: null };

/** Seconds from now to the next try; the middle of the jitter unless told. */
function gap(
  tries: number,
  failed: { statusCode: number | null; retryAfter: string | null } = NO_ANSWER,
  random = 0.5,
) {
  const next = nextTry('job.succeeded', tries, failed, { now: NOW, random });
  return next && (next.getTime() - NOW.getTime()) / 1000;
}

test('the gaps of Standard Webhooks, three days in all, and then no more', () => {
  expect(RETRY_GAPS_SECONDS).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
  expect(RETRY_GAPS_SECONDS.map((_, i) => gap(i + 1))).toEqual(RETRY_GAPS_SECONDS);
  const hours = RETRY_GAPS_SECONDS.reduce((sum, seconds) => sum + seconds, 0) / 3600;
  expect(hours).toBeGreaterThan(72);
  expect(hours).toBeLessThan(76);
  expect(gap(10)).toBeNull();
});

test('how often each type is sent', () => {
  expect(Object.fromEntries(JOB_EVENT_TYPES.map((type) => [type, maxTries(type)]))).toEqual({
    'job.started': 4,
    'job.progress': 1,
    'job.succeeded': 10,
    'job.failed': 10,
    'job.canceled': 10,
    'job.rejected': 10,
  });
  expect(nextTry('job.progress', 1, NO_ANSWER, { now: NOW, random: 0 })).toBeNull();
  expect(nextTry('job.started', 4, NO_ANSWER, { now: NOW, random: 0 })).toBeNull();
});

test('jitter goes either way by a tenth', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (tries, random) => {
      const planned = RETRY_GAPS_SECONDS[tries - 1]!;
      const actual = gap(tries, NO_ANSWER, random)!;
      expect(actual).toBeGreaterThanOrEqual(planned * (1 - JITTER) - 0.001);
      expect(actual).toBeLessThanOrEqual(planned * (1 + JITTER));
    }),
  );
  expect(gap(2, NO_ANSWER, 0)).toBe(270);
  expect(gap(2, NO_ANSWER, 0.999)).toBeCloseTo(329.94, 2);
});

test.each([429, 502, 504])('%d slows down a hasty try and leaves a late one', (statusCode) => {
  expect(gap(1, { statusCode, retryAfter: null })).toBe(300);
  expect(gap(4, { statusCode, retryAfter: null })).toBe(7200);
});

test.each([500, 503, 404, 302])('%d does not', (statusCode) => {
  expect(gap(1, { statusCode, retryAfter: null })).toBe(5);
});

test('Retry-After: never before it, never more than a day, and nothing when it says nothing', () => {
  const asking = (retryAfter: string, tries = 1, random = 0) => gap(tries, { statusCode: 503, retryAfter }, random);
  expect(asking('120')).toBe(120);
  expect(asking('120', 1, 0.5)).toBe(126);
  expect(asking(' 120 ')).toBe(120);
  expect(asking('Sun, 01 Nov 2026 11:00:00 GMT')).toBe(3600);
  // An earlier time than planned changes nothing.
  expect(asking('1', 4, 0.5)).toBe(7200);
  expect(asking('Sun, 01 Nov 2026 09:00:00 GMT', 1, 0.5)).toBe(5);
  expect(asking('999999999')).toBe(MAX_RETRY_AFTER_SECONDS);
  for (const nothing of ['', 'soon', '-5', '1e99', '0x10', 'NaN']) expect(asking(nothing, 2, 0.5)).toBe(300);
});

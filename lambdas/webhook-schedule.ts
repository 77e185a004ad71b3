/**
 * When a webhook that was not taken is sent again. The gaps are those that Standard Webhooks recommends: a deploy of the receiver is
 * over after minutes, a bad night after a day, a long weekend after three.
 */
import type { JobEventType } from '../contract/job';

/** What the last try tells about the next. */
export interface FailedTry {
  /** Null when no answer came. */
  readonly statusCode: number | null;
  /** The header as it came, seconds or a date. */
  readonly retryAfter: string | null;
}

const MINUTE = 60;
const HOUR = 3600;
/** Seconds from each try to the next; about 75 hours in all. The first try is made at once. */
export const RETRY_GAPS_SECONDS: readonly number[] = [
  5,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/** A start is news for an hour: the gaps that fit into it. */
const STARTED_GAPS_SECONDS = RETRY_GAPS_SECONDS.slice(0, 3);

/** A gap varies by so much either way, so that what failed together does not come back together. */
export const JITTER = 0.1;
/** Too many requests, and a gateway whose service is down: coming back after 5 s would be part of the problem. */
const SLOW_DOWN_STATUS_CODES = [429, 502, 504];
const SLOW_DOWN_SECONDS = 5 * MINUTE;
/** A receiver may ask for patience, not for a webhook that never comes. */
export const MAX_RETRY_AFTER_SECONDS = 24 * HOUR;

/** A progress that waited longer than this is no news: the next one, or the end, is on its way. */
export const MAX_PROGRESS_AGE_SECONDS = 60;

/** Whether a receiver must learn of it: such an event is dead-lettered when every try has failed, others are dropped. */
export function isLasting(type: JobEventType): boolean {
  return type !== 'job.started' && type !== 'job.progress';
}

/** How often an event is sent at most. */
export function maxTries(type: JobEventType): number {
  return gapsOf(type).length + 1;
}

/**
 * When to try again.
 * @param tries made so far, from 1.
 * @param random 0 <= x < 1
 * @returns null when there is to be no further try.
 */
export function nextTry(
  type: JobEventType,
  tries: number,
  failed: FailedTry,
  { now, random }: { now: Date; random: number },
): Date | null {
  const gap = gapsOf(type)[tries - 1];
  if (gap === undefined) return null;
  const isToSlowDown = failed.statusCode !== null && SLOW_DOWN_STATUS_CODES.includes(failed.statusCode);
  const planned = (isToSlowDown ? Math.max(gap, SLOW_DOWN_SECONDS) : gap) * (1 + JITTER * (2 * random - 1));
  // Who names a time is not disturbed before it.
  const asked = Math.min(retryAfterSeconds(failed.retryAfter, now), MAX_RETRY_AFTER_SECONDS) * (1 + JITTER * random);
  return new Date(now.getTime() + Math.max(planned, asked) * 1000);
}

function gapsOf(type: JobEventType): readonly number[] {
  if (isLasting(type)) return RETRY_GAPS_SECONDS;
  return type === 'job.started' ? STARTED_GAPS_SECONDS : [];
}

/** RFC 9110, 10.2.3. 0 for what is neither a number of seconds nor a date. */
function retryAfterSeconds(header: string | null, now: Date): number {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  const seconds = (Date.parse(text) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}

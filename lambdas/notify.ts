/**
 * Stage of queue `webhooks`: brings one event to one address. The delivery record, not the queue, knows how often it was tried and
 * when the next try is due, because a message may come twice, late, or early: SQS hides a message for at most 12 hours, and some gaps
 * are longer. Before a try the record is claimed until the try must be over, so that two messages of one event do not send at once.
 */
import { MAX_VISIBILITY_SECONDS } from '../clients/job-queue';
import { type Delivery, MAX_KEPT_ATTEMPTS } from '../contract/delivery';
import { type DeliverMessage, DeliverMessageSchema } from '../contract/events';
import { RetryLater, type Stage, type StageContext } from './stage';
import { checkAddress, literalAddressProblem, type Resolver, systemResolver } from './webhook-address';
import { webhookBody } from './webhook-body';
import { postWebhook } from './webhook-request';
import { type FailedTry, isLasting, MAX_PROGRESS_AGE_SECONDS, nextTry } from './webhook-schedule';
import { webhookHeaders } from './webhook-signature';

export interface NotifyOptions {
  readonly resolve?: Resolver;
  /** Of one try, from the look-up of the name to the end of the answer. */
  readonly timeoutMs?: number;
  /** Certificate authorities in place of the system's (PEM). */
  readonly ca?: string;
}

/** What came of one try. `error` is null when the webhook was taken. */
interface Outcome extends FailedTry {
  readonly error: string | null;
}

interface Sending extends NotifyOptions {
  readonly resolve: Resolver;
  readonly timeoutMs: number;
}

const TIMEOUT_MS = 15_000;
/** What else a try does: secrets, links, records. */
const CLAIM_MARGIN_MS = 15_000;
const GONE = 410;
const MAX_ERROR_LENGTH = 300;

export const notify: Stage = createNotify();

export function createNotify(options: NotifyOptions = {}): Stage {
  const sending: Sending = { resolve: systemResolver, timeoutMs: TIMEOUT_MS, ...options };
  return async ({ body }, context) => {
    const message = DeliverMessageSchema.parse(JSON.parse(body));
    const delivery = await claim(message, context, sending.timeoutMs + CLAIM_MARGIN_MS);
    if (!delivery) return;
    const reason = await reasonToDrop(message, context);
    if (reason !== null) {
      await record(delivery, { status: 'dropped', next_attempt_at: null }, context);
      context.log.info('Webhook dropped', { ...about(message), reason });
      return;
    }
    await attempt(delivery, context, sending);
  };
}

/**
 * The delivery, if a try is due and is ours to make; null when there is nothing left to do.
 * @throws RetryLater while it is not due.
 */
async function claim(message: DeliverMessage, context: StageContext, claimMs: number): Promise<Delivery | null> {
  const { deliveries, erasedJobs } = context.ports;
  const { event } = message;
  if (await erasedJobs.get(event.job.id)) return null;
  for (;;) {
    const now = context.now();
    const next_attempt_at = new Date(now.getTime() + claimMs).toISOString();
    const stored = await deliveries.get(event.webhook_id);
    if (!stored) {
      const first: Delivery = {
        id: event.webhook_id,
        version: 1,
        job_id: event.job.id,
        status: 'pending',
        message,
        tries: 0,
        attempts: [],
        next_attempt_at,
        created_at: now.toISOString(),
      };
      if (!(await deliveries.insert(first))) continue;
      if (!(await erasedJobs.get(event.job.id))) return first;
      // Erased meanwhile: the erasure may have looked before this stood there.
      await deliveries.delete(first.id);
      return null;
    }
    if (stored.status !== 'pending') return null;
    const waitMs = stored.next_attempt_at === null ? 0 : Date.parse(stored.next_attempt_at) - now.getTime();
    if (waitMs > 0) throw retryIn(waitMs, `${stored.id} is due at ${stored.next_attempt_at}.`);
    const claimed = await deliveries.replace({ ...stored, next_attempt_at });
    if (claimed) return claimed;
  }
}

/** Why an event is not sent at all; null when it is. */
async function reasonToDrop({ url, event }: DeliverMessage, context: StageContext): Promise<string | null> {
  const problem = literalAddressProblem(url, context);
  if (problem !== null) return problem;
  const endpoint = await context.ports.endpoints.get(url);
  if (endpoint && endpoint.disabled_at !== null) return `The address was disabled at ${endpoint.disabled_at}.`;
  const ageSeconds = (context.now().getTime() - Date.parse(event.timestamp)) / 1000;
  const isStale = event.type === 'job.progress' && ageSeconds > MAX_PROGRESS_AGE_SECONDS;
  return isStale ? `A progress of ${Math.round(ageSeconds)} s ago is no news.` : null;
}

async function attempt(delivery: Delivery, context: StageContext, sending: Sending): Promise<void> {
  const { message } = delivery;
  const startedAt = context.now();
  const outcome = await sendOnce(message, context, sending);
  const now = context.now();
  const tries = delivery.tries + 1;
  const attempts = [
    ...delivery.attempts,
    {
      at: startedAt.toISOString(),
      status_code: outcome.statusCode,
      error: outcome.error,
      duration_ms: Math.max(0, now.getTime() - startedAt.getTime()),
    },
  ].slice(-MAX_KEPT_ATTEMPTS);
  const tried = { ...delivery, tries, attempts };
  const log = { ...about(message), tries, status_code: outcome.statusCode };

  if (outcome.error === null) {
    await record(tried, { status: 'delivered', next_attempt_at: null }, context);
    context.log.info('Webhook delivered', log);
    return;
  }
  if (outcome.statusCode === GONE) {
    await disable(message.url, context);
    await record(tried, { status: 'dropped', next_attempt_at: null }, context);
    context.log.warn('Webhook address disabled: it answered 410 Gone', log);
    return;
  }
  const next = nextTry(message.event.type, tries, outcome, { now, random: context.random() });
  if (next) {
    await record(tried, { status: 'pending', next_attempt_at: next.toISOString() }, context);
    context.log.warn('Webhook not taken', { ...log, error: outcome.error, next_attempt_at: next.toISOString() });
    throw retryIn(next.getTime() - now.getTime(), `${delivery.id} was not taken: ${outcome.error}`);
  }
  if (!isLasting(message.event.type)) {
    await record(tried, { status: 'dropped', next_attempt_at: null }, context);
    context.log.info('Webhook dropped', { ...log, reason: outcome.error });
    return;
  }
  // The dead letter first: a process that dies in between leaves two of them rather than none.
  await context.ports.deadLetters.webhooks.send([{ body: JSON.stringify(message), group: new URL(message.url).host }]);
  await record(tried, { status: 'dead', next_attempt_at: null }, context);
  context.log.error('Webhook given up', { ...log, error: outcome.error });
}

/** @throws only for faults of our own: without secrets or links there is nothing to send. */
async function sendOnce({ url, event }: DeliverMessage, context: StageContext, sending: Sending): Promise<Outcome> {
  const [body, secrets] = await Promise.all([
    webhookBody(event, context.ports.buckets.results),
    context.ports.secrets.live(),
  ]);
  const headers = webhookHeaders(event.webhook_id, body, { now: context.now(), secrets });
  const stop = new AbortController();
  const { timeoutMs, resolve, ca } = sending;
  const timer = setTimeout(() => stop.abort(new Error(`No answer within ${timeoutMs / 1000} s.`)), timeoutMs);
  try {
    const addresses = await beforeAbort(checkAddress(url, context, resolve), stop.signal);
    const { signal } = stop;
    const { statusCode, retryAfter } = await postWebhook({ url: new URL(url), addresses, headers, body, signal, ca });
    return { statusCode, retryAfter, error: errorOfStatus(statusCode) };
  } catch (error) {
    return { statusCode: null, retryAfter: null, error: errorText(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** A look-up cannot be stopped, but nobody need wait for it. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Only 2xx says that a webhook was taken. */
function errorOfStatus(statusCode: number): string | null {
  if (statusCode >= 200 && statusCode < 300) return null;
  return statusCode >= 300 && statusCode < 400
    ? `HTTP ${statusCode}: redirects are not followed.`
    : `HTTP ${statusCode}.`;
}

/** One line. Several addresses that all refuse come as one error without a message. */
function errorText(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException;
  const text = message || code || 'The connection failed.';
  return text.replaceAll(/\s+/g, ' ').slice(0, MAX_ERROR_LENGTH);
}

async function record(
  delivery: Delivery,
  change: Pick<Delivery, 'status' | 'next_attempt_at'>,
  context: StageContext,
): Promise<void> {
  const { deliveries, erasedJobs } = context.ports;
  const stored = await deliveries.replace({ ...delivery, ...change });
  if (!stored && (await erasedJobs.get(delivery.message.event.job.id))) return;
  // Somebody asked for a redelivery, or took over after a try that lasted too long. The record says what is left to do.
  if (!stored) throw new RetryLater(1, `${delivery.id} was changed during a try.`);
}

async function disable(url: string, { ports, now }: StageContext): Promise<void> {
  const change = { disabled_at: now().toISOString(), reason: 'It answered 410 Gone.' };
  for (;;) {
    const endpoint = await ports.endpoints.get(url);
    const isDone = endpoint
      ? await ports.endpoints.replace({ ...endpoint, ...change })
      : await ports.endpoints.insert({ id: url, version: 1, ...change });
    if (isDone) return;
  }
}

function retryIn(milliseconds: number, reason: string): RetryLater {
  return new RetryLater(Math.min(Math.ceil(milliseconds / 1000), MAX_VISIBILITY_SECONDS), reason);
}

/** For the log. The rest of an address may be a receiver's password. */
function about({ url, event }: DeliverMessage): Record<string, unknown> {
  return {
    webhook_id: event.webhook_id,
    type: event.type,
    job_id: event.job.id,
    host: URL.canParse(url) ? new URL(url).host : null,
  };
}

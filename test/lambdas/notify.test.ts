/** The stage as a whole: real local ports, receivers on real sockets, and a clock of the test's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Webhook } from 'standardwebhooks';
import { JobLedger } from '../../clients/job-ledger';
import { MAX_VISIBILITY_SECONDS } from '../../clients/job-queue';
import { type LocalPorts, openLocalPorts } from '../../clients/local/local-ports';
import { redeliver, redeliverAllDead } from '../../clients/webhook-redelivery';
import type { DeliverMessage } from '../../contract/events';
import type { JobEvent } from '../../contract/job-record';
import { createNotify, type NotifyOptions } from '../../lambdas/notify';
import { RetryLater, type StageContext } from '../../lambdas/stage';
import { JITTER, RETRY_GAPS_SECONDS } from '../../lambdas/webhook-schedule';
import {
  type Answer,
  answering,
  CERTIFICATE,
  jobEvent,
  startTestReceiver,
  type TestReceiver,
} from './webhook-fixtures';

const START = new Date('2026-11-01T10:00:40.000Z');
/** Lambda's: six times the time limit of its function. */
const VISIBILITY_SECONDS = 180;

let home: string;
let ports: LocalPorts;
let receivers: TestReceiver[];
let clock: number;
let random: number;
let logged: string;

beforeEach(async () => {
  clock = START.getTime();
  random = 0.5;
  logged = '';
  receivers = [];
  home = mkdtempSync(path.join(tmpdir(), 'mv2id-notify-'));
  ports = await openLocalPorts({ type: 'local', home }, { now, presign: presignNothing });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(receivers.map((receiver) => receiver.close()));
  await ports.close();
  rmSync(home, { recursive: true });
});

const now = () => new Date(clock);
const presignNothing = async () => null;

function context(isLocal = true): StageContext {
  const log = (message: string, about = {}) => {
    logged += `${message} ${JSON.stringify(about)}\n`;
  };
  const ledger = new JobLedger(ports, now);
  return { ports, ledger, log: { info: log, warn: log, error: log }, now, random: () => random, isLocal };
}

async function start(
  answer: Answer,
  scheme: 'http' | 'https' = 'http',
): Promise<{ url: string; receiver: TestReceiver }> {
  const receiver = await startTestReceiver(answer, scheme);
  receivers.push(receiver);
  return { url: `${scheme}://localhost:${receiver.port}/hooks`, receiver };
}

async function send(url: string, event: JobEvent = jobEvent('job.succeeded', now())): Promise<JobEvent> {
  const message: DeliverMessage = { schema_version: 1, url, event };
  await ports.queues.webhooks.send([{ body: JSON.stringify(message), group: 'receiver' }]);
  return event;
}

/** Hands on every message that is visible now, as the queue's consumer does. @returns how long each is to wait. */
async function pump(options: NotifyOptions = {}, isLocal = true): Promise<number[]> {
  const notify = createNotify({ resolve: async () => [{ address: '127.0.0.1', family: 4 }], ...options });
  const waits: number[] = [];
  const { webhooks } = ports.queues;
  const messages = await webhooks.receive({ max: 10, visibilitySeconds: VISIBILITY_SECONDS });
  for (const message of messages) {
    try {
      await notify(message, context(isLocal));
      await webhooks.delete([message.receipt]);
    } catch (error) {
      if (!(error instanceof RetryLater)) throw error;
      expect(error.seconds).toBeLessThanOrEqual(MAX_VISIBILITY_SECONDS);
      await webhooks.changeVisibility(message.receipt, error.seconds);
      waits.push(error.seconds);
    }
  }
  return waits;
}

/** Pumps until the queue is empty, moving the clock to where the next message comes. */
async function pumpToTheEnd(options: NotifyOptions = {}): Promise<void> {
  for (;;) {
    const waits = await pump(options);
    const { visible, inFlight, delayed } = await ports.queues.webhooks.depth();
    if (visible + inFlight + delayed === 0) return;
    clock += Math.min(...waits) * 1000;
  }
}

function delivery({ webhook_id }: JobEvent) {
  return ports.deliveries.get(webhook_id);
}

async function deadLetters(): Promise<unknown[]> {
  const letters = await ports.deadLetters.webhooks.receive({ max: 10, visibilitySeconds: 0 });
  return letters.map(({ body }) => JSON.parse(body));
}

test('a webhook arrives, verified by the library that receivers use, and the record says so', async () => {
  jest.useFakeTimers({
    now: clock,
    doNotFake: [
      'nextTick',
      'setImmediate',
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'queueMicrotask',
      'performance',
    ],
  });
  try {
    const { url, receiver } = await start(answering(204));
    const event = await send(url);
    expect(await pump()).toEqual([]);
    const [request] = receiver.received;
    const [secret] = await ports.secrets.live();
    expect(request?.headers['webhook-id']).toBe(event.webhook_id);
    expect(new Webhook(secret).verify(request!.body, request!.headers)).toEqual({
      type: 'job.succeeded',
      timestamp: START.toISOString(),
      data: { ...event.job, output: event.job.output.map((file) => ({ ...file, url: null, expires_at: null })) },
    });
    expect(await delivery(event)).toMatchObject({
      status: 'delivered',
      job_id: event.job.id,
      tries: 1,
      next_attempt_at: null,
      attempts: [{ at: START.toISOString(), status_code: 204, error: null }],
    });
    expect(await ports.queues.webhooks.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  } finally {
    jest.useRealTimers();
  }
});

test('https, with the certificate of the name', async () => {
  const { url, receiver } = await start(answering(200), 'https');
  const event = await send(url);
  await pump({ ca: CERTIFICATE });
  expect((await delivery(event))?.status).toBe('delivered');
  const other = await send(url, { ...event, webhook_id: 'evt_other' });
  await pump();
  expect((await delivery(other))?.attempts[0]?.error).toContain('self-signed certificate');
  expect(receiver.received).toHaveLength(1);
});

test('during a rotation both secrets verify; after it only the new one', async () => {
  const { url, receiver } = await start(answering(200));
  const [old] = await ports.secrets.live();
  const fresh = await ports.secrets.rotate();
  await send(url);
  await pump();
  await ports.secrets.retirePrevious();
  await send(url, { ...jobEvent('job.failed', now()) });
  await pump();
  const signatures = receiver.received.map(({ headers }) => headers['webhook-signature']!.split(' '));
  const expected = (secret: string, i: number) => {
    const { headers, body } = receiver.received[i]!;
    return new Webhook(secret).sign(headers['webhook-id']!, now(), body);
  };
  expect(signatures).toEqual([[expected(fresh, 0), expected(old, 0)], [expected(fresh, 1)]]);
});

test('three days: ten tries within the jitter, each signed anew under one id, then dead and dead-lettered', async () => {
  const times: number[] = [];
  const { url, receiver } = await start((response) => {
    times.push(clock);
    random = (random + 0.37) % 1;
    response.writeHead(500).end();
  });
  const event = await send(url);
  await pumpToTheEnd();

  expect(receiver.received).toHaveLength(10);
  const gaps = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
  for (const [i, gap] of gaps.entries()) {
    const planned = RETRY_GAPS_SECONDS[i]!;
    expect(gap).toBeGreaterThanOrEqual(planned * (1 - JITTER));
    // A message sleeps whole seconds.
    expect(gap).toBeLessThanOrEqual(planned * (1 + JITTER) + 1);
  }
  expect(new Set(gaps.map((gap, i) => (gap / RETRY_GAPS_SECONDS[i]!).toFixed(2))).size).toBeGreaterThan(5);
  const headers = receiver.received.map((request) => request.headers);
  expect(new Set(headers.map((each) => each['webhook-id']))).toEqual(new Set([event.webhook_id]));
  expect(new Set(headers.map((each) => each['webhook-signature'])).size).toBe(10);
  expect(headers.map((each) => Number(each['webhook-timestamp']))).toEqual(
    times.map((time) => Math.floor(time / 1000)),
  );

  expect(await delivery(event)).toMatchObject({ status: 'dead', tries: 10, next_attempt_at: null });
  expect(await deadLetters()).toEqual([{ schema_version: 1, url, event }]);
  expect((await ports.deliveries.query('by_dead', 'dead')).records.map(({ id }) => id)).toEqual([event.webhook_id]);
});

test('a receiver that comes back gets it, and no dead letter is left', async () => {
  const { url, receiver } = await start((response, count) => response.writeHead(count < 4 ? 503 : 200).end());
  const event = await send(url);
  await pumpToTheEnd();
  expect(receiver.received).toHaveLength(4);
  const record = await delivery(event);
  expect(record?.status).toBe('delivered');
  expect(record?.attempts.map(({ status_code, error }) => [status_code, error])).toEqual([
    [503, 'HTTP 503.'],
    [503, 'HTTP 503.'],
    [503, 'HTTP 503.'],
    [200, null],
  ]);
  expect(await deadLetters()).toEqual([]);
});

test('the number of tries stands in the record: waking early or often makes none', async () => {
  const { url, receiver } = await start(answering(500));
  const event = await send(url);
  for (let wake = 0; wake < 30; wake++) {
    await pump();
    const [message] = await ports.queues.webhooks.receive({ max: 1, visibilitySeconds: 0 });
    if (message) await ports.queues.webhooks.changeVisibility(message.receipt, 0);
    clock += 100;
  }
  expect(receiver.received).toHaveLength(1);
  expect(await delivery(event)).toMatchObject({ status: 'pending', tries: 1 });
});

describe('a receiver that does not answer', () => {
  test('is left when the time is up, and tried again', async () => {
    const { url, receiver } = await start(() => {});
    const event = await send(url);
    expect(await pump({ timeoutMs: 100 })).toEqual([5]);
    expect(receiver.received).toHaveLength(1);
    expect((await delivery(event))?.attempts).toMatchObject([{ status_code: null, error: 'No answer within 0.1 s.' }]);
  });

  test('nor a resolver', async () => {
    const event = await send('https://receiver.example/');
    expect(await pump({ timeoutMs: 20, resolve: () => new Promise(() => {}) })).toEqual([5]);
    expect((await delivery(event))?.attempts[0]?.error).toBe('No answer within 0.02 s.');
  });

  test('15 seconds, unless told otherwise', async () => {
    const wait = jest.spyOn(global, 'setTimeout');
    const { url } = await start(answering(200));
    await send(url);
    await pump();
    expect(wait.mock.calls.map(([, milliseconds]) => milliseconds)).toContain(15_000);
  });
});

test.each(['http://169.254.169.254/latest/meta-data', 'http://127.0.0.1:@PORT@/', 'http://[::1]:@PORT@/'])(
  'a redirect to %s is a failure, and nobody goes there',
  async (location) => {
    const target = await start(answering(200));
    const { url } = await start(answering(302, { location: location.replace('@PORT@', String(target.receiver.port)) }));
    const event = await send(url);
    expect(await pump()).toEqual([5]);
    expect((await delivery(event))?.attempts).toMatchObject([
      { status_code: 302, error: 'HTTP 302: redirects are not followed.' },
    ]);
    expect(target.receiver.received).toEqual([]);
  },
);

describe('addresses', () => {
  test.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://[::1]/',
    'http://localhost:1/',
    'nonsense',
  ])('%s in AWS: dropped without a look-up or a try', async (url) => {
    const resolve = jest.fn();
    const event = await send(url);
    expect(await pump({ resolve }, false)).toEqual([]);
    expect(await delivery(event)).toMatchObject({ status: 'dropped', tries: 0, attempts: [] });
    expect(resolve).not.toHaveBeenCalled();
  });

  test('a name that resolves to a private address is refused, and looked up again at the next try', async () => {
    const request = jest.spyOn(https, 'request');
    const event = await send('https://receiver.example/');
    await pump({ resolve: async () => [{ address: '10.0.0.7', family: 4 }] }, false);
    expect((await delivery(event))?.attempts).toMatchObject([
      { status_code: null, error: 'receiver.example must resolve to public addresses only, got 10.0.0.7.' },
    ]);
    expect(request).not.toHaveBeenCalled();
  });

  test('a name that is public when checked and private when used: one look-up, and its answer is what is used', async () => {
    const answers = ['8.8.8.8', '127.0.0.1'];
    const resolve = jest.fn(async () => [{ address: answers.shift() ?? 'exhausted', family: 4 }]);
    const used: unknown[] = [];
    jest.spyOn(https, 'request').mockImplementation((...args: unknown[]) => {
      const [url, options] = args as [URL, https.RequestOptions];
      expect(url.hostname).toBe('receiver.example');
      for (const all of [true, false]) {
        options.lookup?.('receiver.example', { all }, (_error, address) => used.push(address));
      }
      throw new Error('As far as the socket.');
    });
    const event = await send('https://receiver.example/');
    await pump({ resolve }, false);
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(used).toEqual([[{ address: '8.8.8.8', family: 4 }], '8.8.8.8']);
    expect((await delivery(event))?.attempts[0]?.error).toBe('As far as the socket.');
  });

  test('the same over a real socket: the second answer of the name is never asked for', async () => {
    const { url, receiver } = await start(answering(200));
    const resolve = jest
      .fn(async () => [{ address: '10.0.0.7', family: 4 }])
      .mockResolvedValueOnce([{ address: '127.0.0.1', family: 4 }]);
    const event = await send(url);
    await pump({ resolve });
    expect((await delivery(event))?.status).toBe('delivered');
    expect(resolve).toHaveBeenCalledTimes(1);
    expect(receiver.received[0]?.headers.host).toBe(`localhost:${receiver.port}`);
  });
});

test('410 disables the address: this event and later ones are dropped, until it is enabled', async () => {
  const { url, receiver } = await start((response, count) => response.writeHead(count === 1 ? 410 : 200).end());
  const first = await send(url);
  const later = { ...jobEvent('job.failed', now()) };
  await pump();
  await send(url, later);
  await pump();
  expect(receiver.received).toHaveLength(1);
  expect(await delivery(first)).toMatchObject({
    status: 'dropped',
    attempts: [{ status_code: 410, error: 'HTTP 410.' }],
  });
  expect(await delivery(later)).toMatchObject({ status: 'dropped', attempts: [] });
  const endpoint = await ports.endpoints.get(url);
  expect(endpoint).toMatchObject({ id: url, disabled_at: START.toISOString() });

  await ports.endpoints.replace({ ...endpoint!, disabled_at: null });
  await redeliver(ports, later.webhook_id);
  await pump();
  expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([first.webhook_id, later.webhook_id]);
});

test('Retry-After is obeyed, and 429 slows down', async () => {
  const { url } = await start((response, count) =>
    response.writeHead(count === 1 ? 503 : 429, { 'retry-after': count === 1 ? '3600' : '' }).end(),
  );
  await send(url);
  expect(await pump()).toEqual([3780]);
  clock += 3780_000;
  expect(await pump()).toEqual([300]);
});

describe('progress and start', () => {
  test('a progress is sent once, taken or not', async () => {
    const { url, receiver } = await start(answering(500));
    const event = await send(url, jobEvent('job.progress', now()));
    expect(await pump()).toEqual([]);
    expect(receiver.received).toHaveLength(1);
    expect(await delivery(event)).toMatchObject({ status: 'dropped', tries: 1 });
    expect(await deadLetters()).toEqual([]);
  });

  test('a progress that waited for more than a minute is not sent', async () => {
    const { url, receiver } = await start(answering(200));
    const stale = await send(url, jobEvent('job.progress', now()));
    clock += 61_000;
    await pump();
    expect(receiver.received).toEqual([]);
    expect(await delivery(stale)).toMatchObject({ status: 'dropped', attempts: [] });
  });

  test('a start is tried for less than an hour, and no dead letter', async () => {
    const { url, receiver } = await start(answering(500));
    const event = await send(url, jobEvent('job.started', now()));
    await pumpToTheEnd();
    expect(receiver.received).toHaveLength(4);
    expect(clock - START.getTime()).toBeLessThan(3_600_000);
    expect((await delivery(event))?.status).toBe('dropped');
    expect(await deadLetters()).toEqual([]);
  });
});

test('the events of a job each have their own time and state, whatever their order', async () => {
  const { url, receiver } = await start(answering(200));
  const started = jobEvent('job.started', START);
  const succeeded = jobEvent('job.succeeded', new Date(START.getTime() + 40_000));
  await send(url, succeeded);
  await send(url, started);
  await pump();
  const bodies = receiver.received.map(({ body }) => JSON.parse(body));
  expect(
    bodies.sort((a, b) => a.timestamp.localeCompare(b.timestamp)).map(({ type, data }) => [type, data.status]),
  ).toEqual([
    ['job.started', 'processing'],
    ['job.succeeded', 'succeeded'],
  ]);
});

describe('duplicates', () => {
  test('of an id that was delivered are not sent', async () => {
    const { url, receiver } = await start(answering(200));
    const event = await send(url);
    await pump();
    await send(url, event);
    await send(url, event);
    expect(await pump()).toEqual([]);
    expect(receiver.received).toHaveLength(1);
  });

  test('at the same time: one sends, the other waits and then has nothing to do', async () => {
    let answer = () => {};
    const { url, receiver } = await start((response) => {
      answer = () => response.writeHead(200).end();
    });
    await send(url);
    await send(url, jobEvent('job.succeeded', START));
    const [one, two] = await ports.queues.webhooks.receive({ max: 2, visibilitySeconds: VISIBILITY_SECONDS });
    const notify = createNotify({ resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
    const first = notify(one!, context());
    while (receiver.received.length === 0) await new Promise(setImmediate);
    await expect(notify(two!, context())).rejects.toMatchObject({ name: 'RetryLater', seconds: 30 });
    answer();
    await first;
    clock += 30_000;
    await notify(two!, context());
    expect(receiver.received).toHaveLength(1);
  });

  test('after a process that died during its try, the next one sends when the claim has ended', async () => {
    const { url, receiver } = await start(answering(200));
    const event = await send(url);
    const [message] = await ports.queues.webhooks.receive({ max: 1, visibilitySeconds: 1 });
    const dying = {
      ...context(),
      ports: { ...ports, secrets: { ...ports.secrets, live: () => Promise.reject(new Error('Killed.')) } },
    };
    await expect(createNotify()(message!, dying)).rejects.toThrow('Killed.');
    clock += 1000;
    expect(await pump()).toEqual([29]);
    clock += 29_000;
    expect(await pump()).toEqual([]);
    expect(receiver.received).toHaveLength(1);
    expect((await delivery(event))?.status).toBe('delivered');
  });
});

describe('redelivery', () => {
  test('of a dead webhook: the same id, a fresh schedule, and its tries are kept', async () => {
    const { url, receiver } = await start((response, count) => response.writeHead(count <= 11 ? 500 : 200).end());
    const event = await send(url);
    await pumpToTheEnd();
    expect(receiver.received).toHaveLength(10);
    const sent = [];
    for await (const message of redeliverAllDead(ports)) sent.push(message.event.webhook_id);
    expect(sent).toEqual([event.webhook_id]);
    expect(await deadLetters()).toEqual([]);
    // The first gap again, not the end.
    expect(await pump()).toEqual([5]);
    clock += 5000;
    expect(await pump()).toEqual([]);
    const record = await delivery(event);
    expect(record).toMatchObject({ status: 'delivered', tries: 2 });
    expect(record?.attempts).toHaveLength(12);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([event.webhook_id]));
  });

  test('during a try: what the try found out gives way to the fresh schedule', async () => {
    const { url, receiver } = await start(async (response, count) => {
      if (count === 1) await redeliver(ports, event.webhook_id);
      response.writeHead(count === 1 ? 410 : 200).end();
    });
    const event = jobEvent('job.succeeded', now());
    await send(url, event);
    expect(await pump()).toEqual([1]);
    await ports.endpoints.replace({ ...(await ports.endpoints.get(url))!, disabled_at: null });
    clock += 1000;
    await pumpToTheEnd();
    expect(receiver.received).toHaveLength(2);
    expect((await delivery(event))?.status).toBe('delivered');
  });

  test('a message that the queue gave up, whose delivery was never begun, is sent too; one nobody can read stays', async () => {
    const { url, receiver } = await start(answering(200));
    const event = jobEvent('job.succeeded', now());
    const message: DeliverMessage = { schema_version: 1, url, event };
    await ports.deadLetters.webhooks.send([
      { body: 'not JSON' },
      { body: JSON.stringify(message) },
      { body: JSON.stringify(message) },
    ]);
    const sent = [];
    for await (const each of redeliverAllDead(ports)) sent.push(each.event.webhook_id);
    expect(sent).toEqual([event.webhook_id]);
    await pump();
    expect(receiver.received).toHaveLength(1);
    expect(await ports.deadLetters.webhooks.depth()).toMatchObject({ visible: 0, inFlight: 1 });
  });

  test('of an id that nobody knows is nothing', async () => {
    expect(await redeliver(ports, 'evt_nobody')).toBeNull();
    expect(await ports.queues.webhooks.depth()).toMatchObject({ visible: 0 });
  });
});

test('neither secrets, nor bodies, nor the rest of an address are logged', async () => {
  const { url } = await start((response, count) => response.writeHead(count === 1 ? 500 : 200).end());
  await send(`${url}?token=swordfish`);
  await pump();
  clock += 6000;
  await pump();
  const [secret] = await ports.secrets.live();
  expect(logged).toContain('Webhook delivered');
  expect(logged).toContain('Webhook not taken');
  for (const hidden of ['swordfish', secret, 'v1,', 'turns her head']) expect(logged).not.toContain(hidden);
});

test('a message that is none is refused', async () => {
  await ports.queues.webhooks.send([{ body: '{"schema_version":2}' }]);
  await expect(pump()).rejects.toThrow();
});

/** `mv2id webhooks ...`, on a real local deployment whose webhooks the real stage delivers. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Webhook } from 'standardwebhooks';
import type { Streams } from '../../cli/streams';
import { listenForWebhooks } from '../../cli/webhooks/listen';
import { type Receiver, startReceiver } from '../../cli/webhooks/receiver';
import { JobLedger } from '../../clients/job-ledger';
import { type LocalPorts, openLocalPorts } from '../../clients/local/local-ports';
import type { DeliverMessage } from '../../contract/events';
import type { JobEvent } from '../../contract/job-record';
import { notify } from '../../lambdas/notify';
import { RetryLater, type StageContext } from '../../lambdas/stage';
import { jobEvent } from '../lambdas/webhook-fixtures';
import { run as runCommandLine } from './command';

const COMMAND = path.resolve(__dirname, '../../bin/mv2id.js');
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

let home: string;
let ports: LocalPorts;
let stop: AbortController;

beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), 'mv2id-webhooks-'));
  ports = await openLocalPorts({ type: 'local', home });
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await ports.close();
  rmSync(home, { recursive: true });
});

function run(...args: string[]) {
  return runCommandLine('webhooks', ...args, '--home', home);
}

/** Sends one event through the queue and the stage. @returns whether it is to come again. */
async function deliver(url: string, event: JobEvent): Promise<boolean> {
  const message: DeliverMessage = { schema_version: 1, url, event };
  await ports.queues.webhooks.send([{ body: JSON.stringify(message) }]);
  return pump();
}

async function pump(): Promise<boolean> {
  const silent = () => {};
  const context: StageContext = {
    ports,
    ledger: new JobLedger(ports),
    log: { info: silent, warn: silent, error: silent },
    now: () => new Date(),
    random: () => 0.5,
    isLocal: true,
  };
  const [message] = await ports.queues.webhooks.receive({ max: 1, visibilitySeconds: 60 });
  if (!message) throw new Error('The queue must hold a message, got none.');
  try {
    await notify(message, context);
    await ports.queues.webhooks.delete([message.receipt]);
    return false;
  } catch (error) {
    if (error instanceof RetryLater) return true;
    throw error;
  }
}

/** The command in this process. `url` is there once it listens. */
async function listen(options: Partial<Parameters<typeof listenForWebhooks>[1]> = {}) {
  const output = { stdout: '', stderr: '' };
  let announce = (_url: string) => {};
  const url = new Promise<string>((resolve) => {
    announce = resolve;
  });
  const streams: Streams = {
    stdout: { write: (text) => (output.stdout += text) },
    stderr: {
      write: (text: string) => {
        output.stderr += text;
        const [address] = /http:\S+/.exec(text) ?? [];
        if (address) announce(address);
        return true;
      },
    },
  };
  const ended = listenForWebhooks(() => ports.secrets.live(), { port: 0, ...options }, streams, stop.signal);
  return { url: await Promise.race([url, ended.then(() => '')]), output, ended };
}

const FAILED = { error: { code: 'timed_out', message: 'Too slow.', details: [], retryable: true } };
const NEVER = 'http://127.0.0.1:1/';

describe('listen', () => {
  test('prints a line an event, and says which it had before', async () => {
    const { url, output, ended } = await listen();
    const at = new Date();
    const progress = { percent: 40, step: 8, total_steps: 20, eta_seconds: 12 };
    await deliver(url, jobEvent('job.progress', at, { progress }));
    const failed = jobEvent('job.failed', at, FAILED);
    await deliver(url, failed);
    expect((await run('redeliver', failed.webhook_id)).exitCode).toBe(0);
    await pump();
    stop.abort();
    await ended;
    const { id } = failed.job;
    const time = at.toISOString();
    expect(output.stdout.split('\n')).toEqual([
      `${time}  job.progress   ${id}  8/20 steps, 40 %  evt_${id}_progress`,
      `${time}  job.failed     ${id}  failed: Too slow.  evt_${id}_failed`,
      `${time}  job.failed     ${id}  failed: Too slow.  evt_${id}_failed  (again)`,
      '',
    ]);
    expect(output.stderr).toBe(`Listening at ${url} (Ctrl-C ends it).\n`);
  });

  test('--json prints whole bodies; --once ends with the job', async () => {
    const { url, output, ended } = await listen({ json: true, once: true });
    const started = jobEvent('job.started', new Date());
    await deliver(url, started);
    expect(await deliver(url, jobEvent('job.succeeded', new Date()))).toBe(false);
    await ended;
    const bodies = output.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(bodies.map(({ type, data }) => [type, data.id])).toEqual([
      ['job.started', started.job.id],
      ['job.succeeded', started.job.id],
    ]);
  });

  test('--fail answers 503 first, and the webhook comes again', async () => {
    const { url, output } = await listen({ fail: 1 });
    const event = jobEvent('job.succeeded', new Date());
    expect(await deliver(url, event)).toBe(true);
    expect((await ports.deliveries.get(event.webhook_id))?.attempts).toMatchObject([{ status_code: 503 }]);
    expect(output.stdout).toBe('');
    expect(output.stderr).toContain('job.succeeded: answered 503 as asked, 0 more.');
    await run('redeliver', event.webhook_id);
    expect(await pump()).toBe(false);
    expect(output.stdout).toContain(event.webhook_id);
  });

  test('the secrets of a rotation are both good, and what is not signed with one of them is refused', async () => {
    const { url, output } = await listen();
    const body = JSON.stringify({
      type: 'job.succeeded',
      timestamp: new Date().toISOString(),
      data: jobEvent('job.succeeded', new Date()).job,
    });
    const post = async (secret: string, payload = body, sent = payload, at = new Date()) => {
      const headers = {
        'webhook-id': 'evt_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign('evt_1', at, payload),
      };
      return (await fetch(url, { method: 'POST', headers, body: sent })).status;
    };
    const [old] = await ports.secrets.live();
    const { stdout } = await run('rotate-secret');
    expect(await post(old)).toBe(204);
    expect(await post(stdout.trim())).toBe(204);
    expect(await post(SECRET)).toBe(401);
    expect(await post(old, body, `${body} `)).toBe(401);
    expect(await post(old, body, body, new Date(Date.now() - 10 * 60_000))).toBe(401);
    expect(await post(old, '{"type":"job.succeeded"}')).toBe(400);
    expect(await post(old, 'x'.repeat(200_000))).toBe(413);
    expect((await fetch(url)).status).toBe(405);
    await run('retire-secret');
    expect(await post(old)).toBe(401);
    expect(output.stderr).toContain('Not verified: No matching signature found.');
    expect(output.stderr).not.toContain('whsec_');
  });

  test('a port in use, and a secret that is none', async () => {
    const { url } = await listen();
    const taken = await runCommandLine('webhooks', 'listen', '--secret', SECRET, '--port', new URL(url).port);
    expect(taken).toMatchObject({
      exitCode: 64,
      stderr: `mv2id: --port must be free, got ${new URL(url).port}, which is in use.\n`,
    });
    const wrong = await runCommandLine('webhooks', 'listen', '--secret', 'swordfish');
    expect(wrong.exitCode).toBe(64);
    expect(wrong.stderr).toContain('--secret must be a signing secret');
    expect(wrong.stderr).not.toContain('swordfish');
  });

  test('Ctrl-C ends the process with 0', async () => {
    const child = spawn(process.execPath, [COMMAND, 'webhooks', 'listen', '--secret', SECRET, '--port', '0']);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => {
      stderr += data;
      if (stderr.includes('Listening')) child.kill('SIGINT');
    });
    const exitCode = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(/^Listening at http:\/\/127\.0\.0\.1:\d+\/ \(Ctrl-C ends it\)\.\n$/);
    expect(exitCode).toBe(0);
  });
});

describe('redeliver', () => {
  const now = () => new Date();

  /** A delivery whose webhook was given up. */
  async function giveUp(event: JobEvent, url = NEVER): Promise<void> {
    const message: DeliverMessage = { schema_version: 1, url, event };
    await ports.deliveries.insert({
      id: event.webhook_id,
      version: 1,
      job_id: event.job.id,
      status: 'dead',
      message,
      tries: 10,
      attempts: [{ at: now().toISOString(), status_code: 500, error: 'HTTP 500.', duration_ms: 12 }],
      next_attempt_at: null,
      created_at: event.timestamp,
    });
    await ports.deadLetters.webhooks.send([{ body: JSON.stringify(message) }]);
  }

  test('--all-dead sends everything that was given up, once, and empties the dead letters', async () => {
    const received: string[] = [];
    const receiver: Receiver = await startReceiver({
      port: 0,
      secrets: () => ports.secrets.live(),
      onWebhook: ({ id }) => received.push(id),
      onRefusal: (reason) => received.push(reason),
    });
    try {
      const events = [jobEvent('job.failed', now(), FAILED), jobEvent('job.canceled', now())];
      for (const event of events) await giveUp(event, receiver.url);
      const { exitCode, stdout } = await run('redeliver', '--all-dead');
      expect(exitCode).toBe(0);
      const lines = stdout.trim().split('\n');
      const { host } = new URL(receiver.url);
      expect(lines.slice(0, -1).sort()).toEqual(events.map(({ webhook_id }) => `${webhook_id}  to ${host}`).sort());
      expect(lines.at(-1)).toBe('2 webhooks are on the way again.');
      expect(await ports.deadLetters.webhooks.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
      await pump();
      await pump();
      expect(received.sort()).toEqual(events.map(({ webhook_id }) => webhook_id).sort());
      expect((await run('redeliver', '--all-dead')).stdout).toBe('0 webhooks are on the way again.\n');
    } finally {
      await receiver.close();
    }
  });

  test('more of them than a page', async () => {
    const { job } = jobEvent('job.failed', now());
    for (let i = 0; i < 120; i++) {
      await giveUp({ ...jobEvent('job.failed', now()), webhook_id: `evt_${job.id}_${i}` });
    }
    expect((await run('redeliver', '--all-dead')).stdout).toContain('120 webhooks are on the way again.\n');
    expect(await ports.queues.webhooks.depth()).toMatchObject({ visible: 120 });
    expect(await ports.deadLetters.webhooks.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('--job sends what was not delivered of a job, but for its progress', async () => {
    const event = jobEvent('job.failed', now(), FAILED);
    const { job } = event;
    await ports.jobs.insert({
      id: job.id,
      version: 1,
      job,
      manifest: null,
      webhook: NEVER,
      images: [],
      uploaded_at: now().toISOString(),
      batch_job_id: null,
      attempt: 1,
      last_error: null,
      pending_events: [],
      revision: 1,
      published_revision: 1,
    });
    await deliver(NEVER, jobEvent('job.started', now()));
    await deliver(NEVER, jobEvent('job.progress', now()));
    await giveUp(event);
    const { url } = await listen();
    await deliver(url, jobEvent('job.canceled', now()));
    const { stdout } = await run('redeliver', '--job', job.id);
    expect(stdout.split('\n').sort()).toEqual(
      [
        '',
        '2 webhooks are on the way again.',
        `evt_${job.id}_failed  to 127.0.0.1:1`,
        `evt_${job.id}_started  to 127.0.0.1:1`,
      ].sort(),
    );
    const rows = (await run('deliveries', '--job', job.id)).stdout.trim().split('\n').slice(1);
    expect(
      Object.fromEntries(rows.map((row) => row.split(/ +/).slice(0, 3)).map(([id, ...rest]) => [id, rest])),
    ).toEqual({
      [`evt_${job.id}_started`]: ['pending', '0'],
      [`evt_${job.id}_progress`]: ['dropped', '1'],
      [`evt_${job.id}_failed`]: ['pending', '0'],
      [`evt_${job.id}_canceled`]: ['delivered', '1'],
    });
  });

  test('what cannot be asked for', async () => {
    const event = jobEvent('job.failed', now());
    await giveUp(event);
    expect((await run('redeliver')).stderr).toContain('must be given one of a webhook id, --job and --all-dead, got 0');
    expect((await run('redeliver', 'evt_1', '--all-dead')).stderr).toContain('got 2 of them');
    const unknown = await run('redeliver', 'evt_nobody');
    expect(unknown).toMatchObject({
      exitCode: 64,
      stderr: 'mv2id: The webhook id must be one of this deployment, got evt_nobody.\n',
    });
    expect((await run('redeliver', '--job', event.job.id)).stderr).toContain(
      'job must be the id of a job of this deployment',
    );
  });

  test('to an address that is disabled: enable it first', async () => {
    const event = jobEvent('job.failed', now());
    await giveUp(event);
    await ports.endpoints.insert({ id: NEVER, version: 1, disabled_at: '2026-11-01T10:00:00.000Z', reason: 'Gone.' });
    const refused = await run('redeliver', event.webhook_id);
    expect(refused.exitCode).toBe(64);
    expect(refused.stderr).toContain(`${NEVER} must be enabled (mv2id webhooks enable <url>)`);
    expect((await run('enable', NEVER)).stdout).toContain('gets webhooks again');
    expect((await run('enable', NEVER)).stdout).toBe(`${NEVER} was not disabled.\n`);
    expect((await run('redeliver', event.webhook_id)).exitCode).toBe(0);
  });
});

test('deliveries: a table of the newest, or everything as JSON', async () => {
  expect((await run('deliveries')).stdout).toBe('No deliveries.\n');
  const early = jobEvent('job.started', new Date(), {});
  const late = jobEvent('job.succeeded', new Date());
  await deliver(NEVER, early);
  await deliver(NEVER, late);
  const { stdout } = await run('deliveries');
  const [heading, ...rows] = stdout.trim().split('\n');
  expect(heading).toMatch(/^WEBHOOK ID +STATUS +TRIES +LAST ANSWER +NEXT TRY +CREATED$/);
  expect(rows).toHaveLength(2);
  for (const row of rows)
    expect(row).toMatch(/^evt_job-\w+ +pending +1 +connect ECONNREFUSED 127\.0\.0\.1:1 +\S+ \S+ UTC +\S+ \S+ UTC$/);
  const [newest, ...more] = JSON.parse((await run('deliveries', '--json', '--limit', '1')).stdout);
  expect(more).toEqual([]);
  expect(newest.attempts).toHaveLength(1);
});

test('secret prints the live ones, the newest first', async () => {
  const [first] = await ports.secrets.live();
  expect((await run('secret')).stdout).toBe(`${first}\n`);
  const second = (await run('rotate-secret')).stdout.trim();
  expect((await run('secret')).stdout).toBe(`${second}\n${first}\n`);
  expect((await run('retire-secret')).stdout).toBe('');
  expect((await run('secret')).stdout).toBe(`${second}\n`);
});

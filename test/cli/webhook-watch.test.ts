/** What the demo calls a verified webhook. */
import { Webhook } from 'standardwebhooks';
import { createProgress } from '../../cli/progress';
import { expectWebhooks, type WebhookWatch } from '../../cli/webhook-watch';
import { type Job, type JobEventType, JobSchema } from '../../contract/job';
import succeeded from '../fixtures/contract/job-v1-succeeded.json';

const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const JOB = JobSchema.parse(succeeded);

let written: string;
let webhooks: WebhookWatch;

beforeEach(async () => {
  written = '';
  const progress = createProgress({ write: (text) => (written += text) });
  webhooks = await expectWebhooks(async () => [SECRET], progress);
});
afterEach(() => webhooks.close());

function send(id: string, type: JobEventType, data: Job, secret = SECRET): Promise<Response> {
  const now = new Date();
  const body = JSON.stringify({ type, timestamp: now.toISOString(), data });
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, now, body),
  };
  return fetch(webhooks.url, { method: 'POST', headers, body });
}

const never = new AbortController().signal;

test('the end of the job is waited for, past everything before it and repeated', async () => {
  const end = webhooks.end(JOB.id, never);
  const running: Job = { ...JOB, status: 'processing' };
  expect((await send('evt_1', 'job.started', running)).status).toBe(204);
  await send('evt_1', 'job.started', running);
  await send('evt_2', 'job.progress', running);
  await send('evt_3', 'job.succeeded', JOB);
  expect((await end).type).toBe('job.succeeded');
  expect(webhooks.count()).toBe(3);
  expect(written).toContain('Webhook job.succeeded: signature verified.\n');
  expect(written).not.toContain('job.progress');
});

test('one that bears another signature fails it', async () => {
  const end = webhooks.end(JOB.id, never);
  const refused = expect(end).rejects.toThrow(/^Every webhook must be signed by this deployment, got: Not verified/);
  expect((await send('evt_3', 'job.succeeded', JOB, OTHER)).status).toBe(401);
  await refused;
});

test('it is given up when it is told to', async () => {
  const stop = new AbortController();
  const reason = new Error('enough');
  const end = webhooks.end(JOB.id, stop.signal);
  stop.abort(reason);
  await expect(end).rejects.toBe(reason);
});

/** What a webhook carries, and what goes first when it would be too large. */
import { WebhookBodySchema } from '../../contract/events';
import type { Job } from '../../contract/job';
import { LINK_SECONDS, MAX_BODY_BYTES, webhookBody } from '../../lambdas/webhook-body';
import { jobEvent } from './webhook-fixtures';

const NOW = new Date('2026-11-01T10:00:40.000Z');
const EXPIRES = new Date('2026-11-02T10:00:40.000Z');
const WITHOUT_LINKS = { presign: async () => null };

function linksOf(length: number) {
  return {
    presign: async (key: string, seconds: number) => {
      expect(seconds).toBe(LINK_SECONDS);
      return { url: `https://bucket.example/${key}?x=`.padEnd(length, 's'), expiresAt: EXPIRES };
    },
  };
}

async function dataOf(changes: Partial<Job>, links: Parameters<typeof webhookBody>[1] = WITHOUT_LINKS): Promise<Job> {
  const text = await webhookBody(jobEvent('job.succeeded', NOW, changes), links);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_BODY_BYTES);
  return WebhookBodySchema.parse(JSON.parse(text)).data;
}

test('type, time of the change, and the job object with a fresh link to every output', async () => {
  const event = jobEvent('job.succeeded', NOW);
  const [output] = event.job.output;
  const body = JSON.parse(await webhookBody(event, linksOf(200)));
  expect(Object.keys(body)).toEqual(['type', 'timestamp', 'data']);
  expect(body).toEqual({
    type: 'job.succeeded',
    timestamp: '2026-11-01T10:00:40.000Z',
    data: {
      ...event.job,
      output: [
        {
          ...output,
          url: `https://bucket.example/${output?.key}?x=`.padEnd(200, 's'),
          expires_at: '2026-11-02T10:00:40.000Z',
        },
      ],
    },
  });
});

test('no link where the deployment has none: an old one is not left in', async () => {
  const [output] = (await dataOf({})).output;
  expect(output).toMatchObject({ url: null, expires_at: null, key: 'jobs/job-abcdefghijklmnopqrstuvwxyz/video.mp4' });
});

const INPUT = jobEvent('job.succeeded', NOW).job.input!;
const METADATA = { note: 'm'.repeat(4000) };
const DETAILS = Array.from({ length: 200 }, (_, i) => ({ path: `images[${i}]`, message: 'w'.repeat(100) }));
const ERROR = { code: 'invalid_image', message: 'short', details: DETAILS, retryable: false };

test('links of what the model was fed go first, and nothing else', async () => {
  const [video] = jobEvent('job.succeeded', NOW).job.output;
  const fed = Array.from({ length: 8 }, (_, i) => ({
    ...video!,
    key: `jobs/${'j'.repeat(30)}/references/${i + 1}-a.png`,
  }));
  const prompt = 'p'.repeat(4000);
  const data = await dataOf({ output: [video!, ...fed], input: { ...INPUT, prompt } }, linksOf(1800));
  expect(data.output.map(({ url }) => url !== null)).toEqual([true, ...fed.map(() => false)]);
  expect(data.input?.prompt).toBe(prompt);
});

test('long prompts are cut next, between characters, and nothing else', async () => {
  const data = await dataOf({
    input: { ...INPUT, prompt: '日'.repeat(4000), negative_prompt: '😀'.repeat(2000) },
    metadata: METADATA,
    error: { ...ERROR, details: DETAILS.slice(0, 20) },
  });
  expect(data.input).toMatchObject({ prompt: `${'日'.repeat(200)}...`, negative_prompt: `${'😀'.repeat(200)}...` });
  expect(data.error?.details).toHaveLength(20);
  expect(data.metadata).toEqual(METADATA);
});

test('what fits is not cut', async () => {
  const data = await dataOf({ input: { ...INPUT, prompt: 'p'.repeat(4000) }, metadata: METADATA });
  expect(data.input?.prompt).toHaveLength(4000);
});

test('then details of the error, then attempts', async () => {
  const [attempt] = jobEvent('job.succeeded', NOW).job.attempts;
  const attempts = Array.from({ length: 10 }, (_, i) => ({ ...attempt!, number: i + 1, reason: 'r'.repeat(1500) }));
  const few = await dataOf({ error: ERROR, attempts: attempts.slice(0, 4) });
  expect(few.error?.details).toEqual(DETAILS.slice(0, 5));
  expect(few.attempts).toHaveLength(4);
  const many = await dataOf({
    error: ERROR,
    attempts,
    metadata: METADATA,
    input: { ...INPUT, prompt: 'p'.repeat(4000) },
  });
  expect(many.attempts.map(({ number }) => number)).toEqual([8, 9, 10]);
  expect(many.metadata).toEqual(METADATA);
});

test('at last details and attempts at all, and the links of the last outputs; the first video keeps its own', async () => {
  const [output] = jobEvent('job.succeeded', NOW).job.output;
  const data = await dataOf(
    {
      error: {
        ...ERROR,
        message: 'e'.repeat(9000),
        details: DETAILS.map((detail) => ({ ...detail, message: 'w'.repeat(5000) })),
      },
      output: Array.from({ length: 10 }, (_, i) => ({ ...output!, key: `jobs/x/file-${i}` })),
      metadata: METADATA,
    },
    linksOf(3000),
  );
  expect(data.error).toEqual({ ...ERROR, message: `${'e'.repeat(500)}...`, details: [] });
  expect(data.attempts).toEqual([]);
  const hasLink = data.output.map(({ url, expires_at }) => {
    expect(url === null).toBe(expires_at === null);
    return url !== null;
  });
  expect(hasLink).toEqual([true, true, true, true, ...Array<boolean>(6).fill(false)]);
  expect(data.metadata).toEqual(METADATA);
});

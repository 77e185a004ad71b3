/** docs/webhooks.md says what the code does: the example, the types, the gaps; and its receiver in Node runs. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { WebhookBodySchema } from '../../contract/events';
import { JOB_EVENT_TYPES, JOB_STATES } from '../../contract/job';
import { postWebhook } from '../../lambdas/webhook-request';
import { maxTries, RETRY_GAPS_SECONDS } from '../../lambdas/webhook-schedule';
import { webhookHeaders } from '../../lambdas/webhook-signature';

const REPOSITORY = path.resolve(__dirname, '../..');
const DOCUMENT = readFileSync(path.join(REPOSITORY, 'docs/webhooks.md'), 'utf8');
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const EXAMPLE = block('json');

test('the example is a webhook', () => {
  const body = JSON.parse(EXAMPLE);
  expect(WebhookBodySchema.parse(body)).toEqual(body);
});

test('types, and how often each is sent', () => {
  const rows = tableOf('Type');
  expect(rows.map(([type]) => type)).toEqual([...JOB_EVENT_TYPES]);
  for (const [type, statuses, times] of rows) {
    const tries = maxTries(JOB_EVENT_TYPES.find((each) => each === type)!);
    expect(times).toMatch(tries === 1 ? /^once$/ : new RegExp(`^${tries} times, `));
    for (const status of statuses!.split(' or ')) expect(JOB_STATES).toContain(status);
  }
});

test('gaps', () => {
  const seconds: Record<string, number> = { s: 1, min: 60, h: 3600 };
  const gaps = tableOf('After try').map(([, gap]) => {
    const [count, unit] = gap!.split(' ');
    return Number(count) * seconds[unit!]!;
  });
  expect(gaps).toEqual(RETRY_GAPS_SECONDS);
});

test('the headers are those that are sent', () => {
  const sent = webhookHeaders('evt_1', '{}', { now: new Date(), secrets: [SECRET] });
  expect(tableOf('Header').map(([header]) => header)).toEqual(expect.arrayContaining(Object.keys(sent)));
});

test('the receiver in Node takes a webhook, and refuses one of another secret', async () => {
  const port = await freePort();
  const env = { ...process.env, WEBHOOK_SECRET: SECRET, PORT: String(port) };
  const program = block('js').replace(/\);\n$/, ", () => console.log('listening'));\n");
  const child = spawn(process.execPath, ['-e', program], { cwd: REPOSITORY, env });
  let stdout = '';
  try {
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (data: Buffer) => {
        stdout += data;
        if (stdout.includes('listening')) resolve();
      });
    });
    expect(await post(port, SECRET)).toBe(204);
    expect(await post(port, 'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=')).toBe(401);
    expect(stdout).toBe('listening\njob.succeeded job-abcdefghijklmnopqrstuvwxyz succeeded\n');
  } finally {
    const isClosed = new Promise((resolve) => child.on('close', resolve));
    child.kill();
    await isClosed;
  }
});

async function post(port: number, secret: string): Promise<number> {
  const { statusCode } = await postWebhook({
    url: new URL(`http://localhost:${port}/`),
    addresses: [{ address: '127.0.0.1', family: 4 }],
    headers: webhookHeaders('evt_1', EXAMPLE, { now: new Date(), secrets: [secret] }),
    body: EXAMPLE,
    signal: new AbortController().signal,
  });
  return statusCode;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The first code block in a language. */
function block(language: string): string {
  const [, code] = new RegExp(`\n\`\`\`${language}\n(.*?\n)\`\`\`\n`, 's').exec(DOCUMENT) ?? [];
  if (code === undefined) throw new Error(`docs/webhooks.md must have an example in ${language}, got none.`);
  return code;
}

/** Cells of the table whose first heading this is, without backticks. */
function tableOf(heading: string): string[][] {
  const table = DOCUMENT.slice(DOCUMENT.indexOf(`\n| ${heading} |`) + 1).split('\n\n')[0]!;
  const lines = table.split('\n').slice(2);
  return lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim()),
  );
}

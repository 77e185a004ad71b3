/**
 * The stack deployed by `cdk deploy` on an emulator that judges every request by the policies in it, and one job through it: upload,
 * EventBridge, queues, the bundled functions, the webhook. AWS Batch is played by the local one (played-batch.ts), which runs the
 * real worker; the receiver is this process.
 *
 *   node --import tsx test/emulators/deployed-flow.ts <ministack executable>
 *
 * Prints what was shown, one line each; exit code 0 when all of it was.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { Webhook } from 'standardwebhooks';
import { deploymentOfStack } from '../../clients/aws/stack-deployment';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import { type AwsDeployment, QUEUE_NAMES } from '../../contract/deployment';
import { type WebhookBody, WebhookBodySchema } from '../../contract/events';
import type { JobState } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { manifestKey } from '../../contract/keys';
import { EMULATED_STACK } from './emulated-stack';
import { EMULATED_REGION } from './emulator';
import { freePort, startMinistack } from './ministack';

const ROOT = path.resolve(__dirname, '../..');
const CERTIFICATE = path.join(ROOT, 'test/fixtures/emulators/emulator.cert.pem');
const KEY = path.join(ROOT, 'test/fixtures/emulators/emulator.key.pem');
const EXAMPLE = path.join(ROOT, 'examples/ada');
const MODEL = path.join(ROOT, 'models/mv2id-tiny');
const ACCOUNT = '000000000000';
const PROFILE = 'emulated';
const PATIENCE_MS = 90_000;

interface Received {
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly body: WebhookBody;
}

const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-deployed-'));
const log = path.join(folder, 'log');
/** Ends what was started, the last first. */
const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];

void main(process.argv[2]!).then(
  () => end(0),
  (error: unknown) => {
    process.stderr.write(
      `${error instanceof Error ? error.stack : error}\n${readFileSync(log, 'utf8').slice(-8000)}\n`,
    );
    return end(1);
  },
);

async function main(ministack: string): Promise<void> {
  writeFileSync(log, '');
  const received: Received[] = [];
  const receiverPort = await startReceiver(received);
  const batchPort = await freePort();
  await startEmulator(ministack, receiverPort, batchPort);
  await deploy();
  const deployment = await deploymentOfStack({ region: EMULATED_REGION, stack: EMULATED_STACK });
  const ports = await openPorts(deployment);
  ends.push(() => ports.close());
  await startBatch(batchPort, deployment);

  await mv2id('profile', 'add', PROFILE, '--stack', EMULATED_STACK, '--region', EMULATED_REGION);
  await mv2id('--profile', PROFILE, 'model', 'push', MODEL);
  shown('the model is in the bucket');

  const made = await runJob(received, ports);
  shown(`job.json became a video: ${made.job.output.map(({ key }) => key).join(', ')}`);
  await verifyWebhooks(received, ports, made);
  shown('its webhooks came through the public network of the functions, and verify');
  await rejectJob(received, ports);
  shown('a set without consent was rejected, and its webhook said so');
  await cancelJob(ports);
  shown('a deleted job.json canceled its job');
  await invokeReconcile();
  shown('reconcile found nothing lost, with what its role may do');
  await eraseTenant(ports, made);
  shown('erase left nothing of the tenant, old versions included, and reconcile agrees');
  await requireNoDeadLetters(ports);
  shown('no message was given up');
}

/** Everything the service sends, as its receiver gets it. */
async function startReceiver(received: Received[]): Promise<number> {
  const server = createServer(
    { cert: readFileSync(CERTIFICATE), key: readFileSync(KEY) },
    async (request, response) => {
      const body = await text(request);
      const headers = request.headers as Record<string, string>;
      received.push({ headers, text: body, body: WebhookBodySchema.parse(JSON.parse(body)) });
      response.writeHead(204).end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function startEmulator(executable: string, receiverPort: number, batchPort: number): Promise<void> {
  const batchEndpoint = `http://127.0.0.1:${batchPort}`;
  const emulator = await startMinistack(executable, {
    script: path.join(__dirname, 'ministack-as-aws.py'),
    tls: { cert: CERTIFICATE, key: KEY },
    isStrict: true,
    log,
    env: {
      AWS_ENDPOINT_URL_BATCH: batchEndpoint,
      MV2ID_TEST_RECEIVER_PORT: String(receiverPort),
    },
  });
  ends.push(() => emulator.stop());
  delete process.env.AWS_PROFILE;
  delete process.env.AWS_SESSION_TOKEN;
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_ENDPOINT_URL_BATCH: batchEndpoint,
    AWS_REGION: EMULATED_REGION,
    // The account's root, as somebody who deploys for the first time may be.
    AWS_ACCESS_KEY_ID: ACCOUNT,
    AWS_SECRET_ACCESS_KEY: 'test',
  });
}

async function deploy(): Promise<void> {
  const output = path.join(folder, 'cdk');
  const app = `node --import tsx ${path.join(__dirname, 'stack-app.ts')}`;
  const cdk = (...args: string[]) =>
    run(path.join(ROOT, 'node_modules/.bin/cdk'), [...args, '--output', output, '--no-notices'], ROOT);
  const synthesised = await cdk('synth', '--quiet', '--app', app);
  for (const line of synthesised.split('\n')) if (line.startsWith('Left out')) process.stdout.write(`${line}\n`);
  await cdk('bootstrap', `aws://${ACCOUNT}/${EMULATED_REGION}`, '--app', output);
  await cdk('deploy', EMULATED_STACK, '--app', output, '--require-approval', 'never');
  shown('cdk deploy: the stack stands');
}

async function startBatch(port: number, deployment: AwsDeployment): Promise<void> {
  const args = [
    path.join(__dirname, 'played-batch.ts'),
    String(port),
    path.join(folder, 'batch'),
    JSON.stringify(deployment),
  ];
  const batch = spawn(process.execPath, ['--import', 'tsx', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  ends.push(() => batch.kill('SIGKILL'));
  await once(batch.stdout, 'data');
}

async function runJob(received: readonly Received[], ports: Ports): Promise<JobRecord> {
  const job = ['--profile', PROFILE, 'submit', EXAMPLE, '--tenant', 'acme', '--set', 'ada', '--wait', '--json'];
  const { id } = JSON.parse(await mv2id(...job, '--webhook', 'https://receiver.example/hook')) as { id: string };
  await until('the webhook of the success', () => received.some(({ body }) => body.type === 'job.succeeded'));
  const record = await ports.jobs.get(id);
  assert.equal(record?.job.status, 'succeeded');
  for (const { key, size } of record.job.output) assert.equal((await ports.buckets.results.head(key))?.size, size);
  return record;
}

async function verifyWebhooks(received: readonly Received[], ports: Ports, { id }: JobRecord): Promise<void> {
  const webhook = new Webhook((await ports.secrets.live())[0]);
  for (const { text: body, headers } of received) webhook.verify(body, headers);
  const types = received.filter(({ body }) => body.data.id === id).map(({ body }) => body.type);
  assert.deepEqual(types.filter((type) => type !== 'job.progress').sort(), ['job.started', 'job.succeeded']);
  const last = received.find(({ body }) => body.type === 'job.succeeded')!;
  const video = last.body.data.output.find(({ content_type }) => content_type === 'video/mp4');
  const bytes = await (await fetch(video!.url!)).arrayBuffer();
  assert.equal(bytes.byteLength, video!.size);
}

async function rejectJob(received: readonly Received[], ports: Ports): Promise<void> {
  const manifest = JSON.parse(readFileSync(path.join(EXAMPLE, 'job.json'), 'utf8'));
  delete manifest.reference_set.consent;
  const body = JSON.stringify({ ...manifest, webhook: 'https://receiver.example/hook' });
  await ports.buckets.uploads.put(manifestKey('acme', 'eve'), body);
  await until('the webhook of the rejection', () => received.some(({ body: { type } }) => type === 'job.rejected'));
  const { data } = received.find(({ body: { type } }) => type === 'job.rejected')!.body;
  assert.match(data.error!.message, /reference_set\.consent/);
}

async function cancelJob(ports: Ports): Promise<void> {
  const manifest = JSON.parse(readFileSync(path.join(EXAMPLE, 'job.json'), 'utf8'));
  for (const { file } of manifest.reference_set.images) {
    await ports.buckets.uploads.put(`sets/acme/ben/${file}`, readFileSync(path.join(EXAMPLE, file)));
  }
  await ports.buckets.uploads.put(manifestKey('acme', 'ben'), JSON.stringify(manifest));
  const stateOf = async (): Promise<JobState | undefined> =>
    (await ports.jobs.query('by_set', 'acme/ben')).records[0]?.job.status;
  await until('the job', async () => (await stateOf()) !== undefined);
  await ports.buckets.uploads.delete(manifestKey('acme', 'ben'));
  await until('the cancel', async () => (await stateOf()) === 'canceled');
}

async function invokeReconcile(): Promise<void> {
  const client = new LambdaClient({});
  const { Functions } = await client.send(new ListFunctionsCommand({}));
  const name = Functions?.find(({ FunctionName }) => /reconcile/i.test(FunctionName ?? ''))?.FunctionName;
  const { FunctionError, Payload } = await client.send(new InvokeCommand({ FunctionName: name! }));
  const report = JSON.parse(Buffer.from(Payload!).toString('utf8'));
  assert.equal(FunctionError, undefined, JSON.stringify(report));
  const { announced, failures } = report.flow;
  assert.deepEqual({ announced, failures }, { announced: 0, failures: 0 });
}

async function eraseTenant(ports: Ports, { id }: JobRecord): Promise<void> {
  const certificate = JSON.parse(await mv2id('--profile', PROFILE, 'erase', 'acme', '--yes', '--json'));
  assert.equal(certificate.is_complete, true);
  assert.equal(await ports.jobs.get(id), null);
  for (const bucket of [ports.buckets.uploads, ports.buckets.results]) {
    for await (const { key } of bucket.list('')) assert.match(key, /^service\//);
  }
  await invokeReconcile();
}

async function requireNoDeadLetters(ports: Ports): Promise<void> {
  for (const name of QUEUE_NAMES) assert.equal((await ports.deadLetters[name].depth()).visible, 0, name);
}

/** The command line as its users have it. */
function mv2id(...args: string[]): Promise<string> {
  return run(process.execPath, [path.join(ROOT, 'bin/mv2id.js'), ...args], folder);
}

/** @returns what it printed. */
async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, HOME: folder, AWS_CA_BUNDLE: CERTIFICATE };
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE_MS });
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  appendFileSync(log, errors);
  if (code !== 0)
    throw new Error(`${path.basename(file)} ${args.join(' ')} must succeed, got ${code}: ${output}${errors}`);
  return output;
}

async function until(what: string, isThere: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !(await isThere()); await sleep(100)) {
    if (Date.now() > deadline) throw new Error(`${what} must come within ${PATIENCE_MS / 1000} s, got nothing.`);
  }
}

function shown(what: string): void {
  process.stdout.write(`Shown: ${what}.\n`);
}

async function end(exitCode: number): Promise<void> {
  for (const stop of ends.reverse()) await stop();
  process.exit(exitCode);
}

import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type LocalPorts, openLocalPorts } from '../../../clients/local/local-ports';
import { verifyLink } from '../../../clients/local/signed-link';
import { BUCKET_NAMES, QUEUE_NAMES } from '../../../contract/deployment';
import { JobIdSchema } from '../../../contract/job';
import { batchJob } from '../batch-job';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder';

const REPOSITORY = path.resolve(__dirname, '../../..');
const JOB_ID = JobIdSchema.parse(`job-${'a'.repeat(26)}`);

let temporary: TemporaryFolder;
let opened: LocalPorts[];

beforeEach(() => {
  temporary = temporaryFolder();
  opened = [];
});
afterEach(async () => {
  for (const ports of opened) await ports.close();
  temporary.remove();
});

async function openPorts(options: Parameters<typeof openLocalPorts>[1] = {}): Promise<LocalPorts> {
  const ports = await openLocalPorts({ type: 'local', home: path.join(temporary.folder, 'home') }, options);
  opened.push(ports);
  return ports;
}

test('everything that one process stores, another finds', async () => {
  const one = await openPorts();
  const two = await openPorts();
  for (const name of BUCKET_NAMES) {
    await one.buckets[name].put('a/b', name);
    expect(Buffer.from((await two.buckets[name].get('a/b'))?.body ?? []).toString()).toBe(name);
  }
  for (const name of QUEUE_NAMES) {
    await one.queues[name].send([{ body: name }]);
    expect(await two.queues[name].receive({ max: 10, visibilitySeconds: 60 })).toMatchObject([{ body: name }]);
  }
  await one.endpoints.insert({ id: 'https://example.org/', version: 1, disabled_at: null, reason: 'test' });
  expect(await two.endpoints.get('https://example.org/')).toMatchObject({ reason: 'test' });
  const submission = { jobId: JOB_ID, shareIdentifier: 'anna', priority: 0, timeoutSeconds: 60 };
  expect(await batchJob(two.batch, await one.batch.submit(submission))).toMatchObject({ jobName: JOB_ID });
  expect(await two.secrets.live()).toEqual(await one.secrets.live());
});

test('a webhook is tried 200 times before it is a dead letter, anything else 20 times', async () => {
  let time = Date.UTC(2026, 0, 1);
  const ports = await openPorts({ now: () => new Date(time) });
  for (const [name, count] of [
    ['webhooks', 200],
    ['jobs', 20],
  ] as const) {
    await ports.queues[name].send([{ body: 'poison' }]);
    let deliveries = 0;
    while ((await ports.queues[name].receive({ max: 1, visibilitySeconds: 1 })).length > 0) {
      deliveries++;
      time += 1000;
    }
    expect(deliveries).toBe(count);
    expect(await ports.deadLetters[name].receive({ max: 1, visibilitySeconds: 1 })).toMatchObject([{ body: 'poison' }]);
  }
});

test('a link leads to the serve that runs, and there is none while none runs', async () => {
  const now = new Date('2026-01-01T00:00:00.700Z');
  const ports = await openPorts({ now: () => now });
  await ports.buckets.results.put('jobs/1/a b.mp4', 'x');
  expect(await ports.buckets.results.presign('jobs/1/a b.mp4', 60)).toBeNull();
  writeFileSync(
    ports.home.serve,
    JSON.stringify({ pid: process.pid, process_start: null, url: 'http://127.0.0.1:8080' }),
  );
  const link = await ports.buckets.results.presign('jobs/1/a b.mp4', 60);
  expect(link?.expiresAt).toEqual(new Date('2026-01-01T00:01:00Z'));
  expect(link?.url).toMatch(/^http:\/\/127\.0\.0\.1:8080\/files\/results\/jobs\/1\/a%20b\.mp4\?/);
  const target = { bucket: 'results', key: 'jobs/1/a b.mp4' };
  expect(verifyLink(link?.url ?? '', await ports.linkKey(), now)).toEqual(target);
  // Another process has the same key, which is nobody else's.
  expect(verifyLink(link?.url ?? '', await (await openPorts()).linkKey(), now)).toEqual(target);
  expect(statSync(ports.home.linkKey).mode & 0o777).toBe(0o600);
});

test('links may lead elsewhere', async () => {
  const expiresAt = new Date();
  const ports = await openPorts({
    presign: async (bucket, key, seconds) => ({ url: `https://cdn.example/${bucket}/${key}?${seconds}`, expiresAt }),
  });
  expect(await ports.buckets.models.presign('m/x', 5)).toEqual({ url: 'https://cdn.example/models/m/x?5', expiresAt });
});

test('a home has its buckets and its store, and closing twice is closing once', async () => {
  const ports = await openPorts();
  await ports.close();
  await ports.close();
  expect(readdirSync(ports.home.folder).sort()).toEqual(['buckets', 'store']);
  expect(readdirSync(ports.home.buckets).sort()).toEqual(['models', 'results', 'uploads']);
});

test('the ports of a local deployment load nothing of the AWS SDK', () => {
  const program = `
    require('./bin/typescript');
    require('./clients/open-ports.ts')
      .openPorts({ type: 'local', home: process.argv[1] })
      .then((ports) => ports.close())
      .then(() => console.log(Object.keys(require.cache).filter((file) => file.includes('@aws-sdk')).length));`;
  const args = ['-e', program, path.join(temporary.folder, 'home')];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: REPOSITORY, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
});

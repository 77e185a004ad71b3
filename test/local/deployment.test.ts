/** The deployment with workers that do nothing: how its parts are wired, started and stopped. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { IdleRunner } from '../../bench/orchestration/idle-runner';
import { putIdleModel, smallImage, uploadSet } from '../../bench/orchestration/sets';
import { WebhookReceiver } from '../../bench/orchestration/webhook-receiver';
import { erasePlace } from '../../clients/erase/erasure';
import { takeStock } from '../../clients/erase/place-data';
import { JobLedger } from '../../clients/job-ledger';
import type { LocalBatchJob } from '../../clients/local/batch-store';
import { placeHash } from '../../contract/erasure';
import type { JobState } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, manifestKey, resultKey } from '../../contract/keys';
import { type DeploymentOptions, type RunningDeployment, startDeployment } from '../../local/deployment';
import { HomeIsServed } from '../../local/serve-lock';
import { temporaryHome, until } from './home';
import { ManualRunner } from './manual-runner';

const deployments: RunningDeployment[] = [];
const receivers: WebhookReceiver[] = [];
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

afterEach(async () => {
  for (const deployment of deployments.splice(0)) await deployment.stop();
  for (const receiver of receivers.splice(0)) await receiver.close();
});

async function start(options: Partial<DeploymentOptions> = {}): Promise<RunningDeployment> {
  const deployment = await startDeployment({
    home: temporaryHome().folder,
    page: { port: 0 },
    log: SILENT,
    runner: (ports) => new IdleRunner(new JobLedger(ports)),
    ...options,
  });
  deployments.push(deployment);
  await putIdleModel(deployment.ports);
  return deployment;
}

async function receive({ ports }: RunningDeployment): Promise<WebhookReceiver> {
  const receiver = await WebhookReceiver.open(() => ports.secrets.live());
  receivers.push(receiver);
  return receiver;
}

async function jobOf({ ports }: RunningDeployment, tenant: string, set: string): Promise<JobRecord | null> {
  return (await ports.jobs.query('by_set', `${tenant}/${set}`)).records[0] ?? null;
}

const reaches = (deployment: RunningDeployment, set: string, wanted: JobState) =>
  until(async () => {
    const record = await jobOf(deployment, 'studio', set);
    return record?.job.status === wanted && record;
  });

test('from the upload to a verified webhook, with the job object in the results', async () => {
  const deployment = await start();
  const receiver = await receive(deployment);
  const ended = receiver.jobsEnded(1);
  await uploadSet(deployment.ports, { tenant: 'studio', set: 'ada', image: await smallImage(), webhook: receiver.url });
  await ended;
  const record = await jobOf(deployment, 'studio', 'ada');
  expect(record?.job).toMatchObject({ status: 'succeeded', tenant: 'studio', set: 'ada' });
  expect([...receiver.terminal]).toEqual([[record?.id, new Map([[`evt_${record?.id}_succeeded`, 1]])]]);
  const published = await until(async () => {
    const object = await deployment.ports.buckets.results.get(resultKey(record!.id, JOB_FILE_NAME));
    const job = object && JSON.parse(Buffer.from(object.body).toString('utf8'));
    return job?.attempts[0]?.stopped_at && job;
  });
  expect(published).toMatchObject({ status: 'succeeded', attempts: [{ number: 1, capacity: 'local' }] });
});

test('one job does not wait behind a thousand of another tenant', async () => {
  const order: LocalBatchJob[] = [];
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slots = 4;
  const deployment = await start({
    slots,
    runner: (ports) => {
      const idle = new IdleRunner(new JobLedger(ports), (job) => order.push(job));
      const start = idle.start.bind(idle);
      // The first ones hold the slots until the backlog is there.
      idle.start = (job) =>
        order.length < slots ? { exited: gate.then(() => start(job).exited), kill: release } : start(job);
      return idle;
    },
  });
  const { ports } = deployment;
  const image = await smallImage();
  const uploads = Array.from({ length: 1000 }, (_, i) => uploadSet(ports, { tenant: 'many', set: `set-${i}`, image }));
  await Promise.all(uploads);
  await until(async () => (await ports.queues.intake.depth()).visible > 500);
  await uploadSet(ports, { tenant: 'single', set: 'only', image });
  const single = await until(async () => {
    const record = await jobOf(deployment, 'single', 'only');
    return record?.batch_job_id ? record : null;
  });
  // Hundreds of the other tenant's have not even been looked at.
  expect((await ports.queues.intake.depth()).visible).toBeGreaterThan(300);
  const before = order.length;
  release();
  const place = await until(() => order.findIndex(({ name }) => name === single.id) + 1);
  expect(place - before).toBeLessThanOrEqual(2 * slots);
  await until(async () => (await jobOf(deployment, 'single', 'only'))?.job.status === 'succeeded');
});

test('deleting job.json cancels a waiting job and stops a running one', async () => {
  const runner = new ManualRunner();
  runner.isObedient = true;
  const deployment = await start({ runner: () => runner });
  const { ports } = deployment;
  const image = await smallImage();
  await uploadSet(ports, { tenant: 'studio', set: 'runs', image });
  const running = await until(() => runner.workers[0]);
  await uploadSet(ports, { tenant: 'studio', set: 'waits', image });
  await reaches(deployment, 'waits', 'submitted');
  await ports.buckets.uploads.delete(manifestKey('studio', 'waits'));
  await ports.buckets.uploads.delete(manifestKey('studio', 'runs'));
  await reaches(deployment, 'waits', 'canceled');
  await reaches(deployment, 'runs', 'canceled');
  await until(() => running.signals.length > 0);
  expect(runner.workers).toHaveLength(1);
});

test('a rejected set says why', async () => {
  const deployment = await start();
  const receiver = await receive(deployment);
  await deployment.ports.buckets.uploads.put(
    manifestKey('studio', 'ada'),
    JSON.stringify({ schema_version: 1, webhook: receiver.url }),
  );
  await receiver.jobsEnded(1);
  const record = await jobOf(deployment, 'studio', 'ada');
  expect(record?.job).toMatchObject({ status: 'rejected', error: { code: 'invalid_manifest' } });
});

test('a second one on the same home is refused and disturbs nobody', async () => {
  const first = await start();
  const home = first.ports.home.folder;
  await expect(startDeployment({ home, page: { port: 0 }, log: SILENT })).rejects.toThrow(HomeIsServed);
  await uploadSet(first.ports, { tenant: 'studio', set: 'ada', image: await smallImage() });
  await reaches(first, 'ada', 'succeeded');
  expect((await fetch(first.url)).status).toBe(200);
});

test('a start that fails half-way leaves the home free', async () => {
  const home = temporaryHome().folder;
  const options = { home, page: { port: 0 }, log: SILENT };
  await expect(startDeployment({ ...options, slots: 0 })).rejects.toThrow(
    'slots must be a whole number from 1, got 0.',
  );
  await (await startDeployment(options)).stop();
});

test('what was uploaded, deleted and half done meanwhile is found by the next start', async () => {
  const runner = new ManualRunner();
  runner.isObedient = true;
  const first = await start({ runner: () => runner });
  const home = first.ports.home;
  const image = await smallImage();
  await uploadSet(first.ports, { tenant: 'studio', set: 'runs', image });
  await until(() => runner.workers[0]);
  await uploadSet(first.ports, { tenant: 'studio', set: 'goes', image });
  await reaches(first, 'goes', 'submitted');
  await first.stop();
  deployments.length = 0;

  rmSync(path.join(home.bucket('uploads'), 'sets/studio/goes'), { recursive: true });
  mkdirSync(path.join(home.bucket('uploads'), 'sets/studio/comes'));
  writeFileSync(path.join(home.bucket('uploads'), 'sets/studio/comes/job.json'), '{}');
  const second = await start({ home: home.folder });
  await reaches(second, 'runs', 'succeeded');
  await reaches(second, 'goes', 'canceled');
  await reaches(second, 'comes', 'rejected');
  // What Batch says of the attempts comes after the worker's own word.
  const attempts = await until(async () => {
    const { job } = (await jobOf(second, 'studio', 'runs'))!;
    return job.attempts.length > 1 && job.attempts;
  });
  expect(attempts.map(({ number }) => number)).toEqual([1, 2]);
});

test('a consent names the owner of the file; results go when the deployment’s days are over', async () => {
  let time = Date.now();
  const now = () => new Date(time);
  const options = { now, retentionDays: 3, reconcileEverySeconds: 0.05 };
  const deployment = await start({ ...options, runner: (ports) => new IdleRunner(new JobLedger(ports, now)) });
  const { ports } = deployment;
  await uploadSet(ports, { tenant: 'studio', set: 'ada', image: await smallImage() });
  await reaches(deployment, 'ada', 'succeeded');
  const record = (await jobOf(deployment, 'studio', 'ada'))!;
  expect(await ports.consents.get(record.id)).toMatchObject({
    tenant: 'studio',
    uploaded_by: { requester: `local:${userInfo().username}`, source_ip: null },
  });
  await ports.buckets.results.put(resultKey(record.job.id, 'video.mp4'), 'a video');
  time += 3 * 24 * 3600_000 + 60_000;
  const emptied = await until(async () => {
    const job = (await jobOf(deployment, 'studio', 'ada'))?.job;
    return job?.data_removed_at ? job : null;
  });
  expect(emptied.output).toEqual([]);
  expect(await ports.buckets.results.head(resultKey(record.job.id, 'video.mp4'))).toBeNull();
});

test('a tenant that is erased while its sets are judged, run and told of leaves nothing', async () => {
  const deployment = await start({ slots: 4 });
  const { ports } = deployment;
  const receiver = await receive(deployment);
  const image = await smallImage();
  const upload = (tenant: string, i: number) =>
    uploadSet(ports, { tenant, set: `set-${i}`, image, webhook: receiver.url });
  const sets = Array.from({ length: 16 }, (_, i) => i);
  await Promise.all(sets.flatMap((i) => [upload('gone', i), upload('studio', i)]));
  // Some are through, some run, some are not yet looked at.
  await until(async () => {
    const { records } = await ports.jobs.query('by_tenant', 'gone');
    return records.filter(({ job }) => job.status === 'succeeded').length >= 3;
  });
  const place = { tenant: 'gone', set: null };
  const request = { place, requestedBy: 'a test', deployment: 'local' } as const;
  await until(async () => (await erasePlace(ports, request, { wait: () => turn() })).is_complete);
  for (const i of sets) await reaches(deployment, `set-${i}`, 'succeeded');
  // What is still in flight among the webhooks is a second message of an event that was sent.
  await until(async () => {
    const [intake, jobs, events] = await Promise.all([
      ports.queues.intake.depth(),
      ports.queues.jobs.depth(),
      ports.queues.batch_events.depth(),
    ]);
    const isIdle = [intake, jobs, events].every(({ visible, inFlight, delayed }) => visible + inFlight + delayed === 0);
    return isIdle && (await ports.queues.webhooks.depth()).visible === 0;
  });
  const { records } = await ports.erasedJobs.query('by_set', placeHash(place), { limit: 1000 });
  expect(records.length).toBeGreaterThanOrEqual(3);
  const ids = records.map(({ id }) => id);
  await until(async () => {
    const counts = (await takeStock(ports, place, ids)).found.counts();
    return Object.values(counts).every((count) => count === 0);
  });
});

test('a hanging receiver delays no job and no other webhook', async () => {
  const deployment = await start({ slots: 2 });
  const hanging = await WebhookReceiver.open(() => new Promise(() => {}));
  receivers.push(hanging);
  const receiver = await receive(deployment);
  const image = await smallImage();
  const upload = (set: string, webhook: string) =>
    uploadSet(deployment.ports, { tenant: 'studio', set, image, webhook });
  await Promise.all(['a', 'b', 'c'].map((set) => upload(set, hanging.url)));
  for (const set of ['a', 'b', 'c']) await reaches(deployment, set, 'succeeded');
  await upload('d', receiver.url);
  await receiver.jobsEnded(1);
  await hanging.close();
});

import type { JobRecord } from '../../contract/job-record';
import { manifestKey } from '../../contract/keys';
import { type ReconcileReport, reconcile } from '../../lambdas/reconcile';
import { submit } from '../../lambdas/submit';
import { validate } from '../../lambdas/validate';
import { batchJob } from '../clients/batch-job';
import { manifest } from '../reference-set';
import {
  drainIntake,
  drainJobs,
  drainWebhooks,
  MANIFEST_KEY,
  openTestContext,
  overriding,
  stageMessage,
  type TestContext,
  uploadImages,
  uploadManifest,
  withPorts,
} from './factories';
import { type QueuedJobOptions, queuedJob } from './queued-job';

const NOTHING: ReconcileReport = {
  examined: 0,
  settled: 0,
  resubmitted: 0,
  moved: 0,
  timedOut: 0,
  canceled: 0,
  announced: 0,
  failures: 0,
};

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

/** A job whose job.json lies in the bucket, with no message for anybody. */
async function forgottenJob(options: QueuedJobOptions = {}): Promise<JobRecord> {
  const { tenant = 'acme', set = 'ada' } = options;
  const job = await queuedJob(context, options);
  await uploadManifest(context, job.manifest, { tenant, set });
  return job;
}

/** The same, handed to Batch. */
async function submittedJob(options: QueuedJobOptions = {}): Promise<JobRecord> {
  const job = await forgottenJob(options);
  await submit(stageMessage({ schema_version: 1, job_id: job.id }), context);
  return jobNow(job);
}

async function jobNow({ id }: JobRecord): Promise<JobRecord> {
  return (await context.ports.jobs.get(id))!;
}

/** Lets Batch run a job to the given end. */
async function runsTo(status: 'SUCCEEDED' | 'FAILED'): Promise<void> {
  const { batchStore } = context.ports;
  const [taken] = await batchStore.takeNext(1, context.now());
  await batchStore.markRunning(taken!.id, context.now());
  const exitCode = status === 'FAILED' ? 70 : 0;
  const end = { exitCode, statusReason: 'Essential container in task exited', reason: null };
  await batchStore.endAttempt(taken!.id, end, status, context.now());
}

test('nothing to do', async () => {
  expect(await reconcile(context)).toEqual(NOTHING);
  await submittedJob();
  context.clock.move(3600);
  expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1 });
});

describe('queued without a message', () => {
  test('sent again, after a minute', async () => {
    const job = await forgottenJob();
    context.clock.move(59);
    expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1 });
    context.clock.move(2);
    expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1, resubmitted: 1 });
    expect(await drainJobs(context)).toEqual([{ schema_version: 1, job_id: job.id }]);
  });

  test('what merely waits its turn is not: messages do not pile up', async () => {
    const jobs = [];
    for (let i = 0; i < 5; i++) {
      jobs.push(await forgottenJob({ set: `set-${i}` }));
      context.clock.move(1);
    }
    context.clock.move(61);
    expect((await reconcile(context)).resubmitted).toBe(5);
    expect((await reconcile(context)).resubmitted).toBe(0);
    await context.ports.queues.jobs.receive({ max: 2, visibilitySeconds: 3600 });
    expect((await reconcile(context)).resubmitted).toBe(0);
    await drainJobs(context);
    // Two in flight are left for five that wait: the oldest three may be the ones that are missing.
    expect((await reconcile(context)).resubmitted).toBe(3);
    expect((await drainJobs(context)).map(({ job_id }) => job_id)).toEqual(jobs.slice(0, 3).map(({ id }) => id));
  });
});

describe('in Batch', () => {
  test('its failure, whose event got lost', async () => {
    const job = await submittedJob();
    await runsTo('FAILED');
    expect(await reconcile(context)).toMatchObject({ moved: 1, failures: 0 });
    expect(await jobNow(job)).toMatchObject({
      job: { status: 'failed', error: { code: 'batch_failed' }, metrics: { attempts: 1 } },
    });
    expect(await reconcile(context)).toEqual(NOTHING);
  });

  test('its start', async () => {
    const job = await submittedJob();
    await context.ports.batchStore.takeNext(1, context.now());
    expect(await reconcile(context)).toMatchObject({ moved: 1 });
    expect((await jobNow(job)).job.status).toBe('starting');
    expect(await reconcile(context)).toMatchObject({ moved: 0 });
  });

  test('a Batch job that Batch does not know: failed, but not within the first minute', async () => {
    const job = await submittedJob();
    const forgetful = withPorts(context, {
      batch: { ...context.ports.batch, describe: () => Promise.resolve(new Map()) },
    });
    expect(await reconcile(forgetful)).toMatchObject({ moved: 0 });
    context.clock.move(61);
    expect(await reconcile(forgetful)).toMatchObject({ moved: 1 });
    expect((await jobNow(job)).job).toMatchObject({
      status: 'failed',
      error: { code: 'batch_job_lost', retryable: true },
    });
  });
});

describe('over time', () => {
  test.each(['queued', 'submitted'] as const)('%s: timed out, its Batch job stopped', async (status) => {
    const policy = { ttl_seconds: 60 };
    const job = status === 'queued' ? await forgottenJob({ policy }) : await submittedJob({ policy });
    context.clock.move(62);
    expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1, timedOut: 1 });
    const after = await jobNow(job);
    expect(after.job).toMatchObject({ status: 'timed_out', error: { code: 'ttl_expired' } });
    if (status === 'submitted') {
      expect(await batchJob(context.ports.batch, after.batch_job_id!)).toMatchObject({
        status: 'FAILED',
        statusReason: 'policy.ttl_seconds are over',
      });
    }
    expect(await drainJobs(context)).toEqual([]);
  });
});

describe('job.json gone without an event', () => {
  test('open jobs are canceled, their Batch jobs stopped, and those that are over stay', async () => {
    const over = await submittedJob({ set: 'eve' });
    await runsTo('FAILED');
    await reconcile(context);
    const running = await submittedJob();
    const waiting = await forgottenJob({ set: 'ben' });
    const kept = await forgottenJob({ set: 'cid' });
    for (const set of ['ada', 'ben', 'eve']) await context.ports.buckets.uploads.delete(manifestKey('acme', set));
    expect(await reconcile(context)).toMatchObject({ canceled: 2, resubmitted: 0, failures: 0 });
    const states = await Promise.all([running, waiting, over, kept].map(jobNow));
    expect(states.map(({ job }) => job.status)).toEqual(['canceled', 'canceled', 'failed', 'queued']);
    expect(await batchJob(context.ports.batch, running.batch_job_id!)).toMatchObject({ status: 'FAILED' });
  });

  test('a job whose job.json came after the listing is left alone', async () => {
    const job = await forgottenJob();
    const early = overriding(context.ports.buckets.uploads, { list: async function* () {} });
    const late = withPorts(context, { buckets: { ...context.ports.buckets, uploads: early } });
    expect(await reconcile(late)).toMatchObject({ canceled: 0 });
    expect((await jobNow(job)).job.status).toBe('queued');
  });
});

describe('job.json uploaded without an event', () => {
  test('is announced after a minute, once, and becomes a job', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    expect(await reconcile(context)).toEqual(NOTHING);
    context.clock.move(61);
    expect(await reconcile(context)).toEqual({ ...NOTHING, announced: 1 });
    expect(await reconcile(context)).toEqual(NOTHING);
    const events = await drainIntake(context);
    expect(events).toMatchObject([{ 'detail-type': 'Object Created', detail: { object: { key: MANIFEST_KEY } } }]);
    await validate(stageMessage(events[0]!), context);
    expect((await context.ports.jobs.query('by_set', 'acme/ada')).records).toMatchObject([
      { job: { status: 'queued' } },
    ]);
    expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1 });
  });

  test('a newer one is announced where an older one has a job', async () => {
    const uploadedAt = new Date(context.now().getTime() - 3600_000);
    await queuedJob(context, { uploadedAt });
    await uploadManifest(context, manifest({ seed: 9 }));
    context.clock.move(61);
    expect(await reconcile(context)).toMatchObject({ announced: 1 });
  });

  test("other files, and folders that are no set, are nobody's", async () => {
    const { uploads } = context.ports.buckets;
    for (const key of ['sets/acme/ada/front.png', 'sets/acme/job.json', 'sets/UPPER/ada/job.json', 'notes.txt']) {
      await uploads.put(key, 'x');
    }
    context.clock.move(61);
    expect(await reconcile(context)).toEqual(NOTHING);
  });
});

describe('whatever else', () => {
  test('events and job objects that a dead process left are settled', async () => {
    const webhook = 'https://example.com/hook';
    const job = await submittedJob({ webhook });
    const dead = overriding(context.ports.queues.webhooks, { send: () => Promise.reject(new Error('killed')) });
    const dying = withPorts(context, { queues: { ...context.ports.queues, webhooks: dead } });
    await expect(dying.ledger.change(job.job.id, () => ({ status: 'failed' }))).rejects.toThrow('killed');
    expect(await reconcile(context)).toEqual({ ...NOTHING, examined: 1, settled: 1 });
    expect((await drainWebhooks(context)).map(({ event }) => event.webhook_id)).toEqual([`evt_${job.id}_failed`]);
    expect(await reconcile(context)).toEqual(NOTHING);
  });

  test('one job that cannot be reconciled holds up no other', async () => {
    const sick = await submittedJob();
    const well = await submittedJob({ set: 'eve' });
    const { batch, jobs } = context.ports;
    for (const { batch_job_id } of [sick, well]) await batch.terminate(batch_job_id!, 'a test');
    const replace = (record: JobRecord) =>
      record.id === sick.id ? Promise.reject(new Error('throttled')) : jobs.replace(record);
    const troubled = withPorts(context, { jobs: overriding(jobs, { replace }) });
    expect(await reconcile(troubled)).toMatchObject({ examined: 2, moved: 1, failures: 1 });
    expect((await jobNow(well)).job.status).toBe('failed');
  });

  test('while Batch does not answer, everything else is done', async () => {
    await submittedJob();
    await forgottenJob({ set: 'eve' });
    context.clock.move(61);
    const describe = () => Promise.reject(new Error('throttled'));
    const troubled = withPorts(context, { batch: { ...context.ports.batch, describe } });
    expect(await reconcile(troubled)).toMatchObject({ examined: 2, resubmitted: 1, failures: 1 });
  });

  test('Batch is asked about a hundred jobs at once', async () => {
    for (let i = 0; i < 101; i++) await submittedJob({ set: `set-${i}` });
    const asked: number[] = [];
    const { batch } = context.ports;
    const describe = (ids: readonly string[]) => {
      asked.push(ids.length);
      return batch.describe(ids);
    };
    expect(await reconcile(withPorts(context, { batch: { ...batch, describe } }))).toMatchObject({ examined: 101 });
    expect(asked).toEqual([100, 1]);
  });

  test('the requests grow with the number of jobs, and no faster', async () => {
    async function requestsFor(jobs: number): Promise<number> {
      context = await openTestContext();
      for (let i = 0; i < jobs; i++) await forgottenJob({ set: `set-${i}` });
      context.clock.move(61);
      let requests = 0;
      const counted = <T extends object>(port: T): T =>
        new Proxy(port, {
          get(target, name) {
            const value: unknown = target[name as keyof T];
            if (typeof value !== 'function') return value;
            return (...args: unknown[]) => {
              requests++;
              return value.apply(target, args);
            };
          },
        });
      const { ports } = context;
      await reconcile(
        withPorts(context, {
          jobs: counted(ports.jobs),
          batch: counted(ports.batch),
          buckets: { ...ports.buckets, uploads: counted(ports.buckets.uploads) },
          queues: { ...ports.queues, jobs: counted(ports.queues.jobs), intake: counted(ports.queues.intake) },
        }),
      );
      return requests;
    }
    const [few, many] = [await requestsFor(10), await requestsFor(100)];
    expect(many).toBeLessThanOrEqual(10 * few);
  });
});

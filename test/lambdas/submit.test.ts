import type { BatchSubmission } from '../../clients/batch';
import type { JobRecord } from '../../contract/job-record';
import { jobId } from '../../contract/keys';
import { DEFAULT_EXECUTION_TIMEOUT_SECONDS, EXECUTION_TIMEOUT_MARGIN_SECONDS } from '../../contract/limits';
import type { Manifest } from '../../contract/manifest';
import { CANCELED, endJob } from '../../lambdas/end-job';
import { submit } from '../../lambdas/submit';
import { track } from '../../lambdas/track';
import { batchJob } from '../clients/batch-job';
import { batchEvent, openTestContext, stageMessage, type TestContext, withPorts } from './factories';
import { queuedJob } from './queued-job';

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

function message({ id }: { id: string }) {
  return stageMessage({ schema_version: 1, job_id: id });
}

/** Batch with a record of what was submitted and terminated. */
function recorded(duringSubmit: (batchJobId: string) => Promise<void> = async () => {}) {
  const { batch } = context.ports;
  const submitted: (BatchSubmission & { id: string })[] = [];
  const terminated: string[] = [];
  const recording = {
    describe: (ids: readonly string[]) => batch.describe(ids),
    submit: async (submission: BatchSubmission) => {
      const id = await batch.submit(submission);
      submitted.push({ ...submission, id });
      await duringSubmit(id);
      return id;
    },
    terminate: async (id: string, reason: string) => {
      terminated.push(id);
      await batch.terminate(id, reason);
    },
  };
  return { context: withPorts(context, { batch: recording }), submitted, terminated };
}

async function jobNow({ id }: { id: string }): Promise<JobRecord> {
  return (await context.ports.jobs.get(id))!;
}

test('a queued job goes to Batch once, whatever its message says', async () => {
  const job = await queuedJob(context);
  const batch = recorded();
  await submit(message(job), batch.context);
  await submit(message(job), batch.context);
  expect(batch.submitted).toEqual([
    {
      id: expect.any(String),
      jobId: job.id,
      shareIdentifier: 'acme',
      priority: 100,
      timeoutSeconds: DEFAULT_EXECUTION_TIMEOUT_SECONDS + EXECUTION_TIMEOUT_MARGIN_SECONDS,
    },
  ]);
  expect(await jobNow(job)).toMatchObject({
    batch_job_id: batch.submitted[0]!.id,
    job: { status: 'submitted', submitted_at: context.now().toISOString() },
  });
});

test('the policy and the tenant reach Batch', async () => {
  const policy = { execution_timeout_seconds: 600, priority: 'low' } as const;
  const batch = recorded();
  for (const tenant of ['a-b', 'a_b', 'ab'])
    await submit(message(await queuedJob(context, { tenant, policy })), batch.context);
  expect(batch.submitted).toMatchObject([
    { shareIdentifier: 'aDb', priority: 0, timeoutSeconds: 600 + EXECUTION_TIMEOUT_MARGIN_SECONDS },
    { shareIdentifier: 'aUb' },
    { shareIdentifier: 'ab' },
  ]);
});

test('a job that waited longer than its ttl is timed out', async () => {
  const policy: Manifest['policy'] = { ttl_seconds: 60 };
  const job = await queuedJob(context, { policy });
  const batch = recorded();
  context.clock.move(62);
  await submit(message(job), batch.context);
  expect(batch.submitted).toEqual([]);
  expect((await jobNow(job)).job).toMatchObject({
    status: 'timed_out',
    error: {
      code: 'ttl_expired',
      message: 'The job must end within policy.ttl_seconds (60), got 62 seconds.',
      retryable: true,
    },
  });
});

test('two deliveries at the same time: one Batch job stays, the other is stopped', async () => {
  const job = await queuedJob(context);
  const batch = recorded();
  await Promise.all([submit(message(job), batch.context), submit(message(job), batch.context)]);
  expect(batch.submitted).toHaveLength(2);
  const { batch_job_id } = await jobNow(job);
  expect(batch.terminated).toEqual(batch.submitted.map(({ id }) => id).filter((id) => id !== batch_job_id));
  expect(batch.terminated).toHaveLength(1);
});

test('a job canceled while Batch takes it: its Batch job is stopped', async () => {
  const job = await queuedJob(context);
  const batch = recorded(() => endJob(job.job.id, CANCELED, context));
  await submit(message(job), batch.context);
  expect(batch.terminated).toEqual([batch.submitted[0]!.id]);
  expect(await jobNow(job)).toMatchObject({ batch_job_id: null, job: { status: 'canceled' } });
});

test('a Batch job whose start is seen before its id is noted is not superfluous', async () => {
  const job = await queuedJob(context);
  const batch = recorded(async (id) => {
    const detail = { ...(await batchJob(context.ports.batch, id))!, status: 'STARTING' as const };
    await track(stageMessage(batchEvent(detail)), context);
  });
  await submit(message(job), batch.context);
  expect(batch.terminated).toEqual([]);
  expect(await jobNow(job)).toMatchObject({ batch_job_id: batch.submitted[0]!.id, job: { status: 'starting' } });
});

test("a crash after Batch took it: the next delivery makes another Batch job, and only one is the record's", async () => {
  const job = await queuedJob(context);
  const crashing = recorded(() => Promise.reject(new Error('killed')));
  await expect(submit(message(job), crashing.context)).rejects.toThrow('killed');
  expect((await jobNow(job)).job.status).toBe('queued');
  const batch = recorded();
  await submit(message(job), batch.context);
  expect((await jobNow(job)).batch_job_id).toBe(batch.submitted[0]!.id);
});

test('Batch that takes nothing leaves the job queued', async () => {
  const job = await queuedJob(context);
  const closed = { ...context.ports.batch, submit: () => Promise.reject(new Error('no capacity')) };
  await expect(submit(message(job), withPorts(context, { batch: closed }))).rejects.toThrow('no capacity');
  expect((await jobNow(job)).job.status).toBe('queued');
});

test('a message of no job, or none at all, fails', async () => {
  const id = jobId('acme', 'nobody', new Uint8Array());
  await expect(submit(message({ id }), context)).rejects.toThrow(`${id} must be in the job table, got nothing.`);
  await expect(submit(stageMessage({ job_id: id }), context)).rejects.toThrow(/schema_version/);
});

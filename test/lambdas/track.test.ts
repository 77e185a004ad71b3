import fc from 'fast-check';
import type { BatchJob, BatchState } from '../../contract/events';
import { isTerminal, JOB_STATES } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { JOB_ENDED_LINE } from '../../contract/metrics';
import { track } from '../../lambdas/track';
import { batchEvent, drainWebhooks, openTestContext, stageMessage, type TestContext, withPorts } from './factories';
import { type QueuedJobOptions, queuedJob } from './queued-job';

const BATCH_JOB = 'batch-job-1';
const HOUR = Date.UTC(2026, 10, 23, 12);

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

async function submittedJob(options: QueuedJobOptions = {}, batchJobId: string | null = BATCH_JOB): Promise<JobRecord> {
  const job = await queuedJob(context, options);
  if (batchJobId === null) return job;
  const change = { status: 'submitted', record: { batch_job_id: batchJobId } } as const;
  return (await context.ledger.change(job.job.id, () => change))!;
}

function seen({ id }: JobRecord, status: BatchState, detail: Partial<BatchJob> = {}): Promise<void> {
  return track(stageMessage(batchEvent({ jobId: BATCH_JOB, jobName: id, status, ...detail })), context);
}

/** As the worker writes its attempt when it claims the job, a moment after Batch has started it. */
const CLAIMED = {
  number: 1,
  started_at: new Date(HOUR + 3000).toISOString(),
  stopped_at: null,
  reason: null,
  capacity: 'on_demand',
  instance_type: 'g6e.xlarge',
} as const;

async function jobNow({ id }: JobRecord): Promise<JobRecord> {
  return (await context.ports.jobs.get(id))!;
}

function attempt(startedAt: number, exitCode: number, statusReason = 'Essential container in task exited') {
  return { startedAt, stoppedAt: startedAt + 60_000, statusReason, container: { exitCode } };
}

test('from starting to the end, with every attempt', async () => {
  const job = await submittedJob();
  await seen(job, 'STARTING');
  expect((await jobNow(job)).job).toMatchObject({ status: 'starting', attempts: [{ number: 1, started_at: null }] });
  await seen(job, 'RUNNING', { startedAt: HOUR });
  await context.ledger.change(job.job.id, () => ({ status: 'processing' }));
  const first = attempt(HOUR, 75, 'Host EC2 (instance i-1) terminated.');
  await seen(job, 'RUNNABLE', { attempts: [first] });
  await seen(job, 'RUNNING', { startedAt: HOUR + 120_000, attempts: [first] });
  expect((await jobNow(job)).job).toMatchObject({ status: 'processing', metrics: { attempts: 2 } });
  await context.ledger.change(job.job.id, () => ({ status: 'succeeded' }));
  await seen(job, 'SUCCEEDED', { attempts: [first, attempt(HOUR + 120_000, 0)] });
  expect((await jobNow(job)).job).toMatchObject({
    status: 'succeeded',
    metrics: { attempts: 2 },
    attempts: [
      {
        number: 1,
        started_at: '2026-11-23T12:00:00.000Z',
        stopped_at: '2026-11-23T12:01:00.000Z',
        reason: 'Host EC2 (instance i-1) terminated.; exit code 75',
        capacity: 'local',
        instance_type: null,
      },
      { number: 2, started_at: '2026-11-23T12:02:00.000Z', stopped_at: '2026-11-23T12:03:00.000Z' },
    ],
  });
});

test('Batch tells when an attempt began and ended; where it ran is the worker’s word, and the cost follows', async () => {
  const cloud = { ...withPorts(context, { region: 'us-east-1' }), isLocal: false };
  const job = await submittedJob();
  await cloud.ledger.change(job.job.id, () => ({ status: 'processing', job: { attempts: [CLAIMED] } }));
  context.clock.move(100);
  await cloud.ledger.change(job.job.id, () => ({ status: 'succeeded' }));
  const ended = { jobId: BATCH_JOB, jobName: job.id, status: 'SUCCEEDED', attempts: [attempt(HOUR, 0)] } as const;
  await track(stageMessage(batchEvent({ ...ended, attempts: [...ended.attempts] })), cloud);
  const { attempts, metrics } = (await jobNow(job)).job;
  expect(attempts).toEqual([
    {
      ...CLAIMED,
      started_at: '2026-11-23T12:00:00.000Z',
      stopped_at: '2026-11-23T12:01:00.000Z',
      reason: 'Essential container in task exited; exit code 0',
    },
  ]);
  // A minute of 1.861 USD an hour.
  expect(metrics).toMatchObject({ gpu_seconds: 60, estimated_cost_usd: 0.031017 });
});

test('an attempt that starts is not dated with the start of the one before', async () => {
  const job = await submittedJob();
  await seen(job, 'STARTING', { startedAt: HOUR, attempts: [attempt(HOUR, 75)] });
  expect((await jobNow(job)).job.attempts).toMatchObject([{ number: 1 }, { number: 2, started_at: null }]);
});

test('the same event twice changes nothing the second time', async () => {
  const job = await submittedJob();
  await seen(job, 'RUNNING', { startedAt: HOUR });
  const once = await jobNow(job);
  await seen(job, 'RUNNING', { startedAt: HOUR });
  expect(await jobNow(job)).toEqual(once);
});

test('in any order, with any repetition, a job only moves forward and ends the same', async () => {
  const first = attempt(HOUR, 75);
  const second = attempt(HOUR + 120_000, 70);
  const story: [BatchState, Partial<BatchJob>][] = [
    ['RUNNABLE', {}],
    ['STARTING', {}],
    ['RUNNING', { startedAt: HOUR }],
    ['RUNNABLE', { attempts: [first] }],
    ['STARTING', { attempts: [first] }],
    ['RUNNING', { attempts: [first], startedAt: HOUR + 120_000 }],
    ['FAILED', { attempts: [first, second], statusReason: 'Essential container in task exited' }],
  ];
  let set = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(story.length - 1), { maxLength: 10 }), async (order) => {
      const webhook = 'https://example.com/hook';
      const job = await submittedJob({ set: `set-${set++}`, webhook }, set % 2 === 0 ? BATCH_JOB : null);
      let before = job.job.status;
      for (const i of [...order, story.length - 1, ...order]) {
        await seen(job, ...story[i]!);
        const { status } = (await jobNow(job)).job;
        expect(JOB_STATES.indexOf(status)).toBeGreaterThanOrEqual(JOB_STATES.indexOf(before));
        if (isTerminal(before)) expect(status).toBe(before);
        before = status;
      }
      const { job: after, batch_job_id } = await jobNow(job);
      expect(batch_job_id).toBe(BATCH_JOB);
      expect(after).toMatchObject({ status: 'failed', error: { code: 'batch_failed' }, metrics: { attempts: 2 } });
      expect(after.attempts.map(({ started_at, stopped_at }) => [started_at, stopped_at])).toEqual([
        ['2026-11-23T12:00:00.000Z', '2026-11-23T12:01:00.000Z'],
        ['2026-11-23T12:02:00.000Z', '2026-11-23T12:03:00.000Z'],
      ]);
      const events = await drainWebhooks(context);
      expect(events.map(({ event }) => event.webhook_id)).toEqual([`evt_${job.id}_failed`]);
    }),
    { numRuns: 40 },
  );
});

describe('an end that the worker did not report', () => {
  async function endOf(status: BatchState, detail: Partial<BatchJob>, lastError: JobRecord['last_error'] = null) {
    const job = await submittedJob();
    if (lastError) await context.ledger.change(job.job.id, () => ({ record: { last_error: lastError } }));
    await seen(job, status, detail);
    const { job: after } = await jobNow(job);
    return { status: after.status, ...after.error };
  }

  test('ended well without finishing the job', async () => {
    expect(await endOf('SUCCEEDED', {})).toMatchObject({
      status: 'failed',
      code: 'worker_ended_early',
      retryable: true,
    });
  });

  test("Batch's time limit", async () => {
    const end = await endOf('FAILED', {
      statusReason: 'Job attempt duration exceeded timeout',
      attempts: [attempt(HOUR, 137)],
    });
    expect(end).toMatchObject({ status: 'timed_out', code: 'execution_timeout' });
  });

  test("the time limit as the attempt's reason only, as the local Batch tells it", async () => {
    const attempts = [attempt(HOUR, 143, 'Job attempt duration exceeded timeout')];
    expect(await endOf('FAILED', { attempts })).toMatchObject({ status: 'timed_out' });
  });

  test('what the worker said last', async () => {
    const lastError = { code: 'disk_full', message: 'The disk must have room.', details: [], retryable: true };
    expect(await endOf('FAILED', { attempts: [attempt(HOUR, 70)] }, lastError)).toMatchObject(lastError);
  });

  test.each<[string, Partial<BatchJob>, string]>([
    ['capacity_lost', { statusReason: 'Host EC2 (instance i-1) terminated.' }, 'Host EC2 (instance i-1) terminated'],
    [
      'image_not_pulled',
      {
        statusReason: 'Task failed to start',
        attempts: [{ statusReason: 'Task failed to start', container: { reason: 'CannotPullContainerError: denied' } }],
      },
      'Task failed to start; CannotPullContainerError: denied',
    ],
    ['worker_killed', { attempts: [attempt(HOUR, 137)] }, 'exit code 137'],
    ['batch_failed', { statusReason: 'two\n lines\u0000.' }, 'got: two lines.'],
    ['batch_failed', {}, 'no reason given'],
  ])('%s', async (code, detail, message) => {
    const end = await endOf('FAILED', detail);
    expect(end).toMatchObject({ status: 'failed', code, message: expect.stringContaining(message) });
  });
});

describe('Batch jobs that are not to count', () => {
  test('another than the one that runs the job', async () => {
    const job = await submittedJob();
    await seen(job, 'FAILED', { jobId: 'batch-job-2' });
    expect(await jobNow(job)).toEqual(job);
  });

  test('of a job that was over before it had one', async () => {
    const job = await submittedJob({}, null);
    const canceled = await context.ledger.change(job.job.id, () => ({ status: 'canceled' }));
    await seen(job, 'FAILED');
    expect(await jobNow(job)).toEqual(canceled);
  });

  test('none of ours, and of a job that nobody knows', async () => {
    const job = await submittedJob();
    await seen({ ...job, id: 'nightly-backup' as JobRecord['id'] }, 'FAILED');
    await seen({ ...job, id: `job-${'a'.repeat(26)}` as JobRecord['id'] }, 'FAILED');
    expect(await jobNow(job)).toEqual(job);
  });
});

test('a message that is no event of a Batch job fails', async () => {
  await expect(track(stageMessage({ source: 'aws.s3' }), context)).rejects.toThrow(/source/);
});

describe('the line that CloudWatch counts', () => {
  const FAILED = { attempts: [attempt(HOUR, 70)] };

  /** What is logged while Batch tells of its job. */
  async function linesOf(job: JobRecord, status: BatchState, detail: Partial<BatchJob> = {}, isLocal = false) {
    const lines: unknown[] = [];
    const priced = withPorts(context, { region: 'us-east-1' });
    const log = { ...context.log, info: (message: string, about?: object) => void lines.push({ message, ...about }) };
    const event = batchEvent({ jobId: BATCH_JOB, jobName: job.id, status, ...detail });
    await track(stageMessage(event), { ...priced, isLocal, log });
    return lines.filter((line) => (line as { message: string }).message === JOB_ENDED_LINE);
  }

  test('a job that succeeded', async () => {
    const priced = withPorts(context, { region: 'us-east-1' });
    const job = await submittedJob();
    await context.ledger.change(job.job.id, () => ({ status: 'processing' }));
    context.clock.move(30);
    await priced.ledger.change(job.job.id, () => ({ status: 'succeeded', job: { attempts: [CLAIMED] } }));
    const ended = { job_id: job.id, status: 'succeeded', code: null, is_our_fault: false };
    expect(await linesOf(job, 'SUCCEEDED', { attempts: [attempt(HOUR, 0)] })).toEqual([
      { message: JOB_ENDED_LINE, ...ended, predict_seconds: 30, estimated_cost_usd: 0.031017 },
    ]);
  });

  test('our fault, and that of the input', async () => {
    expect(await linesOf(await submittedJob(), 'FAILED', FAILED)).toMatchObject([
      { status: 'failed', code: 'batch_failed', is_our_fault: true },
    ]);
    const job = await submittedJob({ set: 'other' });
    const error = { code: 'invalid_image', message: 'No.', details: [], retryable: false };
    await context.ledger.change(job.job.id, () => ({ status: 'failed', job: { error } }));
    expect(await linesOf(job, 'FAILED', { attempts: [attempt(HOUR, 64)] })).toMatchObject([
      { status: 'failed', code: 'invalid_image', is_our_fault: false },
    ]);
    const withBrokenModel = await submittedJob({ set: 'third' });
    await context.ledger.change(withBrokenModel.job.id, () => ({
      status: 'failed',
      job: { error: { ...error, code: 'invalid_model' } },
    }));
    expect(await linesOf(withBrokenModel, 'FAILED', { attempts: [attempt(HOUR, 64)] })).toMatchObject([
      { status: 'failed', code: 'invalid_model', is_our_fault: true },
    ]);
  });

  test('none while it runs, for another Batch job, and on one machine', async () => {
    const job = await submittedJob();
    expect(await linesOf(job, 'RUNNING', { startedAt: HOUR })).toEqual([]);
    expect(await linesOf(job, 'FAILED', { ...FAILED, jobId: 'batch-job-2' })).toEqual([]);
    expect(await linesOf(job, 'FAILED', FAILED, true)).toEqual([]);
  });
});

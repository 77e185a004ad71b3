import fc from 'fast-check';
import { ForbiddenMove, JobLedger } from '../../clients/job-ledger';
import type { JobTable } from '../../clients/job-table';
import { canMove, isTerminal, JOB_STATES, type Job, JobSchema, type JobState } from '../../contract/job';
import { isUnsettled, type JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, resultKey } from '../../contract/keys';
import { drainWebhooks, openTestContext, overriding, type TestContext, withPorts } from '../lambdas/factories';
import { type QueuedJobOptions, queuedJob } from '../lambdas/queued-job';

const WEBHOOK = 'https://example.com/hook';
const KILLED = () => Promise.reject(new Error('killed'));

let context: TestContext;
beforeAll(async () => {
  context = await openTestContext();
});

let sets = 0;
function newJob(options: QueuedJobOptions = {}): Promise<JobRecord> {
  return queuedJob(context, { set: `set-${sets++}`, webhook: WEBHOOK, ...options });
}

async function jobNow({ id }: JobRecord): Promise<JobRecord> {
  return (await context.ports.jobs.get(id))!;
}

async function published({ job }: JobRecord): Promise<Job> {
  const object = await context.ports.buckets.results.get(resultKey(job.id, JOB_FILE_NAME));
  return JobSchema.parse(JSON.parse(Buffer.from(object!.body).toString()));
}

async function move(record: JobRecord, ...states: JobState[]): Promise<void> {
  for (const status of states) await context.ledger.change(record.job.id, () => ({ status }));
}

function progress(step: number) {
  return { job: { progress: { percent: step, step, total_steps: 100, eta_seconds: null } } };
}

async function webhookIds(): Promise<string[]> {
  return (await drainWebhooks(context)).map(({ event }) => event.webhook_id);
}

afterEach(async () => {
  await drainWebhooks(context);
});

describe('moves', () => {
  test('every allowed one happens, every other is refused and changes nothing', async () => {
    const ways: Partial<Record<JobState, JobState[]>> = {
      queued: [],
      submitted: ['submitted'],
      starting: ['starting'],
      processing: ['processing'],
      succeeded: ['processing', 'succeeded'],
      failed: ['failed'],
      canceled: ['canceled'],
      timed_out: ['timed_out'],
    };
    for (const [from, way] of Object.entries(ways) as [JobState, JobState[]][]) {
      for (const to of JOB_STATES.filter((state) => state !== from)) {
        const record = await newJob();
        await move(record, ...way);
        const before = await jobNow(record);
        const change = context.ledger.change(record.job.id, () => ({
          status: to,
          job: { metadata: { changed: true } },
        }));
        if (canMove(from, to)) expect((await change)?.job).toMatchObject({ status: to, metadata: { changed: true } });
        else {
          await expect(change).rejects.toEqual(new ForbiddenMove(record.job.id, from, to));
          expect(await jobNow(record)).toEqual(before);
        }
      }
    }
  });

  test('times and durations follow from them', async () => {
    const record = await newJob();
    context.clock.move(2);
    await move(record, 'submitted');
    context.clock.move(3);
    await move(record, 'processing');
    context.clock.move(10);
    await move(record, 'succeeded');
    const { job } = await jobNow(record);
    const at = (time: string | null) => (Date.parse(time!) - Date.parse(job.created_at)) / 1000;
    expect([at(job.submitted_at), at(job.started_at), at(job.completed_at)]).toEqual([2, 5, 15]);
    expect(job.metrics).toMatchObject({ queue_time: 5, predict_time: 10, total_time: 15 });
  });

  test('a job’s seconds and cost grow with every change of it, and stand still with its end', async () => {
    const { ledger, clock } = withPorts(context, { region: 'us-east-1' });
    const record = await newJob();
    const metricsNow = async () => {
      const { gpu_seconds, estimated_cost_usd } = (await jobNow(record)).job.metrics;
      return [gpu_seconds, estimated_cost_usd];
    };
    expect(await metricsNow()).toEqual([null, null]);
    const place = { capacity: 'spot', instance_type: 'p5.48xlarge' } as const;
    const started_at = clock.now().toISOString();
    const attempts = [{ number: 1, started_at, stopped_at: null, reason: null, ...place }];
    await ledger.change(record.job.id, () => ({ status: 'processing', job: { attempts } }));
    clock.move(3600);
    await ledger.change(record.job.id, () => progress(1));
    // One GPU of eight, for an hour of 20.788 USD.
    expect(await metricsNow()).toEqual([3600, 2.5985]);
    clock.move(3600);
    await ledger.change(record.job.id, () => ({ status: 'succeeded' }));
    clock.move(3600);
    await ledger.change(record.job.id, () => ({ job: { metadata: { late: true } } }));
    expect(await metricsNow()).toEqual([7200, 5.197]);
    expect((await published(record)).metrics).toMatchObject({ gpu_seconds: 7200, estimated_cost_usd: 5.197 });
  });

  test('a job that is unknown is null, and a decision for nothing is one', async () => {
    const record = await newJob();
    expect(await context.ledger.change(`job-${'z'.repeat(26)}` as Job['id'], () => ({ status: 'failed' }))).toBeNull();
    expect(await context.ledger.change(record.job.id, () => null)).toEqual(record);
  });
});

describe('events', () => {
  test('one for every state that has one, with the job as it was then', async () => {
    const record = await newJob();
    await move(record, 'submitted', 'starting', 'processing');
    await context.ledger.change(record.job.id, () => progress(1));
    await context.ledger.change(record.job.id, () => ({ job: { metadata: { note: 'no event' } } }));
    await context.ledger.change(record.job.id, () => progress(2));
    await move(record, 'succeeded');
    const sent = await drainWebhooks(context);
    expect(sent.map(({ url, event }) => [url, event.webhook_id, event.type, event.job.status])).toEqual([
      [WEBHOOK, `evt_${record.id}_started`, 'job.started', 'processing'],
      [WEBHOOK, `evt_${record.id}_progress-1-0`, 'job.progress', 'processing'],
      [WEBHOOK, `evt_${record.id}_progress-2-0`, 'job.progress', 'processing'],
      [WEBHOOK, `evt_${record.id}_succeeded`, 'job.succeeded', 'succeeded'],
    ]);
  });

  test('only those that the manifest wants', async () => {
    const record = await newJob({ filter: ['job.failed'] });
    await move(record, 'processing', 'failed');
    expect(await webhookIds()).toEqual([`evt_${record.id}_failed`]);
  });

  test('none without a webhook', async () => {
    const record = await newJob({ webhook: undefined });
    await move(record, 'processing', 'canceled');
    expect(await webhookIds()).toEqual([]);
    expect(isUnsettled(await jobNow(record))).toBe(false);
  });
});

describe('several at once', () => {
  test('two ledgers race for the end of a job: one wins, one event', async () => {
    for (let i = 0; i < 10; i++) {
      const record = await newJob();
      const ends: JobState[] = ['failed', 'canceled', 'timed_out'];
      const ended = await Promise.allSettled(
        ends.map((status) => new JobLedger(context.ports, context.now).change(record.job.id, () => ({ status }))),
      );
      expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of ended) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ForbiddenMove);
      const after = await jobNow(record);
      expect(isTerminal(after.job.status)).toBe(true);
      expect(await published(record)).toEqual(after.job);
      expect(new Set(await webhookIds()).size).toBe(1);
    }
  });

  test('changes of different parts are all kept', async () => {
    const record = await newJob();
    const add = (i: number) =>
      new JobLedger(context.ports, context.now).change(record.job.id, ({ job }) => ({
        job: { metadata: { ...job.metadata, [`k${i}`]: i } },
      }));
    await Promise.all(Array.from({ length: 12 }, (_, i) => add(i)));
    const after = await jobNow(record);
    expect(Object.keys(after.job.metadata)).toHaveLength(12);
    expect(await published(record)).toEqual(after.job);
    expect(after.published_revision).toBe(after.revision);
  });

  test('the same job made twice at the same time is one, with one event', async () => {
    const { version, revision, published_revision, pending_events, ...parts } = await newJob();
    const id = parts.id.replace(/.$/, (digit) => (digit === 'a' ? 'b' : 'a')) as Job['id'];
    const job = { ...parts.job, id, status: 'rejected', completed_at: parts.job.created_at } as const;
    const made = await Promise.all([1, 2, 3].map(() => context.ledger.create({ ...parts, id, job })));
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(new Set(await webhookIds())).toEqual(new Set([`evt_${id}_rejected`]));
    expect([version, revision, published_revision, pending_events]).toBeDefined();
  });

  test('whoever is slow never puts an older job object over a newer one, not even one that dies then', async () => {
    const record = await newJob();
    const { results } = context.ports.buckets;
    // Between reading the record and publishing it, others change and publish; then this one dies at its next step.
    let others: Promise<void> | null = null;
    const slow = overriding(results, {
      put: async (...args: Parameters<typeof results.put>) => {
        others ??= move(record, 'processing', 'succeeded');
        await others;
        return results.put(...args);
      },
    });
    const dying = overriding(context.ports.jobs, {
      replace: (() => {
        let writes = 0;
        return (next: JobRecord) => (++writes === 1 ? context.ports.jobs.replace(next) : KILLED());
      })(),
    });
    const other = withPorts(context, { buckets: { ...context.ports.buckets, results: slow }, jobs: dying });
    await other.ledger.change(record.job.id, () => ({ status: 'submitted' }));
    expect((await published(record)).status).toBe('succeeded');
    expect(await jobNow(record)).toMatchObject({ job: { status: 'succeeded' }, pending_events: [] });
    expect(isUnsettled(await jobNow(record))).toBe(false);
  });
});

describe('death between any two lines', () => {
  /** The job is changed by somebody who dies at the given step. @returns the record that this leaves. */
  async function diesAt(step: 'send' | 'publish' | 'mark'): Promise<JobRecord> {
    const record = await newJob();
    const { ports } = context;
    let writes = 0;
    const dying = withPorts(context, {
      ...(step === 'send' && {
        queues: { ...ports.queues, webhooks: overriding(ports.queues.webhooks, { send: KILLED }) },
      }),
      ...(step === 'publish' && {
        buckets: { ...ports.buckets, results: overriding(ports.buckets.results, { put: KILLED }) },
      }),
      ...(step === 'mark' && {
        jobs: overriding(ports.jobs, {
          replace: (next: JobRecord) => (++writes === 1 ? ports.jobs.replace(next) : KILLED()),
        }),
      }),
    });
    await expect(dying.ledger.change(record.job.id, () => ({ status: 'failed' }))).rejects.toThrow('killed');
    return jobNow(record);
  }

  test.each(['send', 'publish', 'mark'] as const)('before %s: it is found, and settled by the next', async (step) => {
    const left = await diesAt(step);
    expect(left.job.status).toBe('failed');
    expect(isUnsettled(left)).toBe(true);
    const { records } = await context.ports.jobs.query('by_unsettled', 'unsettled');
    expect(records.map(({ id }) => id)).toContain(left.id);
    const settled = await context.ledger.settle(left);
    expect(isUnsettled(settled)).toBe(false);
    expect(await published(left)).toEqual(settled.job);
    // At least once, and every time under the same id.
    expect(new Set(await webhookIds())).toEqual(new Set([`evt_${left.id}_failed`]));
    expect(await context.ledger.settle(left)).toEqual(settled);
    expect(await webhookIds()).toEqual([]);
  });

  test('whoever looks at the job next settles it, also without a change of his own', async () => {
    const left = await diesAt('send');
    await context.ledger.change(left.job.id, () => null);
    expect(await webhookIds()).toEqual([`evt_${left.id}_failed`]);
    expect((await published(left)).status).toBe('failed');
  });

  test('the events of the change before go out with those of the next', async () => {
    const record = await newJob();
    const { ports } = context;
    const dead = overriding(ports.queues.webhooks, { send: KILLED });
    const dying = withPorts(context, { queues: { ...ports.queues, webhooks: dead } });
    await expect(dying.ledger.change(record.job.id, () => ({ status: 'processing' }))).rejects.toThrow('killed');
    await move(record, 'succeeded');
    expect(await webhookIds()).toEqual([`evt_${record.id}_started`, `evt_${record.id}_succeeded`]);
  });

  test('any number of deaths at random: nothing lost, nothing under a second id, the last job object stays', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(4)), async (chances) => {
        const record = await newJob();
        const { ports } = context;
        const dies = () => chances.next().value === 0;
        const sometimes =
          <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
          async (...args: A): Promise<T> => {
            if (dies()) throw new Error('killed before');
            const result = await call(...args);
            if (dies()) throw new Error('killed after');
            return result;
          };
        const table = ports.jobs as JobTable;
        const mortal = withPorts(context, {
          jobs: overriding(table, { replace: sometimes((next: JobRecord) => table.replace(next)) }),
          queues: {
            ...ports.queues,
            webhooks: overriding(ports.queues.webhooks, {
              send: sometimes((messages) => ports.queues.webhooks.send(messages)),
            }),
          },
          buckets: {
            ...ports.buckets,
            results: overriding(ports.buckets.results, {
              put: sometimes((...args: Parameters<typeof ports.buckets.results.put>) =>
                ports.buckets.results.put(...args),
              ),
            }),
          },
        });
        for (const status of ['submitted', 'processing', 'succeeded'] as const) {
          const forward = () =>
            mortal.ledger.change(record.job.id, ({ job }) => (canMove(job.status, status) ? { status } : null));
          await Promise.allSettled([forward(), forward()]);
          await context.ledger.change(record.job.id, ({ job }) => (canMove(job.status, status) ? { status } : null));
        }
        const last = await context.ledger.settle(await jobNow(record));
        expect(last.job.status).toBe('succeeded');
        expect(isUnsettled(last)).toBe(false);
        expect(await published(record)).toEqual(last.job);
        const ids = await webhookIds();
        expect(new Set(ids)).toEqual(new Set([`evt_${record.id}_started`, `evt_${record.id}_succeeded`]));
      }),
      { numRuns: 40 },
    );
  });
});

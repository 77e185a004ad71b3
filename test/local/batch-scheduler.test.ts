/** The scheduler over the real store and queue, with workers and timers that the test moves. */

import { BatchStore } from '../../clients/local/batch-store';
import { LmdbJobQueue } from '../../clients/local/lmdb-job-queue';
import type { LmdbStore } from '../../clients/local/lmdb-store';
import { LocalBatch } from '../../clients/local/local-batch';
import { BatchEventSchema } from '../../contract/events';
import { type JobId, JobIdSchema } from '../../contract/job';
import { BatchScheduler, type SchedulerOptions } from '../../local/batch-scheduler';
import { batchJob } from '../clients/batch-job';
import { openStore, until } from './home';
import { ManualRunner, ManualTimers, type ManualWorker } from './manual-runner';

const setUps: { scheduler: BatchScheduler; runner: ManualRunner }[] = [];
let ids = 0;

/** What a test holds. */
function setUp(options: Partial<SchedulerOptions> = {}, store: LmdbStore = openStore()) {
  const batchStore = new BatchStore(store);
  const batch = new LocalBatch(batchStore);
  const events = new LmdbJobQueue(store, 'events');
  const runner = new ManualRunner();
  const timers = new ManualTimers();
  const scheduler = new BatchScheduler({
    store: batchStore,
    events,
    runner,
    slots: 1,
    setTimer: timers.set,
    onError: (error) => {
      throw error;
    },
    ...options,
  });
  setUps.push({ scheduler, runner });
  return { store, batchStore, batch, events, runner, timers, scheduler };
}

const submission = (change: { share?: string; priority?: number; timeoutSeconds?: number } = {}) => ({
  jobId: newJobId(),
  shareIdentifier: change.share ?? 'one',
  priority: change.priority ?? 0,
  timeoutSeconds: change.timeoutSeconds ?? 600,
});

function newJobId(): JobId {
  const letters = String(ids++).replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '');
  return JobIdSchema.parse(`job-${letters.padStart(26, 'a')}`);
}

const worker = (runner: ManualRunner, index: number): Promise<ManualWorker> => until(() => runner.workers[index]);

/** Every event in the queue, as "<state>" of one job. */
async function states(events: LmdbJobQueue, batchJobId: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const messages = await events.receive({ max: 10, visibilitySeconds: 600 });
    if (messages.length === 0) return found;
    for (const { body } of messages) {
      const { detail } = BatchEventSchema.parse(JSON.parse(body));
      if (detail.jobId === batchJobId) found.push(detail.status);
    }
  }
}

afterEach(async () => {
  for (const { scheduler, runner } of setUps.splice(0)) {
    runner.isObedient = true;
    await scheduler.stop();
  }
});

/** Runs every job to its end, one after the other, and returns the order of their starts. */
async function startOrder(runner: ManualRunner, count: number): Promise<string[]> {
  const order: string[] = [];
  for (let i = 0; i < count; i++) {
    const started = await worker(runner, i);
    order.push(started.job.id);
    started.exit(0);
  }
  return order;
}

describe('order', () => {
  test('larger priority first inside a share, then the order of submission', async () => {
    const { batch, runner, scheduler } = setUp();
    const low = await batch.submit(submission({ priority: 0 }));
    const first = await batch.submit(submission({ priority: 5 }));
    const second = await batch.submit(submission({ priority: 5 }));
    await scheduler.start();
    expect(await startOrder(runner, 3)).toEqual([first, second, low]);
  });

  test('shares take turns, whoever came first', async () => {
    const { batch, runner, scheduler } = setUp();
    const a = [await batch.submit(submission({ share: 'a' })), await batch.submit(submission({ share: 'a' }))];
    const b = [
      await batch.submit(submission({ share: 'b', priority: 9 })),
      await batch.submit(submission({ share: 'b' })),
    ];
    await scheduler.start();
    expect(await startOrder(runner, 4)).toEqual([a[0], b[0], a[1], b[1]]);
  });

  test('the share with the fewest running goes before one that started longer ago', async () => {
    const { batch, runner, scheduler } = setUp({ slots: 3 });
    await scheduler.start();
    for (const [i, share] of ['many', 'many', 'few'].entries()) {
      await batch.submit(submission({ share }));
      await worker(runner, i);
    }
    await batch.submit(submission({ share: 'many' }));
    const next = await batch.submit(submission({ share: 'few' }));
    (await worker(runner, 2)).exit(0);
    expect((await worker(runner, 3)).job.id).toBe(next);
  });

  test('one job of a share does not wait behind a thousand of another', async () => {
    const { batch, runner, scheduler } = setUp({ slots: 2 });
    await Promise.all(Array.from({ length: 1000 }, () => batch.submit(submission({ share: 'many' }))));
    await scheduler.start();
    await worker(runner, 1);
    const single = await batch.submit(submission({ share: 'single' }));
    (await worker(runner, 0)).exit(0);
    expect((await worker(runner, 2)).job.id).toBe(single);
  });

  test('never more workers than slots', async () => {
    const { batch, runner, scheduler } = setUp({ slots: 2 });
    await Promise.all(Array.from({ length: 5 }, () => batch.submit(submission())));
    await scheduler.start();
    let most = 0;
    for (let i = 0; i < 5; i++) {
      const started = await worker(runner, i);
      most = Math.max(most, scheduler.runningJobs().length);
      started.exit(0);
    }
    expect(most).toBe(2);
  });

  test('an idle scheduler writes nothing, however often it looks', async () => {
    const { batchStore, scheduler, store, timers } = setUp();
    await scheduler.start();
    let changes = 0;
    batchStore.onChange(() => changes++);
    for (let i = 0; i < 5; i++) {
      timers.pass(1000);
      // Whatever the scheduler may have asked the store for comes before this.
      await new Promise((resolve) => setImmediate(resolve));
      await store.change(() => {});
    }
    expect(changes).toBe(0);
  });

  test('slots must be a whole number from 1', () => {
    expect(() => setUp({ slots: 0 })).toThrow('slots must be a whole number from 1, got 0.');
  });
});

describe('ends', () => {
  test('a job that succeeds: its description and its events in AWS shape', async () => {
    const { batch, runner, scheduler, events } = setUp();
    const asked = submission({ share: 'x7', priority: 3, timeoutSeconds: 90 });
    const id = await batch.submit(asked);
    expect(await batchJob(batch, id)).toMatchObject({ status: 'RUNNABLE', jobName: asked.jobId, attempts: [] });
    await scheduler.start();
    const started = await worker(runner, 0);
    await until(async () => (await batchJob(batch, id))?.status === 'RUNNING');
    started.exit(0);
    const ended = await until(async () => {
      const job = await batchJob(batch, id);
      return job?.status === 'SUCCEEDED' && job;
    });
    expect(ended).toMatchObject({
      jobName: asked.jobId,
      shareIdentifier: 'x7',
      schedulingPriority: 3,
      timeout: { attemptDurationSeconds: 90 },
      attempts: [
        { container: { exitCode: 0, logStreamName: `${id}-1` }, statusReason: 'Essential container in task exited' },
      ],
    });
    expect(ended.stoppedAt).toBeGreaterThanOrEqual(ended.startedAt ?? Number.POSITIVE_INFINITY);
    runner.isObedient = true;
    await scheduler.stop();
    expect(await states(events, id)).toEqual(['STARTING', 'RUNNING', 'SUCCEEDED']);
  });

  test('a worker that asks for it is started again, with the next attempt number, until the attempts are used up', async () => {
    const { batch, runner, scheduler, events } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    for (let i = 0; i < 5; i++) {
      const started = await worker(runner, i);
      expect(started.attempt).toBe(i + 1);
      started.exit(75);
    }
    await until(async () => (await batchJob(batch, id))?.status === 'FAILED');
    await scheduler.stop();
    expect(runner.workers).toHaveLength(5);
    const again = ['STARTING', 'RUNNING', 'RUNNABLE'];
    expect(await states(events, id)).toEqual([...again, ...again, ...again, ...again, 'STARTING', 'RUNNING', 'FAILED']);
  });

  test("a worker that fails by the job's fault is not started again", async () => {
    const { batch, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    (await worker(runner, 0)).exit(64);
    await until(async () => (await batchJob(batch, id))?.status === 'FAILED');
    expect(await batchJob(batch, id)).toMatchObject({
      attempts: [{ container: { exitCode: 64 } }],
      isTerminated: false,
    });
    expect(runner.workers).toHaveLength(1);
  });

  test('a killed worker reports 137 and is started again', async () => {
    const { batch, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    (await worker(runner, 0)).end({ code: null, signal: 'SIGKILL' });
    await worker(runner, 1);
    expect(await batchJob(batch, id)).toMatchObject({ attempts: [{ container: { exitCode: 137 } }] });
  });

  test('a worker that cannot be started says why and is tried again', async () => {
    const { batch, batchStore, runner, scheduler } = setUp();
    const start = runner.start.bind(runner);
    runner.start = (job, attempt) => {
      if (attempt === 1) throw new Error('spawn ENOMEM');
      return start(job, attempt);
    };
    const id = await batch.submit(submission());
    await scheduler.start();
    await worker(runner, 0);
    expect(batchStore.get(id)?.attempts).toMatchObject([
      { exitCode: null, statusReason: 'Task failed to start', reason: 'CannotStartContainerError: spawn ENOMEM' },
    ]);
  });
});

describe('stops', () => {
  test('time is up: SIGTERM, SIGKILL 30 s later, and no further attempt', async () => {
    const { batch, runner, scheduler, timers } = setUp();
    const id = await batch.submit(submission({ timeoutSeconds: 60 }));
    await scheduler.start();
    const started = await worker(runner, 0);
    timers.pass(59_999);
    expect(started.signals).toEqual([]);
    timers.pass(1);
    expect(started.signals).toEqual(['SIGTERM']);
    timers.pass(29_999);
    expect(started.signals).toEqual(['SIGTERM']);
    timers.pass(1);
    expect(started.signals).toEqual(['SIGTERM', 'SIGKILL']);
    await until(async () => (await batchJob(batch, id))?.status === 'FAILED');
    expect(await batchJob(batch, id)).toMatchObject({ statusReason: 'Job attempt duration exceeded timeout' });
    expect(runner.workers).toHaveLength(1);
  });

  test('the time of an attempt starts with the attempt', async () => {
    const { batch, runner, scheduler, timers } = setUp();
    await batch.submit(submission({ timeoutSeconds: 60 }));
    await scheduler.start();
    const first = await worker(runner, 0);
    timers.pass(50_000);
    first.exit(75);
    const second = await worker(runner, 1);
    timers.pass(50_000);
    expect(second.signals).toEqual([]);
  });

  test('a waiting job that is terminated fails with the reason, and never starts', async () => {
    const { batch, runner, scheduler, events } = setUp();
    const id = await batch.submit(submission());
    const other = await batch.submit(submission());
    await batch.terminate(id, 'canceled by its user');
    await batch.terminate(id, 'once more');
    expect(await batchJob(batch, id)).toMatchObject({
      status: 'FAILED',
      statusReason: 'canceled by its user',
      isTerminated: true,
      attempts: [],
    });
    await scheduler.start();
    expect((await worker(runner, 0)).job.id).toBe(other);
    runner.isObedient = true;
    await scheduler.stop();
    expect(await states(events, id)).toEqual(['FAILED']);
  });

  test('a running job that is terminated gets SIGTERM and is not retried, whatever its exit code', async () => {
    const { batch, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    const started = await worker(runner, 0);
    await batch.terminate(id, 'canceled by its user');
    await until(() => started.signals.length > 0);
    // Something else changes in the meantime.
    await batch.terminate(await batch.submit(submission()), 'superfluous');
    started.exit(75);
    await until(async () => (await batchJob(batch, id))?.status === 'FAILED');
    expect(await batchJob(batch, id)).toMatchObject({ statusReason: 'canceled by its user', isTerminated: true });
    expect(started.signals).toEqual(['SIGTERM']);
    expect(runner.workers).toHaveLength(1);
  });

  test('terminating what has ended, or what nobody knows, changes nothing', async () => {
    const { batch, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    (await worker(runner, 0)).exit(0);
    const before = await until(async () => {
      const job = await batchJob(batch, id);
      return job?.status === 'SUCCEEDED' && job;
    });
    await batch.terminate(id, 'too late');
    await batch.terminate('nobody', 'why not');
    expect(await batchJob(batch, id)).toEqual(before);
  });

  test('a reclaimed host: SIGTERM, SIGKILL two minutes later, then another attempt', async () => {
    const { batch, runner, scheduler, timers } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    const started = await worker(runner, 0);
    scheduler.reclaim(id);
    expect(started.signals).toEqual(['SIGTERM']);
    timers.pass(119_999);
    expect(started.signals).toEqual(['SIGTERM']);
    timers.pass(1);
    expect((await worker(runner, 1)).attempt).toBe(2);
    const job = await batchJob(batch, id);
    expect(job?.attempts?.[0]?.statusReason).toMatch(/^Host EC2 \(instance i-\w+\) terminated\.$/);
  });

  test('a job that is terminated while its host is reclaimed is not run again', async () => {
    const { batch, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await scheduler.start();
    const started = await worker(runner, 0);
    scheduler.reclaim(id);
    scheduler.reclaim(id);
    await batch.terminate(id, 'canceled by its user');
    expect(started.signals).toEqual(['SIGTERM']);
    started.exit(75);
    await until(async () => (await batchJob(batch, id))?.status === 'FAILED');
    expect(await batchJob(batch, id)).toMatchObject({ statusReason: 'canceled by its user', isTerminated: true });
  });

  test('only a running job can be reclaimed', () => {
    const { scheduler } = setUp();
    expect(() => scheduler.reclaim('nobody')).toThrow('batch job must be running, got nobody.');
  });
});

describe('restart', () => {
  test('stop lets the workers save their progress, and the next scheduler runs the jobs again', async () => {
    const before = setUp();
    const id = await before.batch.submit(submission());
    await before.scheduler.start();
    const started = await worker(before.runner, 0);
    const stopped = before.scheduler.stop();
    await until(() => started.signals.length > 0);
    started.exit(75);
    await stopped;
    expect(await batchJob(before.batch, id)).toMatchObject({ status: 'RUNNABLE' });
    const after = setUp({}, before.store);
    await after.scheduler.start();
    expect((await worker(after.runner, 0)).attempt).toBe(2);
  });

  test('a job whose worker is gone is lost with its host and runs again', async () => {
    const { batch, batchStore, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    await batchStore.takeNext(1, new Date());
    await batchStore.markRunning(id, new Date());
    await scheduler.start();
    expect(await worker(runner, 0)).toMatchObject({ attempt: 2, job: { id } });
    expect(batchStore.get(id)?.attempts[0]).toMatchObject({
      exitCode: null,
      statusReason: expect.stringMatching(/^Host EC2/),
    });
  });

  test('a worker that outlived its scheduler is stopped before the job runs again', async () => {
    const { batch, batchStore, runner, scheduler } = setUp();
    const id = await batch.submit(submission());
    const [job] = await batchStore.takeNext(1, new Date());
    const orphan = new ManualRunner().start(job!, 1);
    runner.orphans.set(id, orphan);
    await scheduler.start();
    expect(orphan.signals).toEqual(['SIGTERM']);
    expect(runner.workers).toEqual([]);
    orphan.end({ code: null, signal: null });
    expect((await worker(runner, 0)).attempt).toBe(2);
  });

  test('an event that was not sent before a crash is sent afterwards', async () => {
    const { batch, batchStore, scheduler, events, runner } = setUp();
    const id = await batch.submit(submission());
    await batchStore.takeNext(1, new Date());
    await scheduler.start();
    await worker(runner, 0);
    await until(async () => (await events.depth()).visible >= 3);
    expect((await states(events, id)).slice(0, 3)).toEqual(['STARTING', 'RUNNABLE', 'STARTING']);
  });

  test('an event stays until the queue has taken it', async () => {
    const { batch, batchStore, scheduler, events, runner, timers } = setUp({ onError: () => {} });
    const send = events.send.bind(events);
    let failures = 0;
    events.send = async (messages) => {
      if (failures++ === 0) throw new Error('disk full');
      return send(messages);
    };
    const id = await batch.submit(submission());
    await scheduler.start();
    await worker(runner, 0);
    await until(() => failures > 0);
    await until(() => {
      timers.pass(1000);
      return batchStore.unsentEvents(1).length === 0;
    });
    expect(await states(events, id)).toEqual(['STARTING', 'RUNNING']);
  });

  test('jobs are forgotten a week after their end', async () => {
    const { batch, batchStore } = setUp();
    const old = await batch.submit(submission());
    await batch.terminate(old, 'no longer wanted');
    const DAY_MS = 24 * 3600_000;
    await batchStore.forgetOldJobs(new Date(Date.now() + 6.9 * DAY_MS));
    expect(await batchJob(batch, old)).not.toBeNull();
    await batchStore.forgetOldJobs(new Date(Date.now() + 7.1 * DAY_MS));
    expect(await batchJob(batch, old)).toBeNull();
  });
});

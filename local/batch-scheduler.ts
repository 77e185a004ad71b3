/**
 * The local Batch at work: it gives waiting jobs to free slots, watches their workers, and says what became of them, with the
 * meanings of AWS Batch: attempts, `evaluateOnExit`, a time limit for each attempt, SIGTERM before SIGKILL, and a host that is
 * reclaimed under a running job. What it knows stands in the store, so a `serve` that was killed goes on where it was.
 */
import type { JobQueue } from '../clients/job-queue';
import type { AttemptEnd, BatchStore, LocalBatchJob } from '../clients/local/batch-store';
import { WORKER_ATTEMPTS, WORKER_EVALUATE_ON_EXIT } from '../contract/worker-exit';
import { isRetried, type RetryStrategy } from './retry-strategy';
import type { Runner, RunningWorker, WorkerExit } from './runner';
import { exitCodeOf } from './worker-exit-code';

export interface SchedulerOptions {
  readonly store: BatchStore;
  /** Where the state-change events go. */
  readonly events: Pick<JobQueue, 'send'>;
  readonly runner: Runner;
  /** Workers that run at the same time, from 1. */
  readonly slots: number;
  readonly retryStrategy?: RetryStrategy;
  /** From SIGTERM to SIGKILL for a job that is terminated or out of time; 30,000 as in AWS Batch. */
  readonly killAfterMs?: number;
  /** From SIGTERM to SIGKILL for a job whose host is reclaimed; 120,000 as on EC2 Spot. */
  readonly reclaimGraceMs?: number;
  /** How often to look for what other processes wrote: 1,000. */
  readonly pollMs?: number;
  readonly now?: () => Date;
  /** Calls back once after a time. @returns how to stop that. */
  readonly setTimer?: (callback: () => void, milliseconds: number) => () => void;
  /** Told about what went wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

/** Why a worker was told to stop. */
interface Stop {
  readonly cause: 'terminated' | 'timeout' | 'host_lost';
  readonly reason: string;
}

interface Running {
  readonly job: LocalBatchJob;
  readonly worker: RunningWorker;
  stop: Stop | null;
  hasExited: boolean;
  readonly cancelTimers: (() => void)[];
}

const RETRY_STRATEGY: RetryStrategy = { attempts: WORKER_ATTEMPTS, evaluateOnExit: WORKER_EVALUATE_ON_EXIT };
/** AWS's own words; `Host EC2*` is what the retry strategy looks for. */
const HOST_LOST = 'Host EC2 (instance i-0000000000000local) terminated.';
const TIMED_OUT = 'Job attempt duration exceeded timeout';
const CONTAINER_EXITED = 'Essential container in task exited';
const NOT_STARTED = 'Task failed to start';
const EVENTS_AT_ONCE = 100;
const FORGET_EVERY_MS = 3600_000;

export class BatchScheduler {
  private readonly options: Required<SchedulerOptions>;
  private readonly running = new Map<string, Running>();
  private readonly ends = new Set<Promise<void>>();
  private readonly stopWatching: (() => void)[] = [];
  private isStopping = false;
  private filling: Promise<void> | null = null;
  private isFillWanted = false;
  private sending: Promise<void> | null = null;
  private forgottenAt = 0;

  constructor(options: SchedulerOptions) {
    if (!Number.isInteger(options.slots) || options.slots < 1) {
      throw new Error(`slots must be a whole number from 1, got ${options.slots}.`);
    }
    this.options = {
      retryStrategy: RETRY_STRATEGY,
      killAfterMs: 30_000,
      reclaimGraceMs: 120_000,
      pollMs: 1000,
      now: () => new Date(),
      setTimer: (callback, milliseconds) => {
        const timer = setTimeout(callback, milliseconds);
        return () => clearTimeout(timer);
      },
      onError: () => {},
      ...options,
    };
  }

  /** Ends what an earlier scheduler left running, then starts jobs until `stop`. */
  async start(): Promise<void> {
    await this.recover();
    this.stopWatching.push(this.options.store.onChange(() => this.wake()));
    this.poll();
  }

  /**
   * Plays the loss of a Spot instance: SIGTERM, the grace time, SIGKILL, and the attempt counts as lost with its host.
   * @throws Error when the job does not run.
   */
  reclaim(batchJobId: string): void {
    const running = this.running.get(batchJobId);
    if (!running) throw new Error(`batch job must be running, got ${batchJobId}.`);
    this.end(running, { cause: 'host_lost', reason: HOST_LOST }, this.options.reclaimGraceMs);
  }

  /** Batch job ids of the workers that run. */
  runningJobs(): string[] {
    return [...this.running.keys()];
  }

  /** Takes no more jobs; workers save their progress, as when their host is reclaimed, and are run again by the next scheduler. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const stop of this.stopWatching.splice(0)) stop();
    await this.filling;
    for (const running of this.running.values()) {
      this.end(running, { cause: 'host_lost', reason: HOST_LOST }, this.options.killAfterMs);
    }
    await Promise.all(this.ends);
    await this.sending;
    await this.sendEvents();
  }

  /** A worker without a scheduler has nobody to report to: it is stopped, and its attempt counts as lost with its host. */
  private async recover(): Promise<void> {
    const { store, runner, reclaimGraceMs } = this.options;
    const jobs = store.active();
    const orphans = await runner.findOrphans(jobs.map(({ id }) => id));
    for (const job of jobs) {
      const worker = orphans.get(job.id) ?? GONE;
      const running = this.watch(job, worker);
      this.end(running, { cause: 'host_lost', reason: HOST_LOST }, reclaimGraceMs);
    }
    this.startSending();
  }

  private poll(): void {
    this.wake();
    this.forgetSometimes();
    const cancel = this.options.setTimer(() => {
      this.stopWatching.splice(this.stopWatching.indexOf(cancel), 1);
      if (!this.isStopping) this.poll();
    }, this.options.pollMs);
    this.stopWatching.push(cancel);
  }

  /** Something has changed in the store. Calls that come while it looks make it look once more. */
  private wake(): void {
    if (this.isStopping) return;
    this.isFillWanted = true;
    this.filling ??= this.fillSlots()
      .catch(this.options.onError)
      .finally(() => {
        this.filling = null;
        if (this.isFillWanted) this.wake();
      });
  }

  private async fillSlots(): Promise<void> {
    const { store, slots, now, killAfterMs } = this.options;
    this.isFillWanted = false;
    for (const { id, reason } of store.stops()) {
      const running = this.running.get(id);
      if (running) this.end(running, { cause: 'terminated', reason }, killAfterMs);
    }
    while (!this.isStopping && this.running.size < slots) {
      const jobs = await store.takeNext(slots - this.running.size, now());
      if (jobs.length === 0) break;
      for (const job of jobs) this.launch(job);
    }
    this.startSending();
  }

  private launch(job: LocalBatchJob): void {
    const { runner, store, now, setTimer, killAfterMs, onError } = this.options;
    const attempt = job.attempts.length + 1;
    const running = this.watch(job, startSafely(runner, job, attempt));
    const timeOut = () => this.end(running, { cause: 'timeout', reason: TIMED_OUT }, killAfterMs);
    running.cancelTimers.push(setTimer(timeOut, job.timeoutSeconds * 1000));
    store.markRunning(job.id, now()).catch(onError);
  }

  /** Waits for the worker's end in the background. */
  private watch(job: LocalBatchJob, worker: RunningWorker): Running {
    const running: Running = { job, worker, stop: null, hasExited: false, cancelTimers: [] };
    this.running.set(job.id, running);
    const end = this.awaitEnd(running).finally(() => {
      this.ends.delete(end);
      this.running.delete(job.id);
      this.wake();
    });
    this.ends.add(end);
    return running;
  }

  private async awaitEnd(running: Running): Promise<void> {
    const attempt = await running.worker.exited.then(
      (exit) => attemptEnd(exit, running.stop),
      (error) => ({ exitCode: null, statusReason: NOT_STARTED, reason: `CannotStartContainerError: ${error.message}` }),
    );
    running.hasExited = true;
    for (const cancel of running.cancelTimers) cancel();
    const { onError, pollMs, setTimer } = this.options;
    for (;;) {
      try {
        return await this.record(running, attempt);
      } catch (error) {
        // A full disk, for example. A `serve` that stops leaves the job to the next one.
        onError(error);
        if (this.isStopping) return;
        await new Promise<void>((resolve) => void setTimer(resolve, pollMs));
      }
    }
  }

  private async record({ job, stop }: Running, attempt: AttemptEnd): Promise<void> {
    const { store, retryStrategy, now } = this.options;
    const isFinal = stop !== null && stop.cause !== 'host_lost';
    const isAgain = !isFinal && isRetried(attempt, job.attempts.length + 1, retryStrategy);
    const status = attempt.exitCode === 0 && !isFinal ? 'SUCCEEDED' : isAgain ? 'RUNNABLE' : 'FAILED';
    await store.endAttempt(job.id, attempt, status, now());
  }

  /** SIGTERM now, SIGKILL after the grace time. The first reason stands. */
  private end(running: Running, stop: Stop, graceMs: number): void {
    if (running.stop || running.hasExited) return;
    running.stop = stop;
    running.worker.kill('SIGTERM');
    running.cancelTimers.push(this.options.setTimer(() => running.worker.kill('SIGKILL'), graceMs));
  }

  private startSending(): void {
    if (this.sending || this.options.store.unsentEvents(1).length === 0) return;
    this.sending = this.sendEvents()
      .then(() => true)
      .catch((error) => {
        this.options.onError(error);
        return false;
      })
      .then((isSent) => {
        this.sending = null;
        // What came while the last look was under way. After a failure the next poll tries again.
        if (isSent && !this.isStopping) this.startSending();
      });
  }

  private async sendEvents(): Promise<void> {
    const { store, events } = this.options;
    for (;;) {
      const unsent = store.unsentEvents(EVENTS_AT_ONCE);
      if (unsent.length === 0) return;
      await events.send(unsent.map(({ body, group }) => ({ body, group })));
      await store.forgetEvents(unsent.map(({ number }) => number));
    }
  }

  private forgetSometimes(): void {
    const { store, now, onError } = this.options;
    if (now().getTime() - this.forgottenAt < FORGET_EVERY_MS) return;
    this.forgottenAt = now().getTime();
    store.forgetOldJobs(now()).catch(onError);
  }
}

/** The worker of a job that an earlier scheduler started and that is no more. */
const GONE: RunningWorker = { exited: Promise.resolve({ code: null, signal: null }), kill: () => {} };

function startSafely(runner: Runner, job: LocalBatchJob, attempt: number): RunningWorker {
  try {
    return runner.start(job, attempt);
  } catch (error) {
    return { exited: Promise.reject(error), kill: () => {} };
  }
}

function attemptEnd(exit: WorkerExit, stop: Stop | null): AttemptEnd {
  const exitCode = exitCodeOf(exit);
  // Who ends well in spite of it has ended well.
  const statusReason = stop && exitCode !== 0 ? stop.reason : CONTAINER_EXITED;
  return { exitCode, statusReason, reason: null };
}

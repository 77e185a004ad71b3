/**
 * The jobs of the local Batch, in the store of the home. Every change of state is one transaction, and the event that AWS would
 * send about it stands in that same transaction until the queue has taken it; so whoever dies, wherever, has lost none.
 *
 * The order in which jobs start stands in the store too: `turn` sorts the shares that have a job waiting, `queue` the jobs of a
 * share. Taking the next job costs the same with ten jobs waiting as with ten thousand.
 *
 *   ['job', id]                                   the job
 *   ['queue', share, 9999 - priority, sequence]   jobs that wait
 *   ['share', share]                              how many of a share wait and run, and which start was its last
 *   ['turn', running, last start, share]          shares that have a job waiting
 *   ['active', id]                                jobs that are starting or running
 *   ['stop', id]                                  why a running job is to be stopped
 *   ['event', number]                             events that the queue has not taken yet
 *   ['ended', time, id]                           jobs that are over, to be forgotten
 *   ['last', 'job' | 'start' | 'event']           last number given
 */

import { randomUUID } from 'node:crypto';
import type { BatchState } from '../../contract/events';
import type { BatchSubmission } from '../batch';
import { jobDetail, stateChangeEvent } from './batch-job-detail';
import { keysUnder, type LmdbDatabase, type LmdbKey, type LmdbStore } from './lmdb-store';

/** How an attempt ended, in AWS's words. */
export interface AttemptEnd {
  /** 128 + the signal's number for a process that a signal ended; null when there was no process to end. */
  readonly exitCode: number | null;
  /** Of the attempt: `Host EC2 (instance ...) terminated.`, or that the container exited. */
  readonly statusReason: string;
  /** Of the container: why it could not be started. */
  readonly reason: string | null;
}

export interface LocalBatchAttempt extends AttemptEnd {
  readonly startedAt: number | null;
  readonly stoppedAt: number;
}

/** Times in milliseconds since 1970. */
export interface LocalBatchJob {
  readonly id: string;
  readonly name: string;
  readonly share: string;
  readonly priority: number;
  readonly timeoutSeconds: number;
  /** Order of submission, from 1. */
  readonly sequence: number;
  readonly status: BatchState;
  readonly statusReason: string | null;
  readonly isTerminated: boolean;
  readonly createdAt: number;
  /** Of the present or last attempt. */
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
  /** Those that have ended. */
  readonly attempts: readonly LocalBatchAttempt[];
}

/** An event on its way to the queue. */
export interface OutgoingEvent {
  readonly number: number;
  /** The Batch job's name. */
  readonly group: string;
  /** JSON. */
  readonly body: string;
}

interface Share {
  readonly waiting: number;
  readonly running: number;
  /** Number of the start: two starts may fall into one millisecond. */
  readonly lastStart: number;
}

const MAX_PRIORITY = 9999;
/** AWS Batch forgets a job a week after its end. */
const KEEP_MS = 7 * 24 * 3600_000;
const NO_SHARE: Share = { waiting: 0, running: 0, lastStart: 0 };
/** What is announced when something changes. */
const TOPIC = 'batch';

export class BatchStore {
  private readonly db: LmdbDatabase<unknown>;

  constructor(private readonly store: LmdbStore) {
    this.db = store.database('batch');
  }

  /** Calls back after every change that this process makes. @returns how to stop that. */
  onChange(listener: () => void): () => void {
    return this.store.onChange(TOPIC, listener);
  }

  get(id: string): LocalBatchJob | null {
    // Another process may have written since this one last looked.
    this.db.resetReadTxn();
    return (this.db.get(['job', id]) as LocalBatchJob | undefined) ?? null;
  }

  /** A job has nothing to wait for but a slot, so it is RUNNABLE from the start. @returns its id. */
  async add({ jobId, shareIdentifier, priority, timeoutSeconds }: BatchSubmission, now: Date): Promise<string> {
    const id = randomUUID();
    await this.write(() => {
      const job: LocalBatchJob = {
        id,
        name: jobId,
        share: shareIdentifier,
        priority,
        timeoutSeconds,
        sequence: this.nextNumber('job'),
        status: 'RUNNABLE',
        statusReason: null,
        isTerminated: false,
        createdAt: now.getTime(),
        startedAt: null,
        stoppedAt: null,
        attempts: [],
      };
      this.put(['job', id], job);
      this.enqueue(job);
    });
    return id;
  }

  /** The jobs whose turn it is become STARTING: at most `count`, none when none waits. */
  async takeNext(count: number, now: Date): Promise<LocalBatchJob[]> {
    // Looking costs little; a transaction, and calling everybody back, would go on for ever in a scheduler that looks when called.
    this.db.resetReadTxn();
    if (!this.firstTurn()) return [];
    return this.write(() => {
      const jobs: LocalBatchJob[] = [];
      for (let turn = this.firstTurn(); turn && jobs.length < count; turn = this.firstTurn()) {
        jobs.push(this.takeFrom(turn[3] as string, now));
      }
      return jobs;
    });
  }

  /** A job whose process has started becomes RUNNING. */
  async markRunning(id: string, now: Date): Promise<void> {
    await this.write(() => {
      const job = this.require(id);
      if (job.status === 'STARTING') this.move({ ...job, status: 'RUNNING', startedAt: now.getTime() }, now);
    });
  }

  /**
   * The present attempt of a job is over. A job that was to be stopped is not run once more, whatever ended its attempt.
   * @param status what becomes of the job.
   */
  async endAttempt(id: string, end: AttemptEnd, status: 'RUNNABLE' | 'SUCCEEDED' | 'FAILED', now: Date): Promise<void> {
    await this.write(() => {
      const job = this.require(id);
      if (!isActive(job)) return;
      const stopReason = this.db.get(['stop', id]) as string | undefined;
      const isTerminated = stopReason !== undefined && status !== 'SUCCEEDED';
      const attempt: LocalBatchAttempt = { startedAt: job.startedAt, stoppedAt: now.getTime(), ...end };
      const ended: LocalBatchJob = {
        ...job,
        status: isTerminated ? 'FAILED' : status,
        statusReason: isTerminated ? stopReason : end.statusReason,
        isTerminated,
        stoppedAt: now.getTime(),
        attempts: [...job.attempts, attempt],
      };
      void this.db.remove(['active', id]);
      void this.db.remove(['stop', id]);
      this.changeShare(job.share, (share) => ({ ...share, running: share.running - 1 }));
      if (ended.status === 'RUNNABLE') this.enqueue(ended);
      else this.put(['ended', now.getTime(), id], true);
      this.move(ended, now);
    });
  }

  /** A job that waits fails at once; one that runs is marked, and the scheduler stops it. Nothing happens to one that has ended. */
  async requestStop(id: string, reason: string, now: Date): Promise<void> {
    await this.write(() => {
      const job = this.db.get(['job', id]) as LocalBatchJob | undefined;
      if (!job) return;
      if (isActive(job)) {
        if (this.db.get(['stop', id]) === undefined) this.put(['stop', id], reason);
      } else if (job.status === 'RUNNABLE') {
        this.dequeue(job);
        this.put(['ended', now.getTime(), id], true);
        const end = { statusReason: reason, isTerminated: true, stoppedAt: now.getTime() };
        this.move({ ...job, ...end, status: 'FAILED' }, now);
      }
    });
  }

  /** Jobs that are STARTING or RUNNING. */
  active(): LocalBatchJob[] {
    this.db.resetReadTxn();
    return this.keysUnder(['active']).map(([, id]) => this.require(id as string));
  }

  /** Running jobs that are to be stopped, and why. */
  stops(): { id: string; reason: string }[] {
    this.db.resetReadTxn();
    return this.keysUnder(['stop']).map((key) => ({
      id: key[1] as string,
      reason: this.db.get(key) as string,
    }));
  }

  /** The oldest events that the queue has not taken. */
  unsentEvents(limit: number): OutgoingEvent[] {
    this.db.resetReadTxn();
    return [...this.db.getRange({ ...keysUnder(['event']), limit })].map(({ key, value }) => {
      const { group, body } = value as { group: string; body: string };
      return { number: key[1] as number, group, body };
    });
  }

  async forgetEvents(numbers: readonly number[]): Promise<void> {
    await this.store.change(() => {
      for (const number of numbers) void this.db.remove(['event', number]);
    });
  }

  /** Ids of the Batch jobs that run, or ran, jobs of these names. Looks at every one there is. */
  jobsNamed(names: ReadonlySet<string>): string[] {
    this.db.resetReadTxn();
    return [...this.db.getRange(keysUnder(['job']))]
      .filter(({ value }) => names.has((value as LocalBatchJob).name))
      .map(({ key }) => key[1] as string);
  }

  /** Removes a job that has ended, with what is still to be told about it. Nothing happens to one that has not: it ends first. */
  async forget(id: string): Promise<void> {
    await this.store.change(() => {
      const job = this.db.get(['job', id]) as LocalBatchJob | undefined;
      if (!job || (job.status !== 'SUCCEEDED' && job.status !== 'FAILED')) return;
      for (const key of this.keysUnder(['event'])) {
        if ((this.db.get(key) as { group: string }).group === job.name) void this.db.remove(key);
      }
      if (job.stoppedAt !== null) void this.db.remove(['ended', job.stoppedAt, id]);
      void this.db.remove(['job', id]);
    });
  }

  /** Removes what ended more than a week ago. */
  async forgetOldJobs(now: Date): Promise<void> {
    const end = ['ended', now.getTime() - KEEP_MS];
    const old = [...this.db.getKeys({ ...keysUnder(['ended']), end })];
    await this.store.change(() => {
      for (const key of old) {
        void this.db.remove(['job', key[2] as string]);
        void this.db.remove(key);
      }
    });
  }

  private async write<T>(change: () => T): Promise<T> {
    const result = await this.store.change(change);
    this.store.announce(TOPIC);
    return result;
  }

  /** Stores the job in its new state, together with the event about it. */
  private move(job: LocalBatchJob, now: Date): LocalBatchJob {
    this.put(['job', job.id], job);
    const number = this.nextNumber('event');
    const event = stateChangeEvent(jobDetail(job), now);
    this.put(['event', number], { group: job.name, body: JSON.stringify(event) });
    return job;
  }

  private takeFrom(share: string, now: Date): LocalBatchJob {
    const [queued] = this.keysUnder(['queue', share], 1);
    if (!queued) throw new Error(`share ${share} must have a job waiting, got none.`);
    const job = this.require(this.db.get(queued) as string);
    this.dequeue(job);
    const start = this.nextNumber('start');
    this.changeShare(share, ({ waiting, running }) => ({ waiting, running: running + 1, lastStart: start }));
    this.put(['active', job.id], true);
    return this.move({ ...job, status: 'STARTING', statusReason: null, startedAt: null, stoppedAt: null }, now);
  }

  private enqueue(job: LocalBatchJob): void {
    this.put(queueKey(job), job.id);
    this.changeShare(job.share, (share) => ({ ...share, waiting: share.waiting + 1 }));
  }

  private dequeue(job: LocalBatchJob): void {
    void this.db.remove(queueKey(job));
    this.changeShare(job.share, (share) => ({ ...share, waiting: share.waiting - 1 }));
  }

  private changeShare(name: string, change: (share: Share) => Share): void {
    const before = (this.db.get(['share', name]) as Share | undefined) ?? NO_SHARE;
    const after = change(before);
    if (before.waiting > 0) void this.db.remove(turnKey(name, before));
    if (after.waiting > 0) this.put(turnKey(name, after), true);
    this.put(['share', name], after);
  }

  private nextNumber(kind: 'job' | 'start' | 'event'): number {
    const number = ((this.db.get(['last', kind]) as number | undefined) ?? 0) + 1;
    this.put(['last', kind], number);
    return number;
  }

  private firstTurn(): LmdbKey | undefined {
    return this.keysUnder(['turn'], 1)[0];
  }

  private keysUnder(beginning: LmdbKey, limit?: number): LmdbKey[] {
    return [...this.db.getKeys({ ...keysUnder(beginning), ...(limit !== undefined && { limit }) })];
  }

  private put(key: LmdbKey, value: unknown): void {
    // Inside a transaction a write takes effect at once; its promise is that of the transaction.
    void this.db.put(key, value);
  }

  private require(id: string): LocalBatchJob {
    const job = this.db.get(['job', id]) as LocalBatchJob | undefined;
    if (!job) throw new Error(`Batch job ${id} must be in the store, got nothing.`);
    return job;
  }
}

function isActive({ status }: LocalBatchJob): boolean {
  return status === 'STARTING' || status === 'RUNNING';
}

function queueKey({ share, priority, sequence }: LocalBatchJob): LmdbKey {
  return ['queue', share, MAX_PRIORITY - priority, sequence];
}

function turnKey(name: string, { running, lastStart }: Share): LmdbKey {
  return ['turn', running, lastStart, name];
}

/**
 * The one place where jobs change and where events fire. A change is one conditional write of the record, and the events it fires
 * stand in that same write; sending them and publishing the job object come after it and are repeated until they are done. So a
 * process may die between any two lines: what it left is found in the `by_unsettled` index and settled by the next one.
 */

import { estimatedCostUsd, gpuSeconds } from '../contract/cost';
import type { DeliverMessage } from '../contract/events';
import { canMove, isTerminal, type Job, type JobEventType, type JobId, type JobState } from '../contract/job';
import type { JobEvent, JobRecord } from '../contract/job-record';
import { JOB_FILE_NAME, resultKey } from '../contract/keys';
import { bundledPrices } from '../contract/prices';
import { type ObjectInfo, PreconditionFailed } from './object-store';
import type { Ports } from './ports';

/** What a stage wants changed; the rest of the record and of the job stays. */
export interface JobChange {
  readonly status?: JobState;
  readonly job?: Partial<Omit<Job, 'id' | 'status' | 'schema_version'>>;
  readonly record?: Partial<Pick<JobRecord, 'images' | 'batch_job_id' | 'attempt' | 'last_error' | 'next_removal_at'>>;
}

/** A change that the job's state does not allow. Somebody else was faster: nothing is wrong. */
export class ForbiddenMove extends Error {
  override readonly name = 'ForbiddenMove';
  constructor(
    readonly id: JobId,
    readonly from: JobState,
    readonly to: JobState,
  ) {
    super(`${id} must be in a state that leads to ${to}, got ${from}.`);
  }
}

const EVENT_OF_STATE: Partial<Record<JobState, JobEventType>> = {
  processing: 'job.started',
  succeeded: 'job.succeeded',
  failed: 'job.failed',
  timed_out: 'job.failed',
  canceled: 'job.canceled',
  rejected: 'job.rejected',
};

export class JobLedger {
  constructor(
    private readonly ports: Pick<Ports, 'jobs' | 'queues' | 'buckets' | 'region'>,
    private readonly now: () => Date = () => new Date(),
  ) {}

  /**
   * A new job, `queued` or `rejected`.
   * @returns the record under its id, which may be an earlier one: `isNew` tells.
   */
  async create(record: Omit<JobRecord, 'version' | 'revision' | 'published_revision' | 'pending_events'>): Promise<{
    record: JobRecord;
    isNew: boolean;
  }> {
    const first: JobRecord = {
      ...record,
      version: 1,
      revision: 1,
      published_revision: 0,
      pending_events: eventsOf(null, record, this.now()),
    };
    const isNew = await this.ports.jobs.insert(first);
    const stored = isNew ? first : await this.require(record.id);
    return { record: await this.settle(stored), isNew };
  }

  /**
   * Changes a job.
   * @param decide sees the record as it is now and says what to change, or null for nothing; called again when somebody else was
   *   faster.
   * @returns the record afterwards, or null when there is no such job.
   * @throws ForbiddenMove when `decide` asks for a state that the present one does not lead to.
   */
  async change(id: JobId, decide: (record: JobRecord) => JobChange | null): Promise<JobRecord | null> {
    for (;;) {
      const record = await this.ports.jobs.get(id);
      if (!record) return null;
      const change = decide(record);
      // What somebody left behind is settled by the next one who looks.
      if (!change) return this.settle(record);
      const stored = await this.ports.jobs.replace(changed(record, change, this.ports.region, this.now()));
      if (stored) return this.settle(stored);
    }
  }

  /** Sends what the record has fired, and publishes its job object. Safe to repeat, by anybody. */
  async settle(record: JobRecord): Promise<JobRecord> {
    let current = record;
    const sent = new Set<string>();
    while (isUnpublished(current)) {
      // The record is read after the object it replaces: whoever is slow, or dies here, cannot put an older one over a newer one.
      const before = await this.ports.buckets.results.head(jobObjectKey(record.id));
      const found = await this.ports.jobs.get(record.id);
      // Erased meanwhile: what this call, or one that has died, has published after that is taken back.
      if (!found) {
        await this.ports.buckets.results.delete(jobObjectKey(record.id));
        break;
      }
      current = found;
      if (!isUnpublished(current)) break;
      const unsent = current.pending_events.filter(({ webhook_id }) => !sent.has(webhook_id));
      await this.send(current, unsent);
      for (const { webhook_id } of unsent) sent.add(webhook_id);
      if (!(await this.publish(current.job, before))) continue;
      const settled = { ...current, pending_events: [], published_revision: current.revision };
      const stored = await this.ports.jobs.replace(settled);
      if (stored) return stored;
    }
    return current;
  }

  private async send(record: JobRecord, events: readonly JobEvent[]): Promise<void> {
    const url = record.webhook;
    if (url === null || events.length === 0) return;
    const messages = events.map((event) => {
      const message: DeliverMessage = { schema_version: 1, url, event };
      // One slow receiver makes only its own events wait.
      return { body: JSON.stringify(message), group: new URL(url).host };
    });
    await this.ports.queues.webhooks.send(messages);
  }

  /** @returns false when somebody else has published since `before` was read. */
  private async publish(job: Job, before: ObjectInfo | null): Promise<boolean> {
    const body = `${JSON.stringify(job, null, 2)}\n`;
    const condition = before ? { ifMatch: before.etag } : ({ ifNoneMatch: '*' } as const);
    try {
      await this.ports.buckets.results.put(jobObjectKey(job.id), body, {
        contentType: 'application/json',
        ...condition,
      });
      return true;
    } catch (error) {
      if (error instanceof PreconditionFailed) return false;
      throw error;
    }
  }

  private async require(id: JobId): Promise<JobRecord> {
    const record = await this.ports.jobs.get(id);
    if (!record) throw new Error(`${id} must be in the job table, got nothing.`);
    return record;
  }
}

function jobObjectKey(id: JobId): string {
  return resultKey(id, JOB_FILE_NAME);
}

function isUnpublished(record: JobRecord): boolean {
  return record.pending_events.length > 0 || record.published_revision !== record.revision;
}

function changed(record: JobRecord, change: JobChange, region: string | null, now: Date): JobRecord {
  const from = record.job.status;
  const to = change.status ?? from;
  if (to !== from && !canMove(from, to)) throw new ForbiddenMove(record.id, from, to);
  const job: Job = { ...record.job, ...change.job, status: to };
  const next = { ...record, ...change.record, job: withCost(withTimes(job, from, now), region, now) };
  return {
    ...next,
    revision: record.revision + 1,
    pending_events: [...record.pending_events, ...eventsOf(record, next, now)],
  };
}

/** The times and durations that follow from a move. */
function withTimes(job: Job, from: JobState, now: Date): Job {
  if (job.status === from) return job;
  const time = now.toISOString();
  const since = (start: string | null) =>
    start === null ? null : Math.max(0, (now.getTime() - Date.parse(start)) / 1000);
  switch (job.status) {
    case 'submitted':
      return { ...job, submitted_at: time };
    case 'processing':
      return { ...job, started_at: time, metrics: { ...job.metrics, queue_time: since(job.created_at) } };
    default:
      if (!isTerminal(job.status)) return job;
      return {
        ...job,
        completed_at: time,
        metrics: { ...job.metrics, predict_time: since(job.started_at), total_time: since(job.created_at) },
      };
  }
}

/** What the job has taken and cost up to now; a later change that knows better times of its attempts corrects it. */
function withCost(job: Job, region: string | null, now: Date): Job {
  const gpu_seconds = gpuSeconds(job, now);
  const estimated_cost_usd = estimatedCostUsd(job, region, bundledPrices(), now);
  return { ...job, metrics: { ...job.metrics, gpu_seconds, estimated_cost_usd } };
}

/** The events that the step from one record to the next fires, as far as the manifest wants them. */
function eventsOf(
  before: Pick<JobRecord, 'job'> | null,
  after: Pick<JobRecord, 'job' | 'manifest' | 'webhook'>,
  now: Date,
): JobEvent[] {
  const type = eventType(before?.job ?? null, after.job);
  const wanted = after.manifest?.webhook_events_filter;
  if (type === null || after.webhook === null || (wanted && !wanted.includes(type))) return [];
  const { job } = after;
  const name =
    type === 'job.progress' ? `progress-${job.progress.step}-${job.metrics.attempts}` : type.slice('job.'.length);
  return [{ webhook_id: `evt_${job.id}_${name}`, type, timestamp: now.toISOString(), job }];
}

function eventType(before: Job | null, after: Job): JobEventType | null {
  if (before?.status !== after.status) return EVENT_OF_STATE[after.status] ?? null;
  const hasProgress = after.status === 'processing' && before.progress.step !== after.progress.step;
  return hasProgress ? 'job.progress' : null;
}

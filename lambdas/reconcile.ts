/**
 * Finds what an event lost, by looking at everything that should be under way: jobs that are not over, and a stretch of the uploads
 * (upload-sweep.ts). It runs on a schedule, beside the stages, and does what they would have done; each step is one that may safely
 * happen twice.
 *
 * The cost grows with the number of open jobs, and with nothing else: of the uploads a run lists at most so many. What is merely
 * waiting its turn is not sent again: only as many messages are as a queue holds too few.
 */
import { allRecords } from '../clients/all-records';
import { inParallel } from '../clients/in-parallel';
import type { JobQueue } from '../clients/job-queue';
import type { ObjectInfo } from '../clients/object-store';
import type { BatchJob, UploadEvent } from '../contract/events';
import { isTerminal } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { manifestKey, parseUploadKey } from '../contract/keys';
import { CANCELED, endJob, ttlEnd } from './end-job';
import { followBatchJob } from './follow-batch-job';
import { OpenJobsCount } from './open-jobs';
import type { StageContext } from './stage';
import { sendSubmitMessages } from './submit-message';
import { nextStretch, type Stretch } from './upload-sweep';

export interface ReconcileReport {
  /** Jobs with something still to do that were looked at. */
  readonly examined: number;
  /** Of these, jobs whose events or job object were not out. */
  readonly settled: number;
  /** Jobs that were to be submitted and for which the queue held no message. */
  readonly resubmitted: number;
  /** Jobs that moved because of what Batch said when asked. */
  readonly moved: number;
  readonly timedOut: number;
  readonly canceled: number;
  /** Manifests that nobody had looked at. */
  readonly announced: number;
  /** What went wrong; looked at again the next time. */
  readonly failures: number;
}

type Count = { -readonly [K in keyof ReconcileReport]: number };

/** A job that waits for being submitted for longer than that takes by itself. */
interface WaitingJob {
  readonly job: Pick<JobRecord['job'], 'id' | 'tenant' | 'created_at'>;
}

/** What is younger is still on its way by itself. */
const GRACE_MS = 60_000;
const AT_ONCE = 16;
/** Jobs that Batch is asked about at once: it answers for a hundred in a request. */
const GROUP_SIZE = 100;
/** A set's newest jobs; the last upload is among them. */
const NEWEST_JOBS = 10;
/** A hundred requests: half a minute, and half a thousandth of a dollar. */
const MAX_LISTED = 100_000;

/** @param maxListed objects of the uploads bucket that this run looks at. */
export async function reconcile(context: StageContext, maxListed = MAX_LISTED): Promise<ReconcileReport> {
  const count: Count = {
    examined: 0,
    settled: 0,
    resubmitted: 0,
    moved: 0,
    timedOut: 0,
    canceled: 0,
    announced: 0,
    failures: 0,
  };
  const stretch = await nextStretch(context, maxListed);
  const waiting: WaitingJob[] = [];
  const openJobs = new OpenJobsCount(context);
  const open = allRecords(context.ports.jobs, 'by_unsettled', 'unsettled', 'oldest');
  for await (const group of inGroups(open, GROUP_SIZE)) {
    const inBatch: JobRecord[] = [];
    await inParallel(group, AT_ONCE, (seen) =>
      guarded(seen.id, count, context, async () => {
        count.examined++;
        const record = await examine(seen, stretch, count, context);
        if (record) openJobs.add(record.job);
        if (record?.job.status === 'queued') {
          if (isOld(record.job.created_at, context.now())) waiting.push(waitingJob(record));
        } else if (record) inBatch.push(record);
      }),
    );
    await askBatch(inBatch, count, context);
  }
  openJobs.log();
  await guarded('jobs', count, context, () => resubmit(waiting, count, context));
  await guarded('intake', count, context, () => announceUnseen(stretch, count, context));
  return count;
}

/** One job that fails holds up no other. */
async function guarded(subject: string, count: Count, { log }: StageContext, task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    count.failures++;
    log.error('Not reconciled.', { subject, error: error instanceof Error ? error.message : String(error) });
  }
}

async function* inGroups<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** @returns the job as it is now, or null when there is nothing more to do for it. */
async function examine(
  seen: JobRecord,
  stretch: Stretch,
  count: Count,
  context: StageContext,
): Promise<JobRecord | null> {
  const record = await context.ledger.settle(seen);
  if (record.version !== seen.version) count.settled++;
  const { job } = record;
  if (isTerminal(job.status)) return null;
  if (await isManifestGone(record, stretch, context)) {
    await endJob(job.id, CANCELED, context);
    count.canceled++;
    return null;
  }
  const end = ttlEnd(record, context.now());
  if (end) {
    await endJob(job.id, end, context);
    count.timedOut++;
    return null;
  }
  return record;
}

/** Looked at where the listing lacks it: the job may be younger than that. */
async function isManifestGone({ job }: JobRecord, stretch: Stretch, { ports }: StageContext): Promise<boolean> {
  const key = manifestKey(job.tenant, job.set);
  if (!stretch.covers(key) || stretch.manifests.has(key)) return false;
  return (await ports.buckets.uploads.head(key)) === null;
}

async function askBatch(records: readonly JobRecord[], count: Count, context: StageContext): Promise<void> {
  const ids = records.flatMap(({ batch_job_id }) => batch_job_id ?? []);
  if (ids.length === 0) return;
  await guarded('batch', count, context, async () => {
    const batchJobs = await context.ports.batch.describe(ids);
    await inParallel(records, AT_ONCE, (record) =>
      guarded(record.id, count, context, () => follow(record, batchJobs, count, context)),
    );
  });
}

async function follow(
  record: JobRecord,
  batchJobs: ReadonlyMap<string, BatchJob>,
  count: Count,
  context: StageContext,
): Promise<void> {
  const { job, batch_job_id } = record;
  if (batch_job_id === null) return;
  const batchJob = batchJobs.get(batch_job_id);
  // A job that Batch has just taken may not be found at once.
  if (!batchJob && !isOld(job.submitted_at ?? job.created_at, context.now())) return;
  const after = batchJob ? await followBatchJob(batchJob, context) : await failLostJob(record, context);
  if (after && after.job.status !== job.status) count.moved++;
}

async function failLostJob({ job, batch_job_id }: JobRecord, { ledger }: StageContext): Promise<JobRecord | null> {
  const message = `Batch must know the job's Batch job, got nothing for ${batch_job_id}.`;
  const error = { code: 'batch_job_lost', message, details: [], retryable: true };
  return ledger.change(job.id, (record) =>
    isTerminal(record.job.status) || record.batch_job_id !== batch_job_id ? null : { status: 'failed', job: { error } },
  );
}

/** Hundreds of thousands may wait: of each no more than its message needs is kept. */
function waitingJob({ job: { id, tenant, created_at } }: JobRecord): WaitingJob {
  return { job: { id, tenant, created_at } };
}

/** The oldest first: those behind them are more likely to be in the queue still. */
async function resubmit(waiting: WaitingJob[], count: Count, { ports, log }: StageContext): Promise<void> {
  const lacking = await lackingMessages(waiting.length, ports.queues.jobs);
  const lost = waiting.sort((a, b) => a.job.created_at.localeCompare(b.job.created_at)).slice(0, lacking);
  if (lost.length === 0) return;
  await sendSubmitMessages(lost, ports.queues.jobs);
  count.resubmitted = lost.length;
  log.warn('Jobs were queued without a message.', { jobs: lost.length });
}

/** The same as the event that got lost. */
async function announceUnseen(stretch: Stretch, count: Count, { ports, now, log }: StageContext): Promise<void> {
  const unseen: ObjectInfo[] = [];
  await inParallel(stretch.manifests.values(), AT_ONCE, async (manifest) => {
    if (stretch.isSettled(manifest.lastModified) || !isOld(manifest.lastModified.toISOString(), now())) return;
    if (!(await isSeen(manifest, ports.jobs))) unseen.push(manifest);
  });
  unseen.sort((a, b) => a.lastModified.getTime() - b.lastModified.getTime());
  const lacking = await lackingMessages(unseen.length, ports.queues.intake);
  const lost = unseen.slice(0, lacking);
  if (lost.length > 0) {
    await ports.queues.intake.send(lost.map((manifest) => ({ body: JSON.stringify(uploadEvent(manifest)) })));
    count.announced = lost.length;
    log.warn('Manifests were uploaded without an event.', { manifests: lost.length });
  }
  await stretch.finish(unseen[0]?.lastModified ?? null);
}

async function isSeen({ key, lastModified }: ObjectInfo, jobs: StageContext['ports']['jobs']): Promise<boolean> {
  const { tenant, set } = parseUploadKey(key)!;
  const { records } = await jobs.query('by_set', `${tenant}/${set}`, { limit: NEWEST_JOBS });
  return records.some(({ uploaded_at }) => Date.parse(uploaded_at) >= lastModified.getTime());
}

/** How many messages a queue holds too few for so much that waits. */
async function lackingMessages(waiting: number, queue: JobQueue): Promise<number> {
  if (waiting === 0) return 0;
  const { visible, inFlight, delayed } = await queue.depth();
  return Math.max(0, waiting - visible - inFlight - delayed);
}

function uploadEvent({ key, size, etag, lastModified }: ObjectInfo): UploadEvent {
  return {
    id: `reconcile-${etag}`,
    source: 'aws.s3',
    'detail-type': 'Object Created',
    time: lastModified.toISOString(),
    detail: { bucket: { name: 'uploads' }, object: { key, size, etag } },
  };
}

function isOld(time: string, now: Date): boolean {
  return now.getTime() - Date.parse(time) > GRACE_MS;
}

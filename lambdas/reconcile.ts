/**
 * Finds what an event lost, by looking at everything that should be under way: jobs that are not over, and every job.json. It runs
 * on a schedule, beside the stages, and does what they would have done; each step is one that may safely happen twice.
 *
 * The cost grows with the number of sets and of open jobs, and with nothing else. What is merely waiting its turn is not sent
 * again: only as many messages are as a queue holds too few.
 */
import { allRecords } from '../clients/all-records';
import type { JobQueue } from '../clients/job-queue';
import type { ObjectInfo } from '../clients/object-store';
import type { UploadEvent } from '../contract/events';
import { isTerminal } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { manifestKey, parseUploadKey, UPLOADS_PREFIX } from '../contract/keys';
import { MANIFEST_FILE_NAME } from '../contract/manifest';
import { CANCELED, endJob, ttlEnd } from './end-job';
import { followBatchJob } from './follow-batch-job';
import { inParallel } from './in-parallel';
import type { StageContext } from './stage';
import { sendSubmitMessages } from './submit-message';

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

/** What is younger is still on its way by itself. */
const GRACE_MS = 60_000;
const AT_ONCE = 16;
/** A set's newest jobs; the last upload is among them. */
const NEWEST_JOBS = 10;

export async function reconcile(context: StageContext): Promise<ReconcileReport> {
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
  const manifests = await listManifests(context);
  const waiting: JobRecord[] = [];
  await inParallel(allRecords(context.ports.jobs, 'by_unsettled', 'unsettled', 'oldest'), AT_ONCE, (record) =>
    guarded(record.id, count, context, async () => {
      count.examined++;
      if (await examine(record, manifests, count, context)) waiting.push(record);
    }),
  );
  await guarded('jobs', count, context, () => resubmit(waiting, count, context));
  await guarded('intake', count, context, () => announceUnseen(manifests, count, context));
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

/** @returns whether the job waits for being submitted for longer than that takes by itself. */
async function examine(
  seen: JobRecord,
  manifests: ReadonlyMap<string, ObjectInfo>,
  count: Count,
  context: StageContext,
): Promise<boolean> {
  const record = await context.ledger.settle(seen);
  if (record.version !== seen.version) count.settled++;
  const { job } = record;
  if (isTerminal(job.status)) return false;
  const now = context.now();
  if (!manifests.has(manifestKey(job.tenant, job.set)) && (await isManifestGone(record, context))) {
    await endJob(job.id, CANCELED, context);
    count.canceled++;
    return false;
  }
  const end = ttlEnd(record, now);
  if (end) {
    await endJob(job.id, end, context);
    count.timedOut++;
    return false;
  }
  if (job.status === 'queued') return isOld(job.created_at, now);
  await askBatch(record, count, context);
  return false;
}

/** The listing may be older than the job. */
async function isManifestGone({ job }: JobRecord, { ports }: StageContext): Promise<boolean> {
  return (await ports.buckets.uploads.head(manifestKey(job.tenant, job.set))) === null;
}

async function askBatch(record: JobRecord, count: Count, context: StageContext): Promise<void> {
  const { job, batch_job_id } = record;
  if (batch_job_id === null) return;
  const batchJob = await context.ports.batch.describe(batch_job_id);
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

/** The oldest first: those behind them are more likely to be in the queue still. */
async function resubmit(waiting: JobRecord[], count: Count, { ports, log }: StageContext): Promise<void> {
  const lacking = await lackingMessages(waiting.length, ports.queues.jobs);
  const lost = waiting.sort((a, b) => a.job.created_at.localeCompare(b.job.created_at)).slice(0, lacking);
  if (lost.length === 0) return;
  await sendSubmitMessages(lost, ports.queues.jobs);
  count.resubmitted = lost.length;
  log.warn('Jobs were queued without a message.', { jobs: lost.length });
}

/** The same as the event that got lost. */
async function announceUnseen(
  manifests: ReadonlyMap<string, ObjectInfo>,
  count: Count,
  { ports, now, log }: StageContext,
): Promise<void> {
  const unseen: ObjectInfo[] = [];
  await inParallel(manifests.values(), AT_ONCE, async (manifest) => {
    const isDue = now().getTime() - manifest.lastModified.getTime() > GRACE_MS;
    if (isDue && !(await isSeen(manifest, ports.jobs))) unseen.push(manifest);
  });
  const lacking = await lackingMessages(unseen.length, ports.queues.intake);
  const lost = unseen.sort((a, b) => a.lastModified.getTime() - b.lastModified.getTime()).slice(0, lacking);
  if (lost.length === 0) return;
  await ports.queues.intake.send(lost.map((manifest) => ({ body: JSON.stringify(uploadEvent(manifest)) })));
  count.announced = lost.length;
  log.warn('Manifests were uploaded without an event.', { manifests: lost.length });
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

async function listManifests({ ports }: StageContext): Promise<Map<string, ObjectInfo>> {
  const manifests = new Map<string, ObjectInfo>();
  for await (const object of ports.buckets.uploads.list(UPLOADS_PREFIX)) {
    if (parseUploadKey(object.key)?.file === MANIFEST_FILE_NAME) manifests.set(object.key, object);
  }
  return manifests;
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

/**
 * Removes what a job's retention is over for. First its results, checkpoints included: the job object stays and says when. A month
 * later the rest of it, unless its job.json still lies among the uploads, because an upload without a job would be taken for a new one.
 * The consent stays.
 *
 * Jobs stand in an index under the day on which something of them is due, so a run looks at few days and at nothing else. From where
 * on is noted in the results bucket, and moves on only when everything before is done: nothing is missed however long nobody ran it.
 */
import { z } from 'zod';
import { allRecords } from '../clients/all-records';
import { eraseJob } from '../clients/erase/erase-job';
import { Removed } from '../clients/erase/removed';
import { inParallel } from '../clients/in-parallel';
import { type JobRecord, nextRemoval } from '../contract/job-record';
import { EXPIRY_KEY, JOB_FILE_NAME, manifestKey, resultKey } from '../contract/keys';
import { MAX_RETENTION_DAYS } from '../contract/limits';
import type { StageContext } from './stage';

export interface ExpireReport {
  /** Jobs whose results were removed. */
  readonly emptied: number;
  /** Jobs of which nothing is left. */
  readonly forgotten: number;
  /** What went wrong; looked at again the next time. */
  readonly failures: number;
}

type Count = { -readonly [K in keyof ExpireReport]: number };

const DAY_MS = 24 * 3600 * 1000;
/** How long the job object still tells that there was a video. */
const GRACE_DAYS = 30;
/** When an upload that still lies there is looked for again. */
const POSTPONE_DAYS = 7;
/** What nobody has noted lies no further back. */
const FIRST_LOOK_DAYS = MAX_RETENTION_DAYS + GRACE_DAYS + POSTPONE_DAYS;
const AT_ONCE = 16;
/** Of one run: some minutes. */
const MAX_JOBS = 10_000;

const ProgressSchema = z.strictObject({
  schema_version: z.literal(1),
  /** Nothing is due on any day before. */
  from: z.iso.date(),
});

/** @param maxJobs of this run; what is left is the next one's. */
export async function expire(context: StageContext, maxJobs = MAX_JOBS): Promise<ExpireReport> {
  const count: Count = { emptied: 0, forgotten: 0, failures: 0 };
  const today = startOfDay(context.now());
  let left = maxJobs;
  for (let day = await firstDay(context); day <= today; day = after(day, 1)) {
    await inParallel(dueOn(day, context), AT_ONCE, async (record) => {
      if (left-- > 0) await expireJob(record, count, context);
    });
  }
  // One day more than must be, for clocks that differ.
  if (left >= 0 && count.failures === 0) await noteFirstDay(after(today, -1), context);
  return count;
}

async function* dueOn(day: Date, { ports, now }: StageContext): AsyncGenerator<JobRecord> {
  for await (const record of allRecords(ports.jobs, 'by_expiry', dateText(day), 'oldest')) {
    const due = nextRemoval(record);
    if (due && due <= now()) yield record;
  }
}

/** One job that fails holds up no other. */
async function expireJob(record: JobRecord, count: Count, context: StageContext): Promise<void> {
  try {
    if (record.job.data_removed_at === null) {
      await empty(record, context);
      count.emptied++;
    } else if (await isUploadThere(record, context)) await postpone(record, context);
    else {
      const { ports, now } = context;
      await eraseJob(record, { ports, erasure: null, now, removed: new Removed() });
      count.forgotten++;
    }
  } catch (error) {
    count.failures++;
    const reason = error instanceof Error ? error.message : String(error);
    context.log.error('Not removed after its retention.', { job_id: record.id, error: reason });
  }
}

/** The files first: whoever dies in between finds the job again. */
async function empty({ job }: JobRecord, { ports, ledger, log, now }: StageContext): Promise<void> {
  for await (const { key } of ports.buckets.results.list(resultKey(job.id, ''))) {
    if (key !== resultKey(job.id, JOB_FILE_NAME)) await ports.buckets.results.delete(key);
  }
  const time = now();
  await ledger.change(job.id, (record) => {
    if (record.job.data_removed_at !== null) return null;
    const next_removal_at = after(time, GRACE_DAYS).toISOString();
    return { job: { output: [], data_removed_at: time.toISOString() }, record: { next_removal_at } };
  });
  log.info('Results removed after their retention.', { job_id: job.id });
}

/** A later job.json of the set is another job's. */
async function isUploadThere({ job, uploaded_at }: JobRecord, { ports }: StageContext): Promise<boolean> {
  const manifest = await ports.buckets.uploads.head(manifestKey(job.tenant, job.set));
  return manifest !== null && manifest.lastModified.getTime() <= Date.parse(uploaded_at);
}

async function postpone({ job }: JobRecord, { ledger, now }: StageContext): Promise<void> {
  const next_removal_at = after(now(), POSTPONE_DAYS).toISOString();
  await ledger.change(job.id, () => ({ record: { next_removal_at } }));
}

async function firstDay({ ports, now }: StageContext): Promise<Date> {
  const stored = await ports.buckets.results.get(EXPIRY_KEY);
  if (!stored) return startOfDay(after(now(), -FIRST_LOOK_DAYS));
  const { from } = ProgressSchema.parse(JSON.parse(Buffer.from(stored.body).toString('utf8')));
  return new Date(from);
}

async function noteFirstDay(day: Date, { ports }: StageContext): Promise<void> {
  const progress: z.output<typeof ProgressSchema> = { schema_version: 1, from: dateText(day) };
  await ports.buckets.results.put(EXPIRY_KEY, JSON.stringify(progress), { contentType: 'application/json' });
}

function startOfDay(time: Date): Date {
  return new Date(dateText(time));
}

function after(time: Date, days: number): Date {
  return new Date(time.getTime() + days * DAY_MS);
}

/** `2026-11-23`, in UTC. */
function dateText(time: Date): string {
  return time.toISOString().slice(0, 10);
}

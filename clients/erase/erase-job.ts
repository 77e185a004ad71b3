/**
 * Removes everything of one job. Others may be at work on it at the same time: the record goes first and its results are removed once
 * more after it, and whoever writes for a job looks afterwards whether the job is still there. So one of the two sees the other's
 * write, whichever comes first; what a process wrote that died before it could look is found by the tombstone (sweep).
 */
import { isTerminal, type JobId } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { resultKey } from '../../contract/keys';
import { allRecords } from '../all-records';
import { JobLedger } from '../job-ledger';
import type { Ports } from '../ports';
import type { Removed } from './removed';

export interface JobErasing {
  readonly ports: Ports;
  /** Hash of the place; null for a job whose time is over. */
  readonly erasure: string | null;
  readonly now: () => Date;
  readonly removed: Removed;
}

/** Given to Batch. */
const REASON = 'the data was erased';

/** Safe to repeat, and to be done by several at once. */
export async function eraseJob(record: JobRecord, erasing: JobErasing): Promise<void> {
  const { ports, removed } = erasing;
  await bury(record.job.id, erasing);
  await endJob(record, erasing);
  await eraseJobData(record.job.id, erasing);
  await ports.jobs.delete(record.id);
  removed.add('jobs', record.id);
  await eraseJobData(record.job.id, erasing);
}

/** What bears a job's id, beside its record and its consent. */
export async function eraseJobData(id: JobId, { ports, removed }: JobErasing): Promise<void> {
  for await (const { key, size } of ports.buckets.results.erase(resultKey(id, ''))) removed.add('results', key, size);
  for await (const { id: webhookId } of allRecords(ports.deliveries, 'by_job', id)) {
    await ports.deliveries.delete(webhookId);
    removed.add('deliveries', webhookId);
  }
}

/** From now on stages drop what comes for the job. */
async function bury(id: JobId, { ports, erasure, now }: JobErasing): Promise<void> {
  const tombstone = { id, version: 1, erasure, erased_at: now().toISOString() };
  if (await ports.erasedJobs.insert(tombstone)) return;
  const earlier = await ports.erasedJobs.get(id);
  // The place that is erased must find it: a job that had outlived its time belongs to none.
  if (earlier && earlier.erasure === null && erasure !== null) await ports.erasedJobs.replace({ ...earlier, erasure });
}

/** Its state first, then its Batch job, so that nobody takes the stopped Batch job for a failure. */
async function endJob({ job, batch_job_id }: JobRecord, { ports, now }: JobErasing): Promise<void> {
  if (isTerminal(job.status) && job.status !== 'canceled') return;
  const ledger = new JobLedger(ports, now);
  const after = await ledger.change(job.id, ({ job: { status } }) =>
    isTerminal(status) ? null : { status: 'canceled' },
  );
  const batchJobId = after?.batch_job_id ?? batch_job_id;
  if (batchJobId !== null) await ports.batch.terminate(batchJobId, REASON);
}

/** Ends a job from outside: its state first, then its Batch job, so that nobody takes the stopped Batch job for a failure. */
import { isTerminal, type Job, type JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import type { StageContext } from './stage';

export interface End {
  readonly status: 'canceled' | 'timed_out';
  readonly error: Job['error'];
  /** Given to Batch. */
  readonly reason: string;
}

/**
 * Nothing changes for a job that has ended, but a Batch job that outlived such an end is stopped again: the one before may have
 * died in between.
 */
export async function endJob(id: JobId, end: End, { ledger, ports }: StageContext): Promise<void> {
  const { status, error, reason } = end;
  const record = await ledger.change(id, ({ job }) => (isTerminal(job.status) ? null : { status, job: { error } }));
  if (record?.job.status === status && record.batch_job_id !== null) {
    await ports.batch.terminate(record.batch_job_id, reason);
  }
}

/** Somebody deleted job.json. */
export const CANCELED: End = { status: 'canceled', error: null, reason: 'job.json was deleted' };

/** The end of a job whose policy.ttl_seconds are over, or null while they are not, or for a job without. */
export function ttlEnd({ job, manifest }: Pick<JobRecord, 'job' | 'manifest'>, now: Date): End | null {
  const ttlSeconds = manifest?.policy?.ttl_seconds;
  if (ttlSeconds === undefined) return null;
  const ageSeconds = Math.floor((now.getTime() - Date.parse(job.created_at)) / 1000);
  if (ageSeconds <= ttlSeconds) return null;
  const message = `The job must end within policy.ttl_seconds (${ttlSeconds}), got ${ageSeconds} seconds.`;
  return {
    status: 'timed_out',
    error: { code: 'ttl_expired', message, details: [], retryable: true },
    reason: 'policy.ttl_seconds are over',
  };
}

/** Which job a job.json stands for: the same bytes may have been asked for several times. */
import type { Ports } from '../clients/ports';
import { isTerminal, type JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { jobId } from '../contract/keys';

export interface UploadedManifest {
  readonly tenant: string;
  readonly set: string;
  readonly bytes: Uint8Array;
  readonly uploadedAt: Date;
}

/** @returns `record` null while the deployment has not seen the upload. */
export async function standingJob(
  { jobs, erasedJobs }: Pick<Ports, 'jobs' | 'erasedJobs'>,
  { tenant, set, bytes, uploadedAt }: UploadedManifest,
): Promise<{ id: JobId; record: JobRecord | null }> {
  for (let run = 0; ; run++) {
    const id = jobId(tenant, set, bytes, run);
    const record = await jobs.get(id);
    if (!record && (await erasedJobs.get(id))) continue;
    if (!record || !isAskedAgain(record, uploadedAt)) return { id, record };
  }
}

/**
 * An upload after a run that did not succeed is a new wish. A canceled job's job.json was deleted, so the one that is there came
 * later, whatever the clocks say.
 */
function isAskedAgain({ job }: JobRecord, uploadedAt: Date): boolean {
  if (!isTerminal(job.status) || job.status === 'succeeded') return false;
  return job.status === 'canceled' || uploadedAt.getTime() > Date.parse(job.completed_at ?? job.created_at);
}

/**
 * Takes back a job that was made of an upload which was erased while it was judged. Nothing has run for it; that it was canceled, because
 * its job.json is gone, may have been told already.
 */
import type { JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, resultKey } from '../../contract/keys';
import { allRecords } from '../all-records';
import type { Ports } from '../ports';

type WithdrawPorts = Pick<Ports, 'jobs' | 'consents' | 'deliveries' | 'erasedJobs' | 'buckets'>;

/** @param erasure hash of the erased place. */
export async function withdrawJob(
  ports: WithdrawPorts,
  { id, job }: JobRecord,
  erasure: string,
  now: Date,
): Promise<void> {
  await ports.erasedJobs.insert({ id: job.id, version: 1, erasure, erased_at: now.toISOString() });
  await ports.jobs.delete(id);
  await ports.consents.delete(id);
  await ports.buckets.results.delete(resultKey(job.id, JOB_FILE_NAME));
  for await (const delivery of allRecords(ports.deliveries, 'by_job', id)) await ports.deliveries.delete(delivery.id);
}

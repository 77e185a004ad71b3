/** What people call a job: its subject, or its set where the manifest could not be read. */
import type { JobRecord } from '../../../contract/job-record';

export function jobName({ manifest, job }: JobRecord): string {
  return manifest?.reference_set.subject ?? job.set;
}

/** Asks the submit stage to hand a job to Batch. Repeating it is harmless: submit looks at the job's state. */
import type { JobQueue, NewMessage } from '../clients/job-queue';
import type { SubmitMessage } from '../contract/events';
import type { JobRecord } from '../contract/job-record';

interface Submittable {
  readonly job: Pick<JobRecord['job'], 'id' | 'tenant'>;
}

export async function sendSubmitMessages(records: readonly Submittable[], jobs: JobQueue): Promise<void> {
  await jobs.send(records.map(submitMessage));
}

/** Grouped by tenant: nobody waits for another's backlog. */
function submitMessage({ job }: Submittable): NewMessage {
  const message: SubmitMessage = { schema_version: 1, job_id: job.id };
  return { body: JSON.stringify(message), group: job.tenant };
}

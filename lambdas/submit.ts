/**
 * Stage 2: a queued job goes to Batch. Batch takes every call for a new job, so a message that comes twice may make two Batch jobs;
 * the one that the record names is the only one that may run, and the other is stopped.
 */
import type { BatchSubmission } from '../clients/batch';
import { SubmitMessageSchema } from '../contract/events';
import type { JobRecord } from '../contract/job-record';
import { DEFAULT_EXECUTION_TIMEOUT_SECONDS, EXECUTION_TIMEOUT_MARGIN_SECONDS } from '../contract/limits';
import { endJob, ttlEnd } from './end-job';
import type { Stage } from './stage';

/** Inside a tenant's share: what is not in a hurry starts after everything else. */
const PRIORITY = { low: 0, normal: 100 } as const;

/** @throws Error when the message does not parse or Batch does not take the job: the message comes again. */
export const submit: Stage = async ({ body }, context) => {
  const { ports, ledger, log, now } = context;
  const { job_id } = SubmitMessageSchema.parse(JSON.parse(body));
  const record = await ports.jobs.get(job_id);
  if (!record && (await ports.erasedJobs.get(job_id))) return;
  if (!record) throw new Error(`${job_id} must be in the job table, got nothing.`);
  if (record.job.status !== 'queued') return;
  const end = ttlEnd(record, now());
  if (end) return endJob(job_id, end, context);

  const batchJobId = await ports.batch.submit(submissionOf(record));
  const after = await ledger.change(job_id, ({ job, batch_job_id }) =>
    job.status === 'queued' && batch_job_id === null
      ? { status: 'submitted', record: { batch_job_id: batchJobId } }
      : null,
  );
  if (after?.batch_job_id === batchJobId) return log.info('Job submitted.', { job_id, batch_job_id: batchJobId });
  // Canceled meanwhile, or another delivery of the message was faster.
  await ports.batch.terminate(batchJobId, 'superfluous');
  log.info('Superfluous Batch job stopped.', { job_id, batch_job_id: batchJobId });
};

function submissionOf({ job, manifest }: JobRecord): BatchSubmission {
  const { execution_timeout_seconds = DEFAULT_EXECUTION_TIMEOUT_SECONDS, priority = 'normal' } = manifest?.policy ?? {};
  return {
    jobId: job.id,
    shareIdentifier: shareIdentifier(job.tenant),
    priority: PRIORITY[priority],
    timeoutSeconds: execution_timeout_seconds + EXECUTION_TIMEOUT_MARGIN_SECONDS,
  };
}

/** Batch allows letters and digits only. A tenant has no capitals, so no two tenants share a name. */
function shareIdentifier(tenant: string): string {
  return tenant.replaceAll('-', 'D').replaceAll('_', 'U');
}

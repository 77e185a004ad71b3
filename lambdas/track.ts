/** Stage 3: Batch says how one of its jobs fares. */
import { BatchEventSchema, type BatchJob } from '../contract/events';
import { isTerminal } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { type EndedJob, JOB_ENDED_LINE } from '../contract/metrics';
import type { RejectionCode } from '../contract/rejection';
import { followBatchJob } from './follow-batch-job';
import type { Stage } from './stage';

/** Whoever asked named a model that is there; what is wrong with it, whoever put it there must know. */
const BROKEN_MODEL: RejectionCode = 'invalid_model';

/** @throws Error when the message is no event of a Batch job. */
export const track: Stage = async ({ body }, context) => {
  const { detail } = BatchEventSchema.parse(JSON.parse(body));
  const record = await followBatchJob(detail, context);
  if (!record) return;
  const { id, status } = record.job;
  context.log.info('Batch job seen.', { job_id: id, status, batch_job_id: detail.jobId, batch_status: detail.status });
  if (isEnd(record, detail) && !context.isLocal) context.log.info(JOB_ENDED_LINE, { ...endedJob(record) });
};

/** A second Batch job of the same job ends without it. */
function isEnd({ job, batch_job_id }: JobRecord, { jobId, status }: BatchJob): boolean {
  return isTerminal(job.status) && batch_job_id === jobId && (status === 'SUCCEEDED' || status === 'FAILED');
}

function endedJob({ job: { id, status, error, metrics } }: JobRecord): EndedJob {
  return {
    job_id: id,
    status,
    code: error?.code ?? null,
    is_our_fault: status === 'failed' && (error?.retryable === true || error?.code === BROKEN_MODEL),
    predict_seconds: metrics.predict_time ?? 0,
    estimated_cost_usd: metrics.estimated_cost_usd ?? 0,
  };
}

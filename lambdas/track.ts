/** Stage 3: Batch says how one of its jobs fares. */
import { BatchEventSchema } from '../contract/events';
import { followBatchJob } from './follow-batch-job';
import type { Stage } from './stage';

/** @throws Error when the message is no event of a Batch job. */
export const track: Stage = async ({ body }, context) => {
  const { detail } = BatchEventSchema.parse(JSON.parse(body));
  const record = await followBatchJob(detail, context);
  if (!record) return;
  const { id, status } = record.job;
  context.log.info('Batch job seen.', { job_id: id, status, batch_job_id: detail.jobId, batch_status: detail.status });
};

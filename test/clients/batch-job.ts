/** One Batch job, as tests ask for it. */
import type { Batch } from '../../clients/batch';
import type { BatchJob } from '../../contract/events';

/** Null when Batch does not know it. */
export async function batchJob(batch: Pick<Batch, 'describe'>, id: string): Promise<BatchJob | null> {
  return (await batch.describe([id])).get(id) ?? null;
}

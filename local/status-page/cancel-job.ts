/**
 * Cancels exactly this job. Deleting its job.json would cancel every job of the set, also one that a newer job.json stands for.
 * First the record, which fences a worker off, then Batch: after a crash in between the worker finds that it may write no more.
 */
import { isTerminal, type JobId } from '../../contract/job';
import type { PageContext } from './page-context';

const REASON = 'Canceled on the status page.';

/** @returns whether there is such a job; one that has ended stays as it is. */
export async function cancelJob({ ledger, ports }: PageContext, id: JobId): Promise<boolean> {
  const record = await ledger.change(id, ({ job }) => (isTerminal(job.status) ? null : { status: 'canceled' }));
  if (record?.job.status === 'canceled' && record.batch_job_id !== null) {
    await ports.batch.terminate(record.batch_job_id, REASON);
  }
  return record !== null;
}

/** Batch on one machine: jobs wait in the store of the home until the scheduler of `serve` (local/batch-scheduler.ts) runs them. */
import type { BatchJob } from '../../contract/events';
import type { Batch, BatchSubmission } from '../batch';
import { jobDetail } from './batch-job-detail';
import type { BatchStore } from './batch-store';

export class LocalBatch implements Batch {
  constructor(
    readonly store: BatchStore,
    private readonly now: () => Date = () => new Date(),
  ) {}

  submit(submission: BatchSubmission): Promise<string> {
    return this.store.add(submission, this.now());
  }

  async describe(batchJobIds: readonly string[]): Promise<ReadonlyMap<string, BatchJob>> {
    const jobs = batchJobIds.map((id) => this.store.get(id)).filter((job) => job !== null);
    return new Map(jobs.map((job) => [job.id, jobDetail(job)]));
  }

  terminate(batchJobId: string, reason: string): Promise<void> {
    return this.store.requestStop(batchJobId, reason, this.now());
  }
}

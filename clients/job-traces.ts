/** Port: what a deployment keeps of a job beside its buckets, table and queues. */
import type { JobId } from '../contract/job';

export interface JobTrace {
  /** Its own name in what is counted. */
  readonly name: string;
  readonly kind: 'batch_jobs' | 'logs' | 'messages';
  /** 0 where nobody knows. */
  readonly bytes: number;
}

export interface JobTraces {
  /** What there is of these jobs, and of uploads under this prefix. */
  find(ids: ReadonlySet<JobId>, uploadsPrefix: string): Promise<JobTrace[]>;
  /** @returns what was removed. Safe to repeat. */
  erase(ids: ReadonlySet<JobId>, uploadsPrefix: string): Promise<JobTrace[]>;
  /** In whole sentences: what an erasure cannot reach here, and when it goes by itself. */
  readonly outOfReach: readonly string[];
}

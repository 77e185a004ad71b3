/** Port: AWS Batch, as far as the flow needs it. */
import type { BatchJob } from '../contract/events';
import type { JobId } from '../contract/job';

export interface BatchSubmission {
  /** Also the Batch job's name, so that it is found again. */
  readonly jobId: JobId;
  /** Fair share: letters and digits. */
  readonly shareIdentifier: string;
  /** 0 to 9999, larger first, inside a share. */
  readonly priority: number;
  /** Hard limit of an attempt; at least 60. */
  readonly timeoutSeconds: number;
}

export interface Batch {
  /** Not idempotent: a repeated call makes another Batch job. @returns its id. */
  submit(submission: BatchSubmission): Promise<string>;
  /** By id. Those that Batch does not know are missing: it forgets a job a week after its end. */
  describe(batchJobIds: readonly string[]): Promise<ReadonlyMap<string, BatchJob>>;
  /**
   * Stops it wherever it is: taken from the queue, or SIGTERM, and SIGKILL 30 s later. No error when it has ended.
   * @param reason becomes its `statusReason`.
   */
  terminate(batchJobId: string, reason: string): Promise<void>;
}

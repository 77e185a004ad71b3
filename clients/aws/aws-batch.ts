/** AWS Batch. What all jobs have in common (image, attempts, environment) stands in the job definition; a submission adds the job's id. */
import { createHash } from 'node:crypto';
import {
  type BatchClient,
  ClientException,
  DescribeJobsCommand,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { JOB_ID } from '../../contract/env';
import { type BatchJob, BatchJobSchema } from '../../contract/events';
import type { Batch, BatchSubmission } from '../batch';

/** A queue takes jobs of at most 500 share identifiers at a time, and there may be more tenants: several share one. */
const SHARE_BUCKETS = 256;
/** Of one request. */
const MAX_DESCRIBED = 100;
const MAX_REASON_LENGTH = 1024;

export class AwsBatch implements Batch {
  /**
   * @param client is asked for when it is first needed.
   * @param jobQueue name or ARN of one with a fair-share policy.
   * @param jobDefinition name, or name with revision, or ARN.
   */
  constructor(
    private readonly client: () => BatchClient,
    private readonly jobQueue: string,
    private readonly jobDefinition: string,
  ) {}

  async submit({ jobId, shareIdentifier, priority, timeoutSeconds }: BatchSubmission): Promise<string> {
    const { jobId: batchJobId } = await this.client().send(
      new SubmitJobCommand({
        jobName: jobId,
        jobQueue: this.jobQueue,
        jobDefinition: this.jobDefinition,
        shareIdentifier: shareBucket(shareIdentifier),
        schedulingPriorityOverride: priority,
        timeout: { attemptDurationSeconds: timeoutSeconds },
        containerOverrides: { environment: [{ name: JOB_ID, value: jobId }] },
      }),
    );
    if (batchJobId === undefined) throw new Error(`${jobId} must get a Batch job id, got none.`);
    return batchJobId;
  }

  async describe(batchJobIds: readonly string[]): Promise<ReadonlyMap<string, BatchJob>> {
    const found = new Map<string, BatchJob>();
    for (let i = 0; i < batchJobIds.length; i += MAX_DESCRIBED) {
      const { jobs } = await this.client().send(
        new DescribeJobsCommand({ jobs: batchJobIds.slice(i, i + MAX_DESCRIBED) }),
      );
      for (const job of jobs ?? []) if (job.jobId !== undefined) found.set(job.jobId, BatchJobSchema.parse(job));
    }
    return found;
  }

  async terminate(batchJobId: string, reason: string): Promise<void> {
    try {
      // Also cancels what has not started, which CancelJob alone would do for no later state.
      const command = new TerminateJobCommand({ jobId: batchJobId, reason: reason.slice(0, MAX_REASON_LENGTH) });
      await this.client().send(command);
    } catch (error) {
      if (!(error instanceof ClientException) || !(await this.hasEnded(batchJobId))) throw error;
    }
  }

  private async hasEnded(batchJobId: string): Promise<boolean> {
    const job = (await this.describe([batchJobId])).get(batchJobId);
    return job === undefined || job.status === 'SUCCEEDED' || job.status === 'FAILED';
  }
}

/** Letters and digits only, the same for a tenant every time. */
function shareBucket(tenant: string): string {
  const bucket = createHash('sha256').update(tenant).digest().readUInt32BE(0) % SHARE_BUCKETS;
  return `share${String(bucket).padStart(3, '0')}`;
}

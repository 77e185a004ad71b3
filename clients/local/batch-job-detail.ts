/**
 * A local Batch job as AWS would describe it, and the event AWS would send about it.
 * Source: AWS Batch API reference, JobDetail; user guide, "Batch job state change events".
 */
import { randomUUID } from 'node:crypto';
import type { BatchEvent, BatchJob } from '../../contract/events';
import { WORKER_ATTEMPTS, WORKER_EVALUATE_ON_EXIT } from '../../contract/worker-exit';
import type { LocalBatchJob } from './batch-store';

const ACCOUNT = '000000000000';
const REGION = 'local';
const ARN = `arn:aws:batch:${REGION}:${ACCOUNT}`;

export function jobDetail(job: LocalBatchJob): BatchJob {
  const last = job.attempts.at(-1);
  return {
    jobArn: `${ARN}:job/${job.id}`,
    jobName: job.name,
    jobId: job.id,
    jobQueue: `${ARN}:job-queue/local`,
    jobDefinition: `${ARN}:job-definition/worker:1`,
    status: job.status,
    ...(job.statusReason !== null && { statusReason: job.statusReason }),
    shareIdentifier: job.share,
    schedulingPriority: job.priority,
    attempts: job.attempts.map((attempt, index) => ({
      ...(attempt.startedAt !== null && { startedAt: attempt.startedAt }),
      stoppedAt: attempt.stoppedAt,
      statusReason: attempt.statusReason,
      container: { ...containerEnd(attempt), logStreamName: `${job.id}-${index + 1}` },
    })),
    retryStrategy: { attempts: WORKER_ATTEMPTS, evaluateOnExit: WORKER_EVALUATE_ON_EXIT },
    timeout: { attemptDurationSeconds: job.timeoutSeconds },
    createdAt: job.createdAt,
    ...(job.startedAt !== null && { startedAt: job.startedAt }),
    ...(job.stoppedAt !== null && { stoppedAt: job.stoppedAt }),
    container: last && job.status !== 'RUNNABLE' && job.stoppedAt !== null ? containerEnd(last) : {},
    dependsOn: [],
    parameters: {},
    tags: {},
    platformCapabilities: ['EC2'],
    isCancelled: false,
    isTerminated: job.isTerminated,
  };
}

export function stateChangeEvent(detail: BatchJob, now: Date): BatchEvent {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Batch Job State Change',
    source: 'aws.batch',
    account: ACCOUNT,
    time: now.toISOString(),
    region: REGION,
    resources: [`${ARN}:job/${detail.jobId}`],
    detail,
  };
}

function containerEnd({ exitCode, reason }: { exitCode: number | null; reason: string | null }) {
  return { ...(exitCode !== null && { exitCode }), ...(reason !== null && { reason }) };
}

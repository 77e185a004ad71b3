/** A job queue: its environments in the order they are tried, and an end to waiting for what will not come. */
import { Duration } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import type { Construct } from 'constructs';

export interface GpuJobQueueProps {
  readonly name: string;
  readonly environments: readonly batch.IManagedEc2EcsComputeEnvironment[];
  /** First in, first out without one. */
  readonly schedulingPolicy?: batch.ISchedulingPolicy;
  /** How long a job at the head of the queue may wait for what does not exist; then it fails, and the next one has its turn. */
  readonly stuckMinutes: number;
}

/** Everything that AWS Batch can find a stuck job to wait for. One that waits for others to end is not stuck. */
const STUCK_REASONS = [
  batch.JobStateTimeLimitActionsReason.INSUFFICIENT_INSTANCE_CAPACITY,
  batch.JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
  batch.JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
];

export class GpuJobQueue extends batch.JobQueue {
  constructor(scope: Construct, id: string, props: GpuJobQueueProps) {
    super(scope, id, {
      jobQueueName: props.name,
      computeEnvironments: props.environments.map((computeEnvironment, i) => ({ computeEnvironment, order: i + 1 })),
      schedulingPolicy: props.schedulingPolicy,
      jobStateTimeLimitActions: STUCK_REASONS.map((reason) => ({
        reason,
        maxTime: Duration.minutes(props.stuckMinutes),
        action: batch.JobStateTimeLimitActionsAction.CANCEL,
        state: batch.JobStateTimeLimitActionsState.RUNNABLE,
      })),
    });
  }
}

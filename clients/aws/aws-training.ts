/** Trainings on AWS Batch: a queue of their own, and one job definition, of one container or of several nodes. */
import {
  type BatchClient,
  DescribeJobDefinitionsCommand,
  DescribeJobsCommand,
  type JobDefinition,
  type JobDetail,
  ListJobsCommand,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import type { AwsDeployment } from '../../contract/deployment';
import { TRAINING_RUN } from '../../contract/env';
import type { BatchState } from '../../contract/events';

/** A Batch job that runs, or ran, a training. */
export interface TrainingJob {
  readonly id: string;
  readonly status: BatchState;
  readonly statusReason: string | null;
  /** Attempts that have begun. */
  readonly attempts: number;
}

export class AwsTraining {
  /** @param client is asked for when it is first needed. */
  constructor(
    private readonly client: () => BatchClient,
    private readonly place: NonNullable<AwsDeployment['training']>,
  ) {}

  /**
   * Not idempotent: a repeated call makes another Batch job.
   * @param nodes as many as the job definition has, unless given. @returns the Batch job's id.
   * @throws Error when the job definition has fewer nodes.
   */
  async submit(run: string, nodes?: number): Promise<string> {
    const most = numNodes(await this.jobDefinition());
    if (nodes !== undefined && nodes > most) {
      throw new Error(`--nodes must be at most ${most} (training.max_nodes of the stack), got ${nodes}.`);
    }
    const overrides = { environment: [{ name: TRAINING_RUN, value: run }] };
    const { jobId } = await this.client().send(
      new SubmitJobCommand({
        jobName: run,
        jobQueue: this.place.job_queue,
        jobDefinition: this.place.job_definition,
        ...(most === 1
          ? { containerOverrides: overrides }
          : {
              nodeOverrides: {
                numNodes: nodes ?? most,
                nodePropertyOverrides: [{ targetNodes: '0:', containerOverrides: overrides }],
              },
            }),
      }),
    );
    if (jobId === undefined) throw new Error(`${run} must get a Batch job id, got none.`);
    return jobId;
  }

  /** The run's newest Batch job; null when there is none, or none any more: Batch forgets a job a week after its end. */
  async newest(run: string): Promise<TrainingJob | null> {
    const { jobSummaryList } = await this.client().send(
      new ListJobsCommand({ jobQueue: this.place.job_queue, filters: [{ name: 'JOB_NAME', values: [run] }] }),
    );
    const [newest] = (jobSummaryList ?? []).sort((a, b) => (b.createdAt ?? 0) - (a.createdAt ?? 0));
    if (newest?.jobId === undefined) return null;
    const { jobs } = await this.client().send(new DescribeJobsCommand({ jobs: [newest.jobId] }));
    const [detail] = jobs ?? [];
    return detail ? trainingJob(detail) : null;
  }

  async terminate(id: string, reason: string): Promise<void> {
    await this.client().send(new TerminateJobCommand({ jobId: id, reason }));
  }

  private async jobDefinition(): Promise<JobDefinition> {
    const name = this.place.job_definition;
    const { jobDefinitions } = await this.client().send(
      new DescribeJobDefinitionsCommand({ jobDefinitionName: name, status: 'ACTIVE' }),
    );
    const [newest] = (jobDefinitions ?? []).sort((a, b) => (b.revision ?? 0) - (a.revision ?? 0));
    if (!newest) throw new Error(`${name} must be a job definition, got none.`);
    return newest;
  }
}

export function isActive({ status }: TrainingJob): boolean {
  return status !== 'SUCCEEDED' && status !== 'FAILED';
}

function numNodes({ nodeProperties }: JobDefinition): number {
  return nodeProperties?.numNodes ?? 1;
}

function trainingJob({ jobId, status, statusReason, attempts }: JobDetail): TrainingJob {
  const isRunning = status === 'RUNNING' || status === 'STARTING';
  return {
    id: jobId ?? '',
    status: status as BatchState,
    statusReason: statusReason ?? null,
    attempts: (attempts?.length ?? 0) + (isRunning ? 1 : 0),
  };
}

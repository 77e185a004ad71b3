/**
 * What the stages tell CloudWatch: they write these names, alarms and dashboard read them. A namespace for each stack, because one
 * account may hold several. Stages count their messages themselves; what a job came to is counted from lines of their logs.
 */

export function metricsNamespace(stackName: string): string {
  return `mv2id/${stackName}`;
}

/** How a stage is done with a message; dimension `service` is the stage. */
export const MESSAGE_METRICS = ['MessageDone', 'MessageRetriedLater', 'MessageFailed'] as const;
export type MessageMetric = (typeof MESSAGE_METRICS)[number];

/** A line of `track`: a Batch job is over, and with it its job. `about` is an EndedJob. */
export const JOB_ENDED_LINE = 'Job ended.';

export interface EndedJob {
  readonly job_id: string;
  readonly status: string;
  /** `error.code` of the job object. */
  readonly code: string | null;
  /** Whether the job failed by no fault of whoever asked for it. */
  readonly is_our_fault: boolean;
  /** On the GPU, of the attempt that finished. */
  readonly predict_seconds: number;
  readonly estimated_cost_usd: number;
}

/** A line of `reconcile`, when any job is open: how many are in which state. `about` is an OpenJobs. */
export const OPEN_JOBS_LINE = 'Open jobs.';

export interface OpenJobs {
  readonly queued: number;
  /** Handed to Batch and without a machine. */
  readonly submitted: number;
  readonly starting: number;
  readonly processing: number;
  /** How long the oldest `submitted` job has waited while no other starts or runs; 0 while one does. */
  readonly stalled_seconds: number;
}

/** What a worker's exit code tells Batch. `evaluateOnExit` of the job definition reads the same numbers. */

/** The job has reached a terminal state, or is another attempt's: nothing is left to do. */
export const WORKER_DONE = 0;
/** The job's own fault (sysexits.h EX_USAGE): it has failed and would fail again. */
export const WORKER_REJECTED = 64;
/** Our fault (EX_SOFTWARE). */
export const WORKER_INTERNAL = 70;
/** Stopped from outside with its progress saved, or on a host whose GPU does not work (EX_TEMPFAIL): run it again. */
export const WORKER_RETRY = 75;
/** 128 + SIGKILL: out of memory, or the host went away. */
export const WORKER_KILLED = 137;

/** Attempts of a job, in Batch's own terms. */
export const WORKER_ATTEMPTS = 5;

/** One condition of a retry strategy, in AWS Batch's shape: the first entry that matches decides; `*` at an end stands for any rest. */
export interface EvaluateOnExit {
  readonly onExitCode?: string;
  readonly onStatusReason?: string;
  readonly onReason?: string;
  readonly action: 'RETRY' | 'EXIT';
}

/** AWS Batch takes at most five entries. */
export const WORKER_EVALUATE_ON_EXIT: readonly EvaluateOnExit[] = [
  { onStatusReason: 'Host EC2*', action: 'RETRY' },
  { onReason: 'CannotPullContainer*', action: 'RETRY' },
  { onExitCode: String(WORKER_RETRY), action: 'RETRY' },
  { onExitCode: String(WORKER_KILLED), action: 'RETRY' },
  { onExitCode: '*', action: 'EXIT' },
];

/**
 * What the state of a Batch job means for the job it runs. Batch tells it in events, which repeat, overtake each other and get
 * lost, and when asked; either way it is the whole state, so the same function serves both. A job only moves forward: an old state
 * of the Batch job adds at most what it knows of its attempts.
 */
import { isDeepStrictEqual } from 'node:util';
import type { JobChange } from '../clients/job-ledger';
import type { BatchJob } from '../contract/events';
import { isTerminal, type Job, JobIdSchema, type JobState } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { WORKER_KILLED } from '../contract/worker-exit';
import type { StageContext } from './stage';

type Attempt = Job['attempts'][number];
type JobError = NonNullable<Job['error']>;
type BatchAttempt = NonNullable<BatchJob['attempts']>[number];

/** AWS: "Job attempt duration exceeded timeout". */
const TIMEOUT_REASON = /exceeded timeout/i;
/** A reason is one line of a table and of a webhook. */
const MAX_REASON_LENGTH = 300;

/** Nothing happens for a Batch job that is none of ours, or not the one that runs its job. */
export async function followBatchJob(batchJob: BatchJob, context: StageContext): Promise<JobRecord | null> {
  const id = JobIdSchema.safeParse(batchJob.jobName);
  if (!id.success) return null;
  return context.ledger.change(id.data, (record) => changeFor(record, batchJob, context.isLocal));
}

function changeFor(record: JobRecord, batchJob: BatchJob, isLocal: boolean): JobChange | null {
  const { job, batch_job_id } = record;
  // Who handed it to Batch may have died before it noted the id; the Batch job's name leads back.
  const isAdopted = batch_job_id === null && !isTerminal(job.status);
  if (batch_job_id !== batchJob.jobId && !isAdopted) return null;
  const attempts = mergedAttempts(job.attempts, batchJob, isLocal);
  const move = moveFor(record, batchJob);
  if (!isAdopted && !move && isDeepStrictEqual(attempts, job.attempts)) return null;
  const metrics = { ...job.metrics, attempts: Math.max(job.metrics.attempts, attempts.length) };
  return {
    ...(move && { status: move.status }),
    job: { attempts, metrics, ...(move?.error && { error: move.error }) },
    record: { batch_job_id: batchJob.jobId },
  };
}

/** Where the job goes from where it is, or null when it stays. */
function moveFor(
  { job, last_error }: JobRecord,
  batchJob: BatchJob,
): { status: JobState; error: JobError | null } | null {
  if (isTerminal(job.status)) return null;
  const forward = (status: JobState, from: readonly JobState[]) =>
    from.includes(job.status) ? { status, error: null } : null;
  switch (batchJob.status) {
    case 'SUBMITTED':
    case 'PENDING':
    case 'RUNNABLE':
      return forward('submitted', ['queued']);
    case 'STARTING':
    case 'RUNNING':
      return forward('starting', ['queued', 'submitted']);
    case 'SUCCEEDED':
      return { status: 'failed', error: endedEarly() };
    case 'FAILED':
      return TIMEOUT_REASON.test(reasonOf(batchJob))
        ? { status: 'timed_out', error: timedOut(batchJob) }
        : { status: 'failed', error: last_error ?? batchFailure(batchJob) };
    default:
      return batchJob.status satisfies never;
  }
}

/** What was known stays; what this state knows is added. Batch lists attempts that have ended; the present one is told apart. */
function mergedAttempts(known: readonly Attempt[], batchJob: BatchJob, isLocal: boolean): Attempt[] {
  const ended = (batchJob.attempts ?? []).map((attempt, i) => attemptOf(attempt, i + 1, isLocal));
  const isActive = batchJob.status === 'STARTING' || batchJob.status === 'RUNNING';
  // While it starts, Batch may still tell the start of the attempt before.
  const startedAt = batchJob.status === 'RUNNING' ? { startedAt: batchJob.startedAt } : {};
  const told = isActive ? [...ended, attemptOf(startedAt, ended.length + 1, isLocal)] : ended;
  return Array.from({ length: Math.max(known.length, told.length) }, (_, i) => merged(known[i], told[i]));
}

function merged(known: Attempt | undefined, told: Attempt | undefined): Attempt {
  const one = (known ?? told)!;
  const other = told ?? one;
  return {
    number: one.number,
    // Batch's clock decides: the worker knows only when it claimed the job, which is a little later.
    started_at: told?.started_at ?? one.started_at,
    stopped_at: told?.stopped_at ?? one.stopped_at,
    reason: one.reason ?? other.reason,
    capacity: one.capacity ?? other.capacity,
    instance_type: one.instance_type ?? other.instance_type,
  };
}

function attemptOf(attempt: BatchAttempt, number: number, isLocal: boolean): Attempt {
  return {
    number,
    started_at: isoTime(attempt.startedAt),
    stopped_at: isoTime(attempt.stoppedAt),
    reason: attemptReason(attempt),
    capacity: isLocal ? 'local' : null,
    instance_type: null,
  };
}

function isoTime(milliseconds: number | undefined): string | null {
  return milliseconds === undefined ? null : new Date(milliseconds).toISOString();
}

function attemptReason({ statusReason, container }: BatchAttempt): string | null {
  const parts = [statusReason, container?.reason].filter((part) => part !== undefined && part !== '');
  if (container?.exitCode !== undefined) parts.push(`exit code ${container.exitCode}`);
  return parts.length === 0 ? null : oneLine(parts.join('; '));
}

function timedOut(batchJob: BatchJob): JobError {
  return namedError('execution_timeout', `The attempt must end within its time limit, got: ${reasonOf(batchJob)}.`);
}

function endedEarly(): JobError {
  return namedError('worker_ended_early', 'The worker must finish the job before it ends, got a worker that did not.');
}

function batchFailure(batchJob: BatchJob): JobError {
  const exitCode = batchJob.attempts?.at(-1)?.container?.exitCode;
  const reason = reasonOf(batchJob);
  if (/^Host EC2/.test(reason)) return namedError('capacity_lost', `The machine must stay, got: ${reason}.`);
  if (/CannotPullContainer/.test(reason)) return namedError('image_not_pulled', `The image must load, got: ${reason}.`);
  if (exitCode === WORKER_KILLED) {
    return namedError('worker_killed', `The worker must end by itself, got killed: ${reason}.`);
  }
  return namedError('batch_failed', `The worker must end well, got: ${reason}.`);
}

/** The same job may succeed when it is asked for again. */
function namedError(code: string, message: string): JobError {
  return { code, message, details: [], retryable: true };
}

/** Why the Batch job is as it is: its own words and those of its last attempt. */
function reasonOf({ statusReason, attempts }: BatchJob): string {
  const last = attempts?.at(-1);
  const told = last ? attemptReason(last) : null;
  if (!statusReason) return told ?? 'no reason given';
  const own = oneLine(statusReason);
  return told === null || told.startsWith(own) ? (told ?? own) : oneLine(`${own}; ${told}`);
}

function oneLine(text: string): string {
  return text
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .replace(/\s*\.$/, '')
    .slice(0, MAX_REASON_LENGTH);
}

/** Following a job to its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isTerminal } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { type Progress, seconds } from './progress';

export interface WatchOptions {
  /** Milliseconds between two looks. */
  readonly pollMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks until the job has ended.
 * @param look the job as it is now; null while the deployment has not seen it.
 * @throws the signal's reason when it is aborted.
 */
export async function watchJob(
  look: () => Promise<JobRecord | null>,
  onLook: (record: JobRecord | null) => void,
  { pollMs, signal }: WatchOptions,
): Promise<JobRecord> {
  for (;;) {
    signal?.throwIfAborted();
    const record = await look();
    onLook(record);
    if (record && isTerminal(record.job.status)) return record;
    await sleep(pollMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

const LABELS = {
  queued: 'Queued',
  submitted: 'Waiting for a machine',
  starting: 'Starting the worker',
  processing: 'Generating',
} as const;

/** Shows what watchJob sees: one line a state, and the steps as they are done. */
export function jobProgress(progress: Progress): (record: JobRecord | null) => void {
  let shown: string | undefined;
  let done = 0;
  return (record) => {
    const job = record?.job;
    if (job && isTerminal(job.status)) {
      const { total_steps } = job.progress;
      // Between two looks the last steps went by.
      if (job.status === 'succeeded' && shown?.startsWith(LABELS.processing) && total_steps > 0) {
        progress.update(total_steps, total_steps, 'step');
      }
      progress.end();
      return;
    }
    const label = job ? LABELS[job.status as keyof typeof LABELS] : 'Uploaded, not yet looked at';
    const attempt = record && record.attempt > 1 ? ` (attempt ${record.attempt})` : '';
    if (shown !== `${label}${attempt}`) {
      shown = `${label}${attempt}`;
      progress.begin(shown);
      done = 0;
    }
    // A look that finds nothing new says nothing about the rate.
    if (job?.status !== 'processing' || job.progress.step === done) return;
    done = job.progress.step;
    if (done > 0) progress.update(done, job.progress.total_steps, 'step');
  };
}

/** "2 min 3 s" from creation to the end. */
export function totalTimeText({ job }: JobRecord): string {
  return seconds(job.metrics.total_time ?? 0);
}

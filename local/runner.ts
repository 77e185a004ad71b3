/** What starts a worker for the local Batch: a process (worker-process.ts), or whatever a benchmark puts in its place. */
import type { LocalBatchJob } from '../clients/local/batch-store';

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunningWorker {
  /** Settles when it has ended; rejects when it could not be started. */
  readonly exited: Promise<WorkerExit>;
  /** No error when it has ended. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): void;
}

export interface Runner {
  /** @param attempt from 1. */
  start(job: LocalBatchJob, attempt: number): RunningWorker;
  /** Workers that an earlier `serve` started for these jobs and that still live. */
  findOrphans(batchJobIds: readonly string[]): Promise<ReadonlyMap<string, RunningWorker>>;
}

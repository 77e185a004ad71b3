/** A process's end as the exit code that a container would report. */
import { constants } from 'node:os';
import type { WorkerExit } from './runner';

/** 128 + the signal's number for a process that a signal ended; null when nobody knows. */
export function exitCodeOf({ code, signal }: WorkerExit): number | null {
  return signal === null ? code : 128 + constants.signals[signal];
}

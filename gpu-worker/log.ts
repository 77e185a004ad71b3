/** What a worker prints: one JSON object a line, written at once, because the process may end without notice. */
import { writeSync } from 'node:fs';

/** @param about fields of the line, beside those that every line has. */
export type WorkerLog = (message: string, about?: Readonly<Record<string, unknown>>) => void;

const STDERR = 2;

/** @param context stands in every line. */
export function openLog(context: Readonly<Record<string, unknown>>, now: () => Date = () => new Date()): WorkerLog {
  return (message, about = {}) => {
    const line = JSON.stringify({ time: now().toISOString(), message, ...context, ...about });
    try {
      writeSync(STDERR, `${line}\n`);
    } catch {
      // A log that nobody reads any more, or a full disk, must not end the job.
    }
  };
}

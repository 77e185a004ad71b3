/**
 * Whether Batch starts a job once more: its attempts, and the first condition that the end of the last one meets.
 * Source: AWS Batch API reference, RetryStrategy and EvaluateOnExit.
 */
import type { AttemptEnd } from '../clients/local/batch-store';
import type { EvaluateOnExit } from '../contract/worker-exit';

export interface RetryStrategy {
  /** 1 to 10. */
  readonly attempts: number;
  /** When none matches, the job is retried. */
  readonly evaluateOnExit: readonly EvaluateOnExit[];
}

/** @param attempt the number of the attempt that has ended, from 1. */
export function isRetried(end: AttemptEnd, attempt: number, strategy: RetryStrategy): boolean {
  if (attempt >= strategy.attempts) return false;
  const entry = strategy.evaluateOnExit.find((condition) => matches(condition, end));
  return entry?.action !== 'EXIT';
}

/** Every condition that the entry names must be met. */
function matches(entry: EvaluateOnExit, end: AttemptEnd): boolean {
  const exitCode = end.exitCode === null ? null : String(end.exitCode);
  return (
    meets(entry.onExitCode, exitCode) &&
    meets(entry.onStatusReason, end.statusReason) &&
    meets(entry.onReason, end.reason)
  );
}

/** `*` stands only at the end of a pattern, for any rest. */
function meets(pattern: string | undefined, value: string | null): boolean {
  if (pattern === undefined) return true;
  if (value === null) return false;
  return pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern;
}

/** What an error means for the job: whether it fails, what its error says, and the exit code that tells Batch the same. */
import type { Job } from '../contract/job';
import { JobRejected } from '../contract/rejection';
import { WORKER_INTERNAL, WORKER_REJECTED, WORKER_RETRY } from '../contract/worker-exit';
import { CredentialsError, ModelError, OutOfMemoryError, ProviderError } from './errors';

export interface Failure {
  /** The job's new state; null leaves it to Batch, which may run the job again. */
  readonly status: 'failed' | 'timed_out' | null;
  readonly error: NonNullable<Job['error']>;
  readonly exit: typeof WORKER_REJECTED | typeof WORKER_INTERNAL | typeof WORKER_RETRY;
}

/** The attempt has used up the time that the job allows. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';

  constructor(seconds: number) {
    super(`policy.execution_timeout_seconds must cover a whole attempt, got ${seconds} and no video after them.`);
  }
}

const DISK_FULL_CODES: readonly string[] = ['ENOSPC', 'EDQUOT'];
/** A message of somebody else's library is told, but not at any length. */
const MAX_MESSAGE_LENGTH = 500;

/** @param places folder on this machine -> what users know it as; they have no use for our paths. */
export function failureOf(error: unknown, places: ReadonlyMap<string, string> = new Map()): Failure {
  const told = (text: string) =>
    oneLine([...places].reduce((rest, [folder, name]) => rest.replaceAll(folder, name), text));
  const message = told(error instanceof Error ? error.message : String(error));
  if (error instanceof JobRejected) {
    const details = error.details.map((detail) => ({ ...detail, message: told(detail.message) }));
    return rejected('failed', { code: error.code, message, details, retryable: false });
  }
  if (error instanceof ModelError) {
    return rejected('failed', {
      code: 'invalid_model',
      message,
      details: [{ path: 'model', message }],
      retryable: false,
    });
  }
  if (error instanceof DeadlineExceeded) {
    const details = [{ path: 'policy.execution_timeout_seconds', message }];
    return rejected('timed_out', { code: 'timed_out', message, details, retryable: false });
  }
  if (error instanceof OutOfMemoryError) return ours('out_of_memory', message);
  // Of this host, not of the job: another host may well do it.
  if (error instanceof ProviderError) return { ...ours('provider_unavailable', message), exit: WORKER_RETRY };
  if (error instanceof CredentialsError) return ours('signing_unavailable', message);
  const { code, syscall = 'a write' } = error as NodeJS.ErrnoException;
  if (code !== undefined && DISK_FULL_CODES.includes(code)) {
    return ours('disk_full', `The worker's disk must have room for the job, got ${code} from ${syscall}.`);
  }
  return ours('internal_error', `The worker must finish the job, got ${message.replace(/\.$/, '')}.`);
}

function rejected(status: 'failed' | 'timed_out', error: Failure['error']): Failure {
  return { status, error, exit: WORKER_REJECTED };
}

function ours(code: string, message: string): Failure {
  return { status: null, error: { code, message, details: [], retryable: true }, exit: WORKER_INTERNAL };
}

function oneLine(message: string): string {
  const line = message.replaceAll(/\s+/g, ' ').trim();
  return line.length <= MAX_MESSAGE_LENGTH ? line : `${line.slice(0, MAX_MESSAGE_LENGTH)}...`;
}

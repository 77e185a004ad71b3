/** What a process says when it ends badly: one line and a code that scripts can tell apart (sysexits.h). */
import { StackUnusable } from '../clients/aws/stack-unusable';
import { JobRejected } from '../contract/rejection';
import { FaceModelError } from '../faces/onnx-model';
import { GenerationCanceled } from '../gpu-worker/cancellation';
import { CredentialsError, ModelError, OutOfMemoryError, ProviderError } from '../gpu-worker/errors';
import { awsErrorText } from './aws-error';

/** The input is at fault: command line, job.json, images, model directory. The same call fails again. */
export const EXIT_USAGE = 64;
/** This machine or this program is at fault. */
export const EXIT_SOFTWARE = 70;
/** Stopped by Ctrl-C: 128 + SIGINT. */
export const EXIT_INTERRUPTED = 130;

/** An argument that cannot be; `message` names it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The deployment, or a program that a command started, is at fault; `message` says how. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
}

export interface Ending {
  readonly exitCode: number;
  /** One line an error. */
  readonly lines: readonly string[];
}

const SYSTEM_ERRORS: Record<string, string> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file is larger than it may be',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EMFILE: 'too many open files',
  EIO: 'input/output error',
};

export function endingOf(error: unknown): Ending {
  if (error instanceof GenerationCanceled)
    return { exitCode: EXIT_INTERRUPTED, lines: ['Stopped; nothing was written.'] };
  if (error instanceof JobRejected) {
    return { exitCode: EXIT_USAGE, lines: error.details.map(({ message }) => oneLine(message)) };
  }
  const isUsage = [UsageError, ModelError, FaceModelError, ProviderError, CredentialsError].some(
    (kind) => error instanceof kind,
  );
  if (isUsage) {
    return { exitCode: EXIT_USAGE, lines: [oneLine((error as Error).message)] };
  }
  if (error instanceof OutOfMemoryError || error instanceof ServiceError)
    return { exitCode: EXIT_SOFTWARE, lines: [oneLine(error.message)] };
  if (error instanceof StackUnusable) {
    return { exitCode: error.isFinal ? EXIT_USAGE : EXIT_SOFTWARE, lines: [oneLine(error.message)] };
  }
  const fromAws = awsErrorText(error);
  if (fromAws !== null) return { exitCode: EXIT_SOFTWARE, lines: [oneLine(fromAws)] };
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const reason = code === undefined ? undefined : SYSTEM_ERRORS[code];
  if (reason) {
    // What is being written lies in a work folder that nobody knows.
    const file = (path ?? syscall ?? 'A file').replace(/\.partial-[^/]+\//, '');
    return { exitCode: EXIT_SOFTWARE, lines: [`${file} must be written whole, got ${code}: ${reason}.`] };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: EXIT_SOFTWARE, lines: [`Internal error: ${oneLine(message)}`] };
}

function oneLine(message: string): string {
  return message.replaceAll(/\s+/g, ' ').trim();
}

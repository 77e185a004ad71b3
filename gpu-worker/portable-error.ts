/** Errors across threads: structured cloning keeps message and stack, but neither our classes nor their fields. */
import type { FieldError } from '../contract/field-error';
import { JobRejected, type RejectionCode } from '../contract/rejection';
import { GenerationCanceled } from './cancellation';
import { CredentialsError, ModelError, OutOfMemoryError, ProviderError } from './errors';

export interface PortableError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of the operating system (`ENOSPC`) or of a rejection. */
  readonly code: string | undefined;
  /** The file that an error of the operating system is about. */
  readonly path: string | undefined;
  readonly details: readonly FieldError[];
}

const PLAIN_CLASSES = { ModelError, OutOfMemoryError, ProviderError, CredentialsError, GenerationCanceled };

export function toPortable(error: unknown): PortableError {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  const { code, path } = error as NodeJS.ErrnoException;
  return { name, message, stack, code, path, details: error instanceof JobRejected ? error.details : [] };
}

/** The error again, of its own class. */
export function fromPortable({ name, message, stack, code, path, details }: PortableError): Error {
  const [first, ...rest] = details;
  const error =
    name === 'JobRejected' && first
      ? new JobRejected(code as RejectionCode, [first, ...rest])
      : new (PLAIN_CLASSES[name as keyof typeof PLAIN_CLASSES] ?? Error)(message);
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, code !== undefined && { code }, path !== undefined && { path });
}

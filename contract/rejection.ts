/**
 * The one error class of the contract: the input is at fault, not the service. A rejected job is never retried; every other error
 * is ours and may be.
 */
import type { FieldError } from './field-error';

/** What kind of input was at fault; stands in `error.code` of the job object. */
export const REJECTION_CODES = [
  'invalid_manifest',
  'invalid_image',
  'invalid_reference_set',
  'invalid_model',
  'invalid_setting',
] as const;
export type RejectionCode = (typeof REJECTION_CODES)[number];

/** Thrown where input is judged. `message` is one line: the first error, and how many more there are in `details`. */
export class JobRejected extends Error {
  override readonly name = 'JobRejected';

  constructor(
    readonly code: RejectionCode,
    readonly details: readonly [FieldError, ...FieldError[]],
  ) {
    const more = details.length - 1;
    super(more === 0 ? details[0].message : `${details[0].message} (and ${more} more)`);
  }
}

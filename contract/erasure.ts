/**
 * What is known of an erasure: which place, how far it has come, how much was removed. The records name nobody but who asked; a place
 * stands in plain only while its data is being removed, because somebody must find them.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { JobIdSchema } from './job';

const Time = z.iso.datetime();
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Count = z.int().nonnegative();

/** A whole tenant, or one of its sets. */
export const PlaceSchema = z.strictObject({ tenant: z.string(), set: z.string().nullable() });
export type ErasedPlace = z.output<typeof PlaceSchema>;

export const ERASED_KINDS = [
  'uploads',
  'results',
  'jobs',
  'deliveries',
  'consents',
  'messages',
  'batch_jobs',
  'logs',
] as const;
export type ErasedKind = (typeof ERASED_KINDS)[number];

export const ErasureSchema = z.strictObject({
  /** Of `placeHash`. */
  id: Sha256,
  version: z.int().positive(),
  scope: z.enum(['tenant', 'set']),
  /** Null once the data is gone and looked for again. */
  place: PlaceSchema.nullable(),
  status: z.enum(['running', 'done']),
  /** The account that asked, on its own machine: `ada@studio-3`. */
  requested_by: z.string(),
  requested_at: Time,
  /** Everything uploaded up to here is to be gone; what is uploaded later is new. */
  erased_until: Time,
  finished_at: Time.nullable(),
  /** When it is looked for once more: what a process wrote that died right after. Null when nothing is left to do. */
  sweep_at: Time.nullable(),
  /** How often it was begun, and how much all of that removed. */
  runs: Count,
  removed: z.partialRecord(z.enum(ERASED_KINDS), Count),
});
export type Erasure = z.output<typeof ErasureSchema>;

/** A job that was erased: whoever still works for it takes back what it wrote. */
export const ErasedJobSchema = z.strictObject({
  id: JobIdSchema,
  version: z.int().positive(),
  /** The place's hash; null for one whose retention was over. */
  erasure: Sha256.nullable(),
  erased_at: Time,
});
export type ErasedJob = z.output<typeof ErasedJobSchema>;

/** What `mv2id erase` hands over: what is gone, and what nobody could reach. */
export const ErasureCertificateSchema = z.strictObject({
  schema_version: z.literal(1),
  type: z.literal('mv2id.erasure'),
  place: PlaceSchema,
  place_sha256: Sha256,
  deployment: z.enum(['local', 'aws']),
  requested_by: z.string(),
  requested_at: Time,
  finished_at: Time,
  erased_until: Time,
  /** From 1; more after a run that was interrupted, whose removals are not listed here. */
  run: z.int().positive(),
  removed: z.array(
    z.strictObject({
      kind: z.enum(ERASED_KINDS),
      count: Count,
      bytes: Count,
      /** Of the sorted names of what was removed, each once, with a line feed between them. */
      names_sha256: Sha256,
    }),
  ),
  /** What was found when looking again: all of them 0 in a complete erasure. */
  remaining: z.record(z.enum(ERASED_KINDS), Count),
  is_complete: z.boolean(),
  /** What may still hold traces, where it is, and when it goes. */
  out_of_reach: z.array(z.string()),
});
export type ErasureCertificate = z.output<typeof ErasureCertificateSchema>;

/** By it an erasure is found again by whoever knows the place, and by nobody else. */
export function placeHash({ tenant, set }: ErasedPlace): string {
  return createHash('sha256')
    .update(set === null ? tenant : `${tenant}/${set}`)
    .digest('hex');
}

/** `acme`, or `acme/ada`. */
export function placeText({ tenant, set }: ErasedPlace): string {
  return set === null ? tenant : `${tenant}/${set}`;
}

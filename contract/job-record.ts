/**
 * What the job table holds: the job object, and what the stages must remember beside it. Every stage reads and writes it, so it
 * crosses process boundaries; users see only `job`.
 */
import { z } from 'zod';
import { isTerminal, JOB_EVENT_TYPES, JobIdSchema, JobSchema } from './job';
import { LocalManifestSchema } from './manifest';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Time = z.iso.datetime();
const DAY_MS = 24 * 3600 * 1000;

/** An event that the job's last changes fired and that the webhook queue has not taken yet. */
export const JobEventSchema = z.strictObject({
  /** Stable over every repetition; `webhook-id` of the delivery. */
  webhook_id: z.string().regex(/^[A-Za-z0-9_-]+$/),
  type: z.enum(JOB_EVENT_TYPES),
  /** When the job changed. */
  timestamp: Time,
  /** The job object as it was then. */
  job: JobSchema,
});

export const JobRecordSchema = z.strictObject({
  id: JobIdSchema,
  /** Counts the writes, from 1; the table refuses a write that is based on an older one. */
  version: z.int().positive(),
  job: JobSchema,
  /** Null for a job that was rejected because of its manifest. */
  manifest: LocalManifestSchema.nullable(),
  /** Where events go, also for a job rejected for another field of its manifest. */
  webhook: z.string().nullable(),
  /** The images as they were when the set was validated, in the manifest's order. */
  images: z.array(z.strictObject({ file: z.string(), size: z.int().nonnegative(), sha256: Sha256 })),
  /** When job.json was uploaded. */
  uploaded_at: Time,
  /** The Batch job that runs this job; the first one to be named here is the only one that may. */
  batch_job_id: z.string().nullable(),
  /** The attempt that may write. A worker of an earlier one finds a larger number here and stops. */
  attempt: z.int().nonnegative(),
  /** How long results are kept after the job's end; left out where nobody has said: for ever. */
  retention_days: z.int().positive().optional(),
  /** When the next part of the job is to be removed, where that does not follow from its end and `retention_days`. */
  next_removal_at: Time.optional(),
  /** Why the last attempt ended, told by the worker itself; the reason of a failure that Batch reports. */
  last_error: JobSchema.shape.error,
  pending_events: z.array(JobEventSchema),
  /** Counts the changes of `job`, from 1. */
  revision: z.int().positive(),
  /** Revision of the job object in the results; behind `revision` while that is to be written. */
  published_revision: z.int().nonnegative(),
});

export type JobEvent = z.output<typeof JobEventSchema>;
export type JobRecord = z.output<typeof JobRecordSchema>;

/** When the next part of a job is to be removed: its results, later the rest. Null for a job that is not over, or is kept for ever. */
export function nextRemoval({ job, retention_days, next_removal_at }: JobRecord): Date | null {
  if (next_removal_at !== undefined) return new Date(next_removal_at);
  if (retention_days === undefined || !isTerminal(job.status)) return null;
  return new Date(Date.parse(job.completed_at ?? job.created_at) + retention_days * DAY_MS);
}

/** Whether something is still to be done for the job: it runs, or an event or its job object is not out yet. */
export function isUnsettled(record: JobRecord): boolean {
  const isPublished = record.published_revision === record.revision;
  return !isTerminal(record.job.status) || record.pending_events.length > 0 || !isPublished;
}

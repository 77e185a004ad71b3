/**
 * The job object: one shape everywhere (job table, job.json in the results, command line, webhook data), the states a job goes
 * through and the moves between them. Every key is always present; what is not known yet is null.
 *
 * A state only moves forward, and the change of state is the only place where events fire.
 */
import { z } from 'zod';
import { FieldErrorSchema } from './field-error';
import { ReferenceCheckSchema } from './reference-check';

export const JOB_STATES = [
  'queued',
  'submitted',
  'starting',
  'processing',
  'succeeded',
  'failed',
  'canceled',
  'timed_out',
  'rejected',
] as const;
export type JobState = (typeof JOB_STATES)[number];

/** `type` of the webhooks and the values of `webhook_events_filter`. */
export const JOB_EVENT_TYPES = [
  'job.started',
  'job.progress',
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'job.rejected',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

/**
 * The moves a job may make. A forward move may skip states, because an event in between may be lost; success needs a worker, so
 * it cannot follow `queued`. A job is born `queued` or `rejected`.
 */
const MOVES: Record<JobState, readonly JobState[]> = {
  queued: ['submitted', 'starting', 'processing', 'failed', 'canceled', 'timed_out'],
  submitted: ['starting', 'processing', 'succeeded', 'failed', 'canceled', 'timed_out'],
  starting: ['processing', 'succeeded', 'failed', 'canceled', 'timed_out'],
  processing: ['succeeded', 'failed', 'canceled', 'timed_out'],
  succeeded: [],
  failed: [],
  canceled: [],
  timed_out: [],
  rejected: [],
};

/** Derived from tenant, set and the manifest's bytes: see `jobId` in keys.ts. */
export const JobIdSchema = z
  .string()
  .regex(/^job-[a-z2-7]{26}$/)
  .brand<'JobId'>();
export type JobId = z.output<typeof JobIdSchema>;

const Time = z.iso.datetime();
const Seconds = z.number().nonnegative();
const Pixels = z.int().positive();

export const JobSchema = z.strictObject({
  schema_version: z.literal(1),
  id: JobIdSchema,
  status: z.enum(JOB_STATES),
  tenant: z.string(),
  set: z.string(),
  model: z.string(),
  progress: z.strictObject({
    percent: z.number().min(0).max(100),
    step: z.int().nonnegative(),
    total_steps: z.int().nonnegative(),
    eta_seconds: Seconds.nullable(),
  }),
  /** What the job runs with: the manifest's input with the model's defaults filled in. Null until the worker has read the model. */
  input: z
    .strictObject({
      prompt: z.string(),
      negative_prompt: z.string(),
      seed: z.int().nonnegative(),
      width: Pixels,
      height: Pixels,
      num_frames: z.int().positive(),
      fps: z.int().positive(),
      steps: z.int().positive(),
      guidance: z.strictObject({ text: z.number(), image: z.number() }),
      num_outputs: z.int().positive(),
    })
    .nullable(),
  /** What validation saw in the photos; null where it got no further than job.json. */
  reference_check: ReferenceCheckSchema.nullable().default(null),
  output: z.array(
    z.strictObject({
      /** A presigned link, or null where there is none (one machine: `key` is the file). */
      url: z.url().nullable(),
      key: z.string(),
      content_type: z.string(),
      /** Bytes. */
      size: z.int().nonnegative(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      width: Pixels.nullable(),
      height: Pixels.nullable(),
      duration_seconds: Seconds.nullable(),
      expires_at: Time.nullable(),
    }),
  ),
  error: z
    .strictObject({
      code: z.string(),
      message: z.string(),
      details: z.array(FieldErrorSchema),
      retryable: z.boolean(),
    })
    .nullable(),
  /** Times in seconds. */
  metrics: z.strictObject({
    queue_time: Seconds.nullable(),
    predict_time: Seconds.nullable(),
    total_time: Seconds.nullable(),
    attempts: z.int().nonnegative(),
    /** Of all attempts, the lost ones among them; null while none has started. */
    gpu_seconds: Seconds.nullable().default(null),
    /** From a price table: see cost.ts. Null while no attempt has started, and where the price of one is not known. */
    estimated_cost_usd: z.number().nonnegative().nullable(),
  }),
  attempts: z.array(
    z.strictObject({
      number: z.int().positive(),
      started_at: Time.nullable(),
      stopped_at: Time.nullable(),
      reason: z.string().nullable(),
      capacity: z.enum(['spot', 'on_demand', 'local']).nullable(),
      instance_type: z.string().nullable(),
    }),
  ),
  metadata: z.record(z.string(), z.json()),
  created_at: Time,
  submitted_at: Time.nullable(),
  started_at: Time.nullable(),
  completed_at: Time.nullable(),
  /** When the results were removed because their retention was over; `output` is empty since. */
  data_removed_at: Time.nullable().default(null),
});

export type Job = z.output<typeof JobSchema>;
/** The manifest's input with every default filled in. */
export type JobInput = NonNullable<Job['input']>;
export type JobOutput = Job['output'][number];
export type JobProgress = Job['progress'];

/** No move leads out of a terminal state. */
export function isTerminal(state: JobState): boolean {
  return MOVES[state].length === 0;
}

/** Whether a job in state `from` may become `to`; staying where it is counts as no move. */
export function canMove(from: JobState, to: JobState): boolean {
  return MOVES[from].includes(to);
}

/**
 * Every message that crosses a process boundary. What AWS sends is read loosely, because it grows fields; what we send ourselves
 * is strict and carries a schema version.
 */
import { z } from 'zod';
import { JOB_EVENT_TYPES, JobIdSchema, JobSchema } from './job';
import { JobEventSchema } from './job-record';

/**
 * Queue `intake`: what EventBridge says about an object in the uploads bucket. Keys are plain, not URL-encoded.
 * Source: Amazon S3 user guide, "Amazon S3 event notifications using EventBridge".
 */
export const UploadEventSchema = z.looseObject({
  id: z.string(),
  source: z.literal('aws.s3'),
  'detail-type': z.enum(['Object Created', 'Object Deleted']),
  time: z.iso.datetime({ offset: true }),
  detail: z.looseObject({
    bucket: z.looseObject({ name: z.string() }),
    object: z.looseObject({
      key: z.string(),
      size: z.number().optional(),
      etag: z.string().optional(),
      sequencer: z.string().optional(),
    }),
    /** The account that asked, or the service in AWS that did. */
    requester: z.string().optional(),
    'source-ip-address': z.string().optional(),
  }),
});
export type UploadEvent = z.output<typeof UploadEventSchema>;

/** Queue `jobs`: a job waits for Batch. */
export const SubmitMessageSchema = z.strictObject({ schema_version: z.literal(1), job_id: JobIdSchema });
export type SubmitMessage = z.output<typeof SubmitMessageSchema>;

export const BATCH_STATES = ['SUBMITTED', 'PENDING', 'RUNNABLE', 'STARTING', 'RUNNING', 'SUCCEEDED', 'FAILED'] as const;
export type BatchState = (typeof BATCH_STATES)[number];

/** Milliseconds since 1970, as Batch gives times. */
const EpochMilliseconds = z.number();

/** A job as AWS Batch describes it (JobDetail), as far as we read it. */
export const BatchJobSchema = z.looseObject({
  jobId: z.string(),
  jobName: z.string(),
  status: z.enum(BATCH_STATES),
  statusReason: z.string().optional(),
  createdAt: EpochMilliseconds.optional(),
  startedAt: EpochMilliseconds.optional(),
  stoppedAt: EpochMilliseconds.optional(),
  attempts: z
    .array(
      z.looseObject({
        startedAt: EpochMilliseconds.optional(),
        stoppedAt: EpochMilliseconds.optional(),
        statusReason: z.string().optional(),
        container: z.looseObject({ exitCode: z.number().optional(), reason: z.string().optional() }).optional(),
      }),
    )
    .optional(),
});
export type BatchJob = z.output<typeof BatchJobSchema>;

/** Queue `batch_events`. Source: AWS Batch user guide, "Batch job state change events". */
export const BatchEventSchema = z.looseObject({
  id: z.string(),
  source: z.literal('aws.batch'),
  'detail-type': z.literal('Batch Job State Change'),
  time: z.iso.datetime({ offset: true }),
  detail: BatchJobSchema,
});
export type BatchEvent = z.output<typeof BatchEventSchema>;

/** Queue `webhooks`: one event of one job on its way to one address. */
export const DeliverMessageSchema = z.strictObject({
  schema_version: z.literal(1),
  url: z.string(),
  event: JobEventSchema,
});
export type DeliverMessage = z.output<typeof DeliverMessageSchema>;

/** Body of a webhook: the envelope of Standard Webhooks. */
export const WebhookBodySchema = z.strictObject({
  type: z.enum([...JOB_EVENT_TYPES, 'webhook.test']),
  timestamp: z.iso.datetime(),
  data: JobSchema,
});
export type WebhookBody = z.output<typeof WebhookBodySchema>;

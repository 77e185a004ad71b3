/**
 * Where a deployment lives: everything a process needs to reach its buckets, tables, queues and Batch. It crosses process
 * boundaries as one environment variable (Lambdas, worker) and stands in the user's profiles file (command line).
 */
import { z } from 'zod';
import { type FieldError, fieldError, fieldErrors } from './field-error';
import { MAX_RETENTION_DAYS, MIN_RETENTION_DAYS } from './limits';

/** Every queue of the flow, in its order. Each has a dead-letter queue. */
export const QUEUE_NAMES = ['intake', 'jobs', 'batch_events', 'webhooks'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

export const BUCKET_NAMES = ['uploads', 'results', 'models'] as const;
export type BucketName = (typeof BUCKET_NAMES)[number];

const Text = z.string().min(1);
/** How long results are kept whose job.json has no retention_days; for ever unless given. */
const RetentionDays = z
  .int()
  .min(MIN_RETENTION_DAYS)
  .max(MAX_RETENTION_DAYS)
  .meta({ rule: `a whole number from ${MIN_RETENTION_DAYS} to ${MAX_RETENTION_DAYS}` });
const QueueUrls = z.strictObject({ url: z.url(), dead_letter_url: z.url() });

const LocalDeploymentSchema = z.strictObject({
  type: z.literal('local'),
  /** Absolute path of the folder that holds buckets, store and logs. */
  home: Text,
  results_retention_days: RetentionDays.optional(),
});

export const AwsDeploymentSchema = z.strictObject({
  type: z.literal('aws'),
  region: Text,
  /** Profile of ~/.aws whose credentials are used, on the machine of a person. */
  aws_profile: Text.optional(),
  /** Another endpoint for every service, for emulators. */
  endpoint: z.url().optional(),
  /** Other endpoints by service, where one emulator does not serve all of them. */
  endpoints: z.strictObject({ s3: z.url(), sqs: z.url(), dynamodb: z.url() }).partial().optional(),
  buckets: z.strictObject({ uploads: Text, results: Text, models: Text }),
  table: Text,
  queues: z.strictObject({ intake: QueueUrls, jobs: QueueUrls, batch_events: QueueUrls, webhooks: QueueUrls }),
  batch: z.strictObject({ job_queue: Text, job_definition: Text }),
  /** Only where the stack has it: see `mv2id train`. */
  training: z.strictObject({ job_queue: Text, job_definition: Text }).optional(),
  /** Secrets Manager: `{"secrets": ["whsec_...", "whsec_..."]}`, the newest first. */
  webhook_secret: Text,
  results_retention_days: RetentionDays.optional(),
});

export const DeploymentSchema = z.discriminatedUnion('type', [LocalDeploymentSchema, AwsDeploymentSchema]);
export type Deployment = z.output<typeof DeploymentSchema>;
export type LocalDeployment = z.output<typeof LocalDeploymentSchema>;
export type AwsDeployment = z.output<typeof AwsDeploymentSchema>;

/**
 * Every field that is wrong, or an empty list.
 * @param root name of the value in messages: an environment variable or a profile.
 */
export function deploymentErrors(value: unknown, root: string): FieldError[] {
  const asked = z.looseObject({ type: z.unknown() }).safeParse(value).data?.type;
  // Judged by its own type alone, so that the messages name what that type takes.
  const schema = DeploymentSchema.options.find(({ shape }) => shape.type.value === asked);
  if (schema) return fieldErrors(schema, value, root);
  const types = DeploymentSchema.options.map(({ shape }) => `"${shape.type.value}"`);
  return [fieldError('type', `one of ${types.join(', ')}`, asked)];
}

/**
 * @param root name of the value in messages: an environment variable or a profile.
 * @throws Error with every field that is wrong.
 */
export function parseDeployment(value: unknown, root: string): Deployment {
  const errors = deploymentErrors(value, root);
  if (errors.length > 0) throw new Error(errors.map(({ message }) => message).join(' '));
  return value as Deployment;
}

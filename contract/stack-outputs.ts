/**
 * The outputs of the stack, which say where its deployment lives: infra/ writes them, the command line reads them. One flat text each,
 * so that they read well in the console too.
 */
import type { AwsDeployment, BucketName, QueueName } from './deployment';

export const BUCKET_OUTPUTS = {
  uploads: 'UploadsBucket',
  results: 'ResultsBucket',
  models: 'ModelsBucket',
} as const satisfies Record<BucketName, string>;

export const QUEUE_OUTPUTS = {
  intake: { url: 'IntakeQueue', dead_letter_url: 'IntakeDeadLetters' },
  jobs: { url: 'JobsQueue', dead_letter_url: 'JobsDeadLetters' },
  batch_events: { url: 'BatchEventsQueue', dead_letter_url: 'BatchEventsDeadLetters' },
  webhooks: { url: 'WebhooksQueue', dead_letter_url: 'WebhooksDeadLetters' },
} as const satisfies Record<QueueName, { url: string; dead_letter_url: string }>;

export const TABLE_OUTPUT = 'JobTable';
export const BATCH_QUEUE_OUTPUT = 'BatchJobQueue';
export const BATCH_DEFINITION_OUTPUT = 'BatchJobDefinition';
export const WEBHOOK_SECRET_OUTPUT = 'WebhookSecret';
/** Only with `training.enabled`. */
export const TRAINING_QUEUE_OUTPUT = 'TrainingJobQueue';
export const TRAINING_DEFINITION_OUTPUT = 'TrainingJobDefinition';

/**
 * The deployment that a stack's outputs describe.
 * @throws Error naming the first output that the stack lacks.
 */
export function deploymentOfOutputs(outputs: Readonly<Record<string, string>>, region: string): AwsDeployment {
  const output = (name: string) => {
    const value = outputs[name];
    if (value) return value;
    throw new Error(`${name} must be an output of the stack, got ${Object.keys(outputs).join(', ') || 'no outputs'}.`);
  };
  const queue = (name: QueueName) => ({
    url: output(QUEUE_OUTPUTS[name].url),
    dead_letter_url: output(QUEUE_OUTPUTS[name].dead_letter_url),
  });
  const bucket = (name: BucketName) => output(BUCKET_OUTPUTS[name]);
  return {
    type: 'aws',
    region,
    buckets: { uploads: bucket('uploads'), results: bucket('results'), models: bucket('models') },
    table: output(TABLE_OUTPUT),
    queues: {
      intake: queue('intake'),
      jobs: queue('jobs'),
      batch_events: queue('batch_events'),
      webhooks: queue('webhooks'),
    },
    batch: { job_queue: output(BATCH_QUEUE_OUTPUT), job_definition: output(BATCH_DEFINITION_OUTPUT) },
    ...(outputs[TRAINING_QUEUE_OUTPUT] && {
      training: { job_queue: output(TRAINING_QUEUE_OUTPUT), job_definition: output(TRAINING_DEFINITION_OUTPUT) },
    }),
    webhook_secret: output(WEBHOOK_SECRET_OUTPUT),
  };
}

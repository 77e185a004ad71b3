/** What the stack tells about itself: contract/stack-outputs.ts names it, the command line reads it. */
import { CfnOutput } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { BUCKET_NAMES, QUEUE_NAMES } from '../contract/deployment';
import {
  BATCH_DEFINITION_OUTPUT,
  BATCH_QUEUE_OUTPUT,
  BUCKET_OUTPUTS,
  QUEUE_OUTPUTS,
  TABLE_OUTPUT,
  TRAINING_DEFINITION_OUTPUT,
  TRAINING_QUEUE_OUTPUT,
  WEBHOOK_SECRET_OUTPUT,
} from '../contract/stack-outputs';
import type { BatchNames } from './batch-access';
import type { FlowQueues } from './flow-queues';
import type { Settings } from './settings';
import type { Storage } from './storage';
import type { WebhookSecret } from './webhook-secret';

/** What a deployment is made of. */
export interface OutputsProps {
  readonly settings: Settings;
  readonly storage: Storage;
  readonly queues: FlowQueues;
  readonly batch: BatchNames;
  readonly secret: WebhookSecret;
}

/** @param scope the stack itself: an output anywhere below would get a longer name. */
export function writeOutputs(scope: Construct, { settings, storage, queues, batch, secret }: OutputsProps): void {
  const output = (name: string, value: string) => new CfnOutput(scope, name, { value });
  for (const name of BUCKET_NAMES) output(BUCKET_OUTPUTS[name], storage[name].bucketName);
  output(TABLE_OUTPUT, storage.table.tableName);
  for (const name of QUEUE_NAMES) {
    output(QUEUE_OUTPUTS[name].url, queues[name].queue.queueUrl);
    output(QUEUE_OUTPUTS[name].dead_letter_url, queues[name].deadLetters.queueUrl);
  }
  output(BATCH_QUEUE_OUTPUT, batch.jobQueueName);
  output(BATCH_DEFINITION_OUTPUT, batch.jobDefinitionName);
  output(WEBHOOK_SECRET_OUTPUT, secret.secretArn);
  if (!settings.training.enabled) return;
  output(TRAINING_QUEUE_OUTPUT, `${settings.stack_name}-training-jobs`);
  output(TRAINING_DEFINITION_OUTPUT, `${settings.stack_name}-training`);
}

/** The outputs of a stack whose deployment is this one, as CloudFormation tells them. */
import type { Output } from '@aws-sdk/client-cloudformation';
import { type AwsDeployment, BUCKET_NAMES, QUEUE_NAMES } from '../contract/deployment';
import {
  BATCH_DEFINITION_OUTPUT,
  BATCH_QUEUE_OUTPUT,
  BUCKET_OUTPUTS,
  QUEUE_OUTPUTS,
  TABLE_OUTPUT,
  WEBHOOK_SECRET_OUTPUT,
} from '../contract/stack-outputs';

export function stackOutputs(deployment: AwsDeployment): Output[] {
  const { buckets, queues, table, batch, webhook_secret } = deployment;
  const outputs: Record<string, string> = {
    [TABLE_OUTPUT]: table,
    [BATCH_QUEUE_OUTPUT]: batch.job_queue,
    [BATCH_DEFINITION_OUTPUT]: batch.job_definition,
    [WEBHOOK_SECRET_OUTPUT]: webhook_secret,
  };
  for (const name of BUCKET_NAMES) outputs[BUCKET_OUTPUTS[name]] = buckets[name];
  for (const name of QUEUE_NAMES) {
    outputs[QUEUE_OUTPUTS[name].url] = queues[name].url;
    outputs[QUEUE_OUTPUTS[name].dead_letter_url] = queues[name].dead_letter_url;
  }
  return Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue }));
}

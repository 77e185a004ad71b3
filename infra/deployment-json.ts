/** The deployment as every process of the stack is told it, in one variable of its environment. */
import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { AwsDeployment, QueueName } from '../contract/deployment';
import type { OutputsProps } from './outputs';

/** @returns JSON with names that CloudFormation fills in. */
export function deploymentJson(scope: Construct, props: OutputsProps): string {
  const { settings, storage, queues, batch, secret } = props;
  const stack = Stack.of(scope);
  const queue = (name: QueueName) => ({
    url: queues[name].queue.queueUrl,
    dead_letter_url: queues[name].deadLetters.queueUrl,
  });
  const deployment: AwsDeployment = {
    type: 'aws',
    region: stack.region,
    buckets: {
      uploads: storage.uploads.bucketName,
      results: storage.results.bucketName,
      models: storage.models.bucketName,
    },
    table: storage.table.tableName,
    queues: {
      intake: queue('intake'),
      jobs: queue('jobs'),
      batch_events: queue('batch_events'),
      webhooks: queue('webhooks'),
    },
    batch: { job_queue: batch.jobQueueName, job_definition: batch.jobDefinitionName },
    webhook_secret: secret.secretArn,
    results_retention_days: settings.retention.results_days,
  };
  return stack.toJsonString(deployment);
}

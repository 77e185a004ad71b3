/** The ports of a deployment in AWS. */
import { type AwsDeployment, type BucketName, QUEUE_NAMES, type QueueName } from '../../contract/deployment';
import { CONSENT_TABLE } from '../consent-table';
import { DELIVERY_TABLE, ENDPOINT_TABLE } from '../delivery-table';
import { ERASED_JOB_TABLE, ERASURE_TABLE } from '../erasure-table';
import { JOB_TABLE } from '../job-table';
import type { Ports } from '../ports';
import type { TableDefinition, TableRecord } from '../record-table';
import { AwsBatch } from './aws-batch';
import { awsClients } from './aws-clients';
import { AWS_TRACES } from './aws-traces';
import { DynamoRecordTable } from './dynamo-record-table';
import { S3LargeFiles } from './s3-large-files';
import { S3ObjectStore } from './s3-object-store';
import { SecretsManagerSecrets } from './secrets-manager-secrets';
import { SqsJobQueue } from './sqs-job-queue';

/** Contacts nothing yet: a deployment that does not exist shows itself with the first request. */
export async function openAwsPorts(deployment: AwsDeployment): Promise<Ports> {
  const clients = awsClients(deployment);
  const bucket = (name: BucketName) => new S3ObjectStore(clients.s3, deployment.buckets[name]);
  const table = <R extends TableRecord>(definition: TableDefinition<R>) =>
    new DynamoRecordTable(clients.dynamodb, deployment.table, definition);
  const queues = (url: (name: QueueName) => string) =>
    Object.fromEntries(QUEUE_NAMES.map((name) => [name, new SqsJobQueue(clients.sqs, url(name))])) as Record<
      QueueName,
      SqsJobQueue
    >;

  return {
    region: deployment.region,
    buckets: { uploads: bucket('uploads'), results: bucket('results'), models: bucket('models') },
    modelFiles: new S3LargeFiles(clients.s3, deployment.buckets.models),
    jobs: table(JOB_TABLE),
    deliveries: table(DELIVERY_TABLE),
    endpoints: table(ENDPOINT_TABLE),
    consents: table(CONSENT_TABLE),
    erasures: table(ERASURE_TABLE),
    erasedJobs: table(ERASED_JOB_TABLE),
    traces: AWS_TRACES,
    queues: queues((name) => deployment.queues[name].url),
    deadLetters: queues((name) => deployment.queues[name].dead_letter_url),
    batch: new AwsBatch(clients.batch, deployment.batch.job_queue, deployment.batch.job_definition),
    secrets: new SecretsManagerSecrets(clients.secretsManager, deployment.webhook_secret),
    close: async () => clients.destroy(),
  };
}

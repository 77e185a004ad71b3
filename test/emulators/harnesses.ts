/** Opens the AWS implementations of the ports on an emulator, as the contract suites want them: fresh for every test. */
import { randomUUID } from 'node:crypto';
import { type AwsClients, awsClients } from '../../clients/aws/aws-clients';
import { DynamoRecordTable } from '../../clients/aws/dynamo-record-table';
import { S3ObjectStore } from '../../clients/aws/s3-object-store';
import { SecretsManagerSecrets } from '../../clients/aws/secrets-manager-secrets';
import { SqsJobQueue } from '../../clients/aws/sqs-job-queue';
import type { AwsDeployment } from '../../contract/deployment';
import { type JobQueueHarness, MAX_RECEIVE_COUNT } from '../clients/job-queue.contract';
import type { ObjectStoreHarness } from '../clients/object-store.contract';
import type { RecordTableHarness } from '../clients/record-table.contract';
import type { WebhookSecretsHarness } from '../clients/webhook-secrets.contract';
import { type Emulator, useEmulatedCredentials } from './emulator';
import { createBucket, createQueue, createSecret, createTable } from './resources';

/** Indexes of the records of the contract suite. */
const SUITE_INDEXES = ['by_owner', 'by_hungry'];
/** Longer than the secrets stay cached. */
const AFTER_CACHE_MS = 10 * 60 * 1000;

export async function openObjectStore(emulator: Emulator): Promise<ObjectStoreHarness> {
  const { clients, others, name, close } = connect(emulator);
  await createBucket(clients, name);
  return { store: new S3ObjectStore(clients.s3, name), other: new S3ObjectStore(others.s3, name), close };
}

export async function openRecordTable(emulator: Emulator): Promise<RecordTableHarness> {
  const { clients, others, name, close } = connect(emulator);
  await createTable(clients, name, SUITE_INDEXES);
  return {
    table: (definition) => new DynamoRecordTable(clients.dynamodb, name, definition),
    other: (definition) => new DynamoRecordTable(others.dynamodb, name, definition),
    close,
  };
}

export async function openJobQueue(emulator: Emulator): Promise<JobQueueHarness> {
  const { clients, others, name, close } = connect(emulator);
  const { url, dead_letter_url } = await createQueue(clients, name, MAX_RECEIVE_COUNT);
  return {
    queue: new SqsJobQueue(clients.sqs, url),
    other: new SqsJobQueue(others.sqs, url),
    deadLetters: new SqsJobQueue(clients.sqs, dead_letter_url),
    advance: emulator.advance,
    close,
  };
}

/** Nothing is found cached: that the cache holds for five minutes is a test of its own. */
export async function openWebhookSecrets(emulator: Emulator): Promise<WebhookSecretsHarness> {
  const { clients, others, name, close } = connect(emulator);
  await createSecret(clients, name);
  let time = 0;
  const now = () => {
    time += AFTER_CACHE_MS;
    return new Date(time);
  };
  return {
    secrets: new SecretsManagerSecrets(clients.secretsManager, name, now),
    other: new SecretsManagerSecrets(others.secretsManager, name, now),
    close,
  };
}

/** Two sets of clients, as two processes have them. */
export function connect(emulator: Emulator): {
  clients: AwsClients;
  others: AwsClients;
  name: string;
  close: () => Promise<void>;
} {
  useEmulatedCredentials();
  const { region, endpoint, endpoints } = emulator;
  const queue = { url: 'http://127.0.0.1', dead_letter_url: 'http://127.0.0.1' };
  const name = `mv2id-${randomUUID()}`;
  const deployment: AwsDeployment = {
    type: 'aws',
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(endpoints !== undefined && { endpoints }),
    buckets: { uploads: name, results: name, models: name },
    table: name,
    queues: { intake: queue, jobs: queue, batch_events: queue, webhooks: queue },
    batch: { job_queue: name, job_definition: name },
    webhook_secret: name,
  };
  const clients = awsClients(deployment);
  const others = awsClients(deployment);
  const close = async () => {
    clients.destroy();
    others.destroy();
  };
  return { clients, others, name, close };
}

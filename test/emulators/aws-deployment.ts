/** A whole deployment in an emulator: what openPorts, the command line and the Lambdas are tested against. */
import { randomUUID } from 'node:crypto';
import { awsClients } from '../../clients/aws/aws-clients';
import { type AwsDeployment, parseDeployment } from '../../contract/deployment';
import { type Emulator, emulatedEnv, useEmulatedCredentials } from './emulator';
import { startNpmEmulators } from './npm-emulators';
import { createBucket, createQueue, createSecret, createTable } from './resources';
import type { StandIn } from './stand-in';

/** Deliveries of a message before it becomes a dead letter. */
const MAX_RECEIVE_COUNT = 5;

export interface EmulatedAws {
  readonly deployment: AwsDeployment;
  /** For child processes: credentials that are nobody's. */
  readonly env: NodeJS.ProcessEnv;
  /** In place of Batch: a test reads what was submitted, and moves jobs on. */
  readonly batchJobs: StandIn['batchJobs'];
  /** Puts the clock of the queues forward. */
  advance(seconds: number): Promise<void>;
  stop(): Promise<void>;
}

/** The npm emulators with a fresh deployment. Sets this process's AWS credentials. Takes about a second. */
export async function startEmulatedAws(): Promise<EmulatedAws> {
  const emulators = await startNpmEmulators();
  return {
    deployment: await createDeployment(emulators),
    env: emulatedEnv(),
    batchJobs: emulators.standIn.batchJobs,
    advance: emulators.advance,
    stop: emulators.stop,
  };
}

/** Creates everything a deployment has, under names of its own. */
export async function createDeployment(emulator: Emulator): Promise<AwsDeployment> {
  useEmulatedCredentials();
  const prefix = `mv2id-${randomUUID().slice(0, 8)}`;
  const queue = (name: string) => ({
    url: `http://127.0.0.1/${prefix}-${name}`,
    dead_letter_url: `http://127.0.0.1/${prefix}-${name}-dead`,
  });
  const planned: AwsDeployment = {
    type: 'aws',
    region: emulator.region,
    ...(emulator.endpoint !== undefined && { endpoint: emulator.endpoint }),
    ...(emulator.endpoints !== undefined && { endpoints: emulator.endpoints }),
    buckets: { uploads: `${prefix}-uploads`, results: `${prefix}-results`, models: `${prefix}-models` },
    table: `${prefix}-table`,
    queues: {
      intake: queue('intake'),
      jobs: queue('jobs'),
      batch_events: queue('batch-events'),
      webhooks: queue('webhooks'),
    },
    batch: { job_queue: `${prefix}-jobs`, job_definition: `${prefix}-worker` },
    webhook_secret: `${prefix}-webhook-secret`,
  };
  const clients = awsClients(planned);
  try {
    for (const bucket of Object.values(planned.buckets)) await createBucket(clients, bucket);
    await createTable(clients, planned.table);
    await createSecret(clients, planned.webhook_secret);
    const create = (name: string) => createQueue(clients, `${prefix}-${name}`, MAX_RECEIVE_COUNT);
    const queues = {
      intake: await create('intake'),
      jobs: await create('jobs'),
      batch_events: await create('batch-events'),
      webhooks: await create('webhooks'),
    };
    const deployment = parseDeployment({ ...planned, queues }, 'deployment');
    if (deployment.type !== 'aws') throw new Error(`deployment.type must be aws, got ${deployment.type}.`);
    return deployment;
  } finally {
    clients.destroy();
  }
}

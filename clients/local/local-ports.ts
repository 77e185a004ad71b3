/** Every port of a local deployment: folders for buckets, one LMDB environment for all else. */
import { type BucketName, type LocalDeployment, QUEUE_NAMES, type QueueName } from '../../contract/deployment';
import { CONSENT_TABLE } from '../consent-table';
import { DELIVERY_TABLE, ENDPOINT_TABLE } from '../delivery-table';
import { ERASED_JOB_TABLE, ERASURE_TABLE } from '../erasure-table';
import type { JobQueue } from '../job-queue';
import { JOB_TABLE } from '../job-table';
import type { ObjectStore } from '../object-store';
import type { Ports } from '../ports';
import { BatchStore } from './batch-store';
import { FileWebhookSecrets } from './file-webhook-secrets';
import { FolderLargeFiles } from './folder-large-files';
import { FolderObjectStore } from './folder-object-store';
import { type LocalHome, localHome, runningServe } from './home';
import { linkKey } from './link-key';
import { LmdbJobQueue } from './lmdb-job-queue';
import { LmdbRecordTable } from './lmdb-record-table';
import { LmdbStore } from './lmdb-store';
import { LocalBatch } from './local-batch';
import { LocalTraces } from './local-traces';
import { signLink } from './signed-link';
import { UploadMarks } from './upload-marks';

export type Presign = (
  bucket: BucketName,
  key: string,
  expiresInSeconds: number,
) => Promise<{ url: string; expiresAt: Date } | null>;

export interface LocalPortsOptions {
  readonly now?: () => Date;
  /** Links to objects; unless given, to the `serve` that runs on this home, and none while none runs. */
  readonly presign?: Presign;
}

/** What only a local deployment has, for `serve`. */
export interface LocalPorts extends Ports {
  readonly home: LocalHome;
  readonly store: LmdbStore;
  readonly batchStore: BatchStore;
  /** Removes the records whose time is over, as DynamoDB does by itself. */
  forgetExpired(): Promise<void>;
  /** Of `signLink` and `verifyLink`. */
  linkKey(): Promise<Uint8Array>;
}

/** Retries of a webhook over three days receive its message often. */
const MAX_RECEIVE_COUNT: Record<QueueName, number> = { intake: 20, jobs: 20, batch_events: 20, webhooks: 200 };

/** Makes the home where there is none. Any number of processes may have it open at the same time. */
export async function openLocalPorts(
  deployment: LocalDeployment,
  options: LocalPortsOptions = {},
): Promise<LocalPorts> {
  const { now = () => new Date() } = options;
  const home = localHome(deployment.home);
  const store = new LmdbStore(home.store);
  const batchStore = new BatchStore(store);
  const signingKey = () => linkKey(home.linkKey, store.change);
  const presign = options.presign ?? linkToServe(home, signingKey, now);
  const buckets = await openBuckets(home, store, presign);
  const deliveries = new LmdbRecordTable(store, DELIVERY_TABLE);
  const erasedJobs = new LmdbRecordTable(store, ERASED_JOB_TABLE);
  return {
    region: null,
    home,
    store,
    batchStore,
    linkKey: signingKey,
    buckets,
    modelFiles: new FolderLargeFiles(buckets.models, home.bucket('models')),
    jobs: new LmdbRecordTable(store, JOB_TABLE),
    deliveries,
    endpoints: new LmdbRecordTable(store, ENDPOINT_TABLE),
    consents: new LmdbRecordTable(store, CONSENT_TABLE),
    erasures: new LmdbRecordTable(store, ERASURE_TABLE),
    erasedJobs,
    traces: new LocalTraces(home, batchStore, new UploadMarks(store)),
    forgetExpired: async () => {
      for (const table of [deliveries, erasedJobs]) await table.forgetExpired(now());
    },
    queues: queuesByName((name) => {
      const maxReceiveCount = MAX_RECEIVE_COUNT[name];
      return new LmdbJobQueue(store, name, { deadLetters: deadLettersOf(name), maxReceiveCount, now });
    }),
    deadLetters: queuesByName((name) => new LmdbJobQueue(store, deadLettersOf(name), { now })),
    batch: new LocalBatch(batchStore, now),
    secrets: new FileWebhookSecrets(home.webhookSecrets, store.change),
    close: () => store.close(),
  };
}

function linkToServe(home: LocalHome, signingKey: () => Promise<Uint8Array>, now: () => Date): Presign {
  return async (bucket, key, expiresInSeconds) => {
    const serve = runningServe(home);
    if (!serve) return null;
    // Whole seconds: the link says no more.
    const expiresAt = new Date((Math.floor(now().getTime() / 1000) + expiresInSeconds) * 1000);
    return { url: signLink(serve.url, { bucket, key }, expiresAt, await signingKey()), expiresAt };
  };
}

async function openBuckets(
  home: LocalHome,
  store: LmdbStore,
  presign: Presign,
): Promise<Record<BucketName, ObjectStore>> {
  const openBucket = (name: BucketName): Promise<ObjectStore> =>
    FolderObjectStore.open(home.bucket(name), {
      exclusively: store.change,
      presign: (key, expiresInSeconds) => presign(name, key, expiresInSeconds),
    });
  const [uploads, results, models] = await Promise.all([
    openBucket('uploads'),
    openBucket('results'),
    openBucket('models'),
  ]);
  return { uploads, results, models };
}

function queuesByName(openQueue: (name: QueueName) => JobQueue): Record<QueueName, JobQueue> {
  return Object.fromEntries(QUEUE_NAMES.map((name) => [name, openQueue(name)])) as Record<QueueName, JobQueue>;
}

function deadLettersOf(name: QueueName): string {
  return `${name}_dead_letters`;
}

/** Everything a stage may reach, by the name it has in the flow. */
import type { BucketName, QueueName } from '../contract/deployment';
import type { Batch } from './batch';
import type { ConsentTable } from './consent-table';
import type { DeliveryTable, EndpointTable } from './delivery-table';
import type { ErasedJobTable, ErasureTable } from './erasure-table';
import type { JobQueue } from './job-queue';
import type { JobTable } from './job-table';
import type { JobTraces } from './job-traces';
import type { LargeFiles } from './large-files';
import type { ObjectStore } from './object-store';
import type { WebhookSecrets } from './webhook-secrets';

export interface Ports {
  /** Of AWS, where instances have a price; null on one machine. */
  readonly region: string | null;
  readonly buckets: Readonly<Record<BucketName, ObjectStore>>;
  /** Of the bucket `models`. */
  readonly modelFiles: LargeFiles;
  readonly jobs: JobTable;
  readonly deliveries: DeliveryTable;
  readonly endpoints: EndpointTable;
  readonly consents: ConsentTable;
  readonly erasures: ErasureTable;
  readonly erasedJobs: ErasedJobTable;
  readonly traces: JobTraces;
  readonly queues: Readonly<Record<QueueName, JobQueue>>;
  readonly deadLetters: Readonly<Record<QueueName, JobQueue>>;
  readonly batch: Batch;
  readonly secrets: WebhookSecrets;
  /** Releases connections and files. */
  close(): Promise<void>;
}

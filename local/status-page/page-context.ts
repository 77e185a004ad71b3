/** What every route of the status page is given. */
import type { JobLedger } from '../../clients/job-ledger';
import type { Ports } from '../../clients/ports';
import type { BucketName } from '../../contract/deployment';

export interface PageContext {
  readonly ports: Ports;
  readonly ledger: JobLedger;
  /** Signs the links to files. */
  readonly linkKey: Uint8Array;
  /** What the server listens on. */
  readonly host: string;
  /** More names that the Host header may bear. */
  readonly hostNames: readonly string[];
  readonly pollMs: number;
  /** Stands in every form of this process; nobody reads it from another site. */
  readonly csrfToken: string;
  /** Path of the file that holds an object. */
  fileOf(bucket: BucketName, key: string): string;
  now(): Date;
}

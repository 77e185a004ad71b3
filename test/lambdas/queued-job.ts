/** A job in the table, as validation leaves it. */
import type { JobRecord } from '../../contract/job-record';
import { jobId } from '../../contract/keys';
import { type Manifest, ManifestSchema } from '../../contract/manifest';
import { newRecord } from '../../lambdas/new-record';
import type { StageContext } from '../../lambdas/stage';
import { manifest } from '../reference-set';

export interface QueuedJobOptions {
  readonly tenant?: string;
  readonly set?: string;
  readonly policy?: Manifest['policy'];
  readonly webhook?: string;
  readonly filter?: Manifest['webhook_events_filter'];
  readonly uploadedAt?: Date;
}

export async function queuedJob(
  { ledger, now }: Pick<StageContext, 'ledger' | 'now'>,
  options: QueuedJobOptions = {},
): Promise<JobRecord> {
  const { tenant = 'acme', set = 'ada', policy, webhook, filter, uploadedAt = now() } = options;
  const asked = ManifestSchema.parse({ ...manifest(), policy, webhook, webhook_events_filter: filter });
  const id = jobId(tenant, set, Buffer.from(JSON.stringify(asked)));
  const verdict = { manifest: asked, webhook: webhook ?? null, images: [], referenceCheck: null, rejection: null };
  const { record } = await ledger.create(newRecord({ id, tenant, set, uploadedAt }, verdict, now()));
  return record;
}

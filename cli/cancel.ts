/** `mv2id cancel`: deletes the job.json that the job stands for; the service does the rest. */
import type { Ports } from '../clients/ports';
import { isTerminal, type JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { manifestKey } from '../contract/keys';
import { MAX_MANIFEST_BYTES } from '../contract/limits';
import { UsageError } from './exit-code';
import { findJob } from './find-job';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { withService } from './service';
import { standingJob } from './standing-job';
import type { Streams } from './streams';

export interface CancelOptions extends ProfileOptions {
  readonly json?: boolean;
}

/** @throws UsageError when the job has ended, or when its job.json is another job's by now. */
export async function runCancel(job: string, options: CancelOptions, { stdout }: Streams): Promise<void> {
  await withService(options, async ({ ports }) => {
    const record = await findJob(ports, job);
    const { id, status, tenant, set } = record.job;
    if (isTerminal(status) && status !== 'canceled') {
      throw new UsageError(`job must be one that has not ended, got ${id} (${status}).`);
    }
    if (status !== 'canceled') {
      await requireOwnManifest(ports, record);
      await ports.buckets.uploads.delete(manifestKey(tenant, set));
    }
    if (options.json) writeJson(stdout, record.job);
    else stdout.write(status === 'canceled' ? `${id} is canceled.\n` : `${id} is being canceled.\n`);
  });
}

/** Deleting a job.json cancels whatever it stands for: never another job than the one that was named. */
async function requireOwnManifest(ports: Ports, { id, job }: JobRecord): Promise<void> {
  const { tenant, set } = job;
  const key = manifestKey(tenant, set);
  const stored = await ports.buckets.uploads.get(key, { maxBytes: MAX_MANIFEST_BYTES });
  if (!stored) return;
  const uploaded = { tenant, set, bytes: stored.body, uploadedAt: stored.lastModified };
  const standing: JobId = (await standingJob(ports, uploaded)).id;
  if (standing === id) return;
  throw new UsageError(`${key} must be the job.json of ${id} to cancel it, got that of ${standing}.`);
}

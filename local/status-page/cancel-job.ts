/**
 * Cancels a job: its job.json goes, as for whoever deletes it by hand, and the job ends at once instead of when that deletion has been
 * noticed. A job.json that stands for another job by now stays. In this order: a crash in between leaves a deletion, which cancels.
 */
import { ObjectTooLarge } from '../../clients/object-store';
import { isTerminal, type JobId } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { jobId, manifestKey } from '../../contract/keys';
import { MAX_MANIFEST_BYTES } from '../../contract/limits';
import type { PageContext } from './page-context';

const REASON = 'Canceled on the status page.';

/** @returns whether there is such a job; one that has ended stays as it is. */
export async function cancelJob({ ledger, ports }: PageContext, id: JobId): Promise<boolean> {
  const found = await ports.jobs.get(id);
  if (!found || isTerminal(found.job.status)) return found !== null;
  if (await isStanding(ports, found)) {
    await ports.buckets.uploads.delete(manifestKey(found.job.tenant, found.job.set));
  }
  const record = await ledger.change(id, ({ job }) => (isTerminal(job.status) ? null : { status: 'canceled' }));
  if (record?.job.status === 'canceled' && record.batch_job_id !== null) {
    await ports.batch.terminate(record.batch_job_id, REASON);
  }
  return true;
}

/** Whether the set's job.json is this open job's: of its first run, or of one that followed others. */
async function isStanding({ buckets, jobs }: PageContext['ports'], { job }: JobRecord): Promise<boolean> {
  const { tenant, set } = job;
  const bytes = await readManifest(buckets.uploads, manifestKey(tenant, set));
  if (!bytes) return false;
  for (let run = 0; ; run++) {
    const id = jobId(tenant, set, bytes, run);
    if (id === job.id) return true;
    if (!(await jobs.get(id))) return false;
  }
}

/** Null also for one that is too large: it is nobody's who runs. */
async function readManifest(
  uploads: PageContext['ports']['buckets']['uploads'],
  key: string,
): Promise<Uint8Array | null> {
  try {
    return (await uploads.get(key, { maxBytes: MAX_MANIFEST_BYTES }))?.body ?? null;
  } catch (error) {
    if (error instanceof ObjectTooLarge) return null;
    throw error;
  }
}

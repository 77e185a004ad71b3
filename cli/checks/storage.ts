/** Whether these credentials reach what every command needs: the buckets and the table of jobs. */
import { type ObjectStore, PreconditionFailed } from '../../clients/object-store';
import type { Ports } from '../../clients/ports';
import { uploadKey } from '../../contract/keys';
import { type Finding, look, ok } from './finding';

/** Of no object: no write can be based on it. */
const NO_ETAG = '0'.repeat(32);

export async function checkStorage({ buckets, jobs }: Ports): Promise<readonly Finding[]> {
  const findings = [
    await look('uploads', () => checkUploads(buckets.uploads), true),
    await look('results', () => checkResults(buckets.results), true),
    await look('jobs', () => checkJobs(jobs), true),
  ];
  return findings.flat();
}

/** A write that may not succeed, because its condition never holds, but is refused before that without the permission. */
async function checkUploads(uploads: ObjectStore): Promise<readonly Finding[]> {
  const key = uploadKey('deploy-check', 'deploy-check', 'permission');
  try {
    await uploads.put(key, '', { ifMatch: NO_ETAG });
    // Something that answers like S3 and knows no conditions.
    await uploads.delete(key);
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
  return [ok('uploads', 'Sets can be uploaded.')];
}

async function checkResults(results: ObjectStore): Promise<readonly Finding[]> {
  for await (const _first of results.list('jobs/')) break;
  return [ok('results', 'Results can be read.')];
}

async function checkJobs(jobs: Ports['jobs']): Promise<readonly Finding[]> {
  await jobs.query('by_unsettled', 'unsettled', { limit: 1 });
  return [ok('jobs', 'The table of jobs can be read.')];
}

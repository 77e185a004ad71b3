/** Plays what the service does between two commands: takes an uploaded set as a job, and moves it on. Everything through JobLedger. */
import { createHash } from 'node:crypto';
import { JobLedger } from '../../clients/job-ledger';
import type { Ports } from '../../clients/ports';
import type { JobId, JobOutput } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { jobId, manifestKey, resultKey } from '../../contract/keys';
import { parseManifest } from '../../contract/manifest';
import { newRecord } from '../../lambdas/new-record';

/** The job of the set's job.json as it is uploaded now, `queued`. @param run as of jobId. */
export async function takeJob(ports: Ports, tenant: string, set: string, run = 0): Promise<JobRecord> {
  const upload = await ports.buckets.uploads.get(manifestKey(tenant, set));
  if (!upload) throw new Error(`${manifestKey(tenant, set)} must be uploaded, got nothing.`);
  const manifest = parseManifest(upload.body, { isLocal: true });
  const id = jobId(tenant, set, upload.body, run);
  const origin = { id, tenant, set, uploadedAt: upload.lastModified };
  const verdict = { manifest, webhook: null, images: [], referenceCheck: null, rejection: null };
  const { record } = await new JobLedger(ports).create(newRecord(origin, verdict, new Date()));
  return record;
}

/** At step 2 of 4. */
export async function startJob(ports: Ports, id: JobId): Promise<void> {
  const ledger = new JobLedger(ports);
  await ledger.change(id, () => ({ status: 'submitted' }));
  await ledger.change(id, () => ({
    status: 'processing',
    job: { progress: { percent: 50, step: 2, total_steps: 4, eta_seconds: 7 } },
  }));
}

/** With `files` as its results. */
export async function finishJob(ports: Ports, id: JobId, files: Readonly<Record<string, string>>): Promise<void> {
  const output: JobOutput[] = [];
  for (const [file, content] of Object.entries(files)) {
    const key = resultKey(id, file);
    await ports.buckets.results.put(key, content);
    output.push({
      url: null,
      key,
      content_type: 'application/octet-stream',
      size: Buffer.byteLength(content),
      sha256: createHash('sha256').update(content).digest('hex'),
      width: null,
      height: null,
      duration_seconds: null,
      expires_at: null,
    });
  }
  await new JobLedger(ports).change(id, () => ({ status: 'succeeded', job: { output } }));
}

/** For a reason that is the input's or the service's, as `code` says. */
export async function failJob(ports: Ports, id: JobId, code: string): Promise<void> {
  const error = { code, message: 'input.width must be even, got 31.', details: [], retryable: false };
  await new JobLedger(ports).change(id, () => ({ status: 'failed', job: { error } }));
}

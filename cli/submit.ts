/** `mv2id submit`: judges a set as the service would, uploads its images and, last, its job.json; follows the job if asked to. */
import type { Ports } from '../clients/ports';
import type { JobId, JobState } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { manifestKey, uploadKey } from '../contract/keys';
import { REJECTION_CODES } from '../contract/rejection';
import { EXIT_INTERRUPTED, EXIT_SOFTWARE, EXIT_USAGE, UsageError } from './exit-code';
import { requireUsableFaces } from './face-check';
import { jobLines } from './job-text';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { createProgress } from './progress';
import { type ReferenceFolder, readReferenceFolder } from './reference-folder';
import { isServed } from './served';
import { type Service, withService } from './service';
import { LOCAL_TENANT, setNameOf } from './set-name';
import { standingJob, type UploadedManifest } from './standing-job';
import type { Streams } from './streams';
import { jobProgress, watchJob } from './watch-job';

export interface SubmitOptions extends ProfileOptions {
  readonly tenant?: string;
  readonly set?: string;
  readonly webhook?: string;
  readonly wait?: boolean;
  readonly json?: boolean;
  /** Given as false by --no-check. */
  readonly check?: boolean;
}

/** AWS bills every look; a folder does not. */
const POLL_MS = { local: 200, aws: 2000 } as const;
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
};

/** @returns the exit code. @throws JobRejected, UsageError. */
export async function runSubmit(folder: string, options: SubmitOptions, streams: Streams): Promise<number> {
  return withService(options, async (service) => {
    const isLocal = service.deployment.type === 'local';
    const tenant = options.tenant ?? requireTenant(isLocal);
    const set = options.set ?? setNameOf(folder);
    const folderContent = await readReferenceFolder(folder, { isLocal, webhook: options.webhook });
    const warnings = options.check === false ? [] : await requireUsableFaces(folderContent);
    for (const { message } of warnings) streams.stderr.write(`Warning: ${message}\n`);
    const uploaded = await uploadSet(service.ports, tenant, set, folderContent);
    // Asked once: a job that is canceled while somebody waits for it is that job still.
    const { id } = await standingJob(service.ports, uploaded);
    if (!isServed(service.deployment)) {
      streams.stderr.write('No "mv2id serve" runs on this folder: the job starts when one does.\n');
    }
    if (options.wait) return followJob(service, id, options, streams);
    if (options.json) writeJson(streams.stdout, { id });
    else streams.stdout.write(`${id}\n`);
    return 0;
  });
}

/** Uploads the images, and job.json when all of them are there. @throws JobRejected when tenant or set cannot be a name. */
export async function uploadSet(
  { buckets }: Pick<Ports, 'buckets'>,
  tenant: string,
  set: string,
  { images, manifestBytes }: ReferenceFolder,
): Promise<UploadedManifest> {
  await Promise.all(
    images.map(({ image: { file }, bytes }) => {
      const contentType = CONTENT_TYPES[file.slice(file.lastIndexOf('.') + 1).toLowerCase()];
      return buckets.uploads.put(uploadKey(tenant, set, file), bytes, { contentType });
    }),
  );
  const { lastModified } = await buckets.uploads.put(manifestKey(tenant, set), manifestBytes, {
    contentType: 'application/json',
  });
  return { tenant, set, bytes: manifestBytes, uploadedAt: lastModified };
}

/** 0 for a video, 64 where the input was at fault, 70 for every other end. */
export function exitCodeOf({ status, error }: { status: JobState; error: JobRecord['job']['error'] }): number {
  if (status === 'succeeded') return 0;
  const isInput = status === 'rejected' || REJECTION_CODES.some((code) => code === error?.code);
  return isInput ? EXIT_USAGE : EXIT_SOFTWARE;
}

function requireTenant(isLocal: boolean): string {
  if (isLocal) return LOCAL_TENANT;
  throw new UsageError('--tenant must be given for a deployment that others share, got nothing.');
}

async function followJob(
  { deployment, ports }: Service,
  id: JobId,
  { json }: SubmitOptions,
  { stdout, stderr }: Streams,
): Promise<number> {
  if (!json) stdout.write(`${id}\n`);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  const progress = createProgress(stderr);
  try {
    const watching = { pollMs: POLL_MS[deployment.type], signal: stop.signal };
    const { job } = await watchJob(() => ports.jobs.get(id), jobProgress(progress), watching);
    if (json) writeJson(stdout, job);
    else for (const line of jobLines(job)) stdout.write(`${line}\n`);
    return exitCodeOf(job);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    progress.note(`Stopped waiting; the job goes on: mv2id status ${id}`);
    return EXIT_INTERRUPTED;
  } finally {
    progress.end();
    process.off('SIGINT', interrupt);
  }
}

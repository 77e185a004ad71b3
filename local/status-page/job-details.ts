/** Everything the page of one job shows, gathered from table, buckets and deliveries. */
import type { Delivery } from '../../contract/delivery';
import { isTerminal, type JobId, type JobOutput } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, REPORT_HTML_FILE_NAME, REPORT_JSON_FILE_NAME, resultKey, uploadKey } from '../../contract/keys';
import { type CheckedImage, type CheckVerdict, verdictOf } from '../../contract/reference-check';
import { fileLink } from './file-links';
import type { PageContext } from './page-context';

export interface ReferencePhoto {
  readonly file: string;
  readonly view: string | null;
  /** Null when it is no longer there. */
  readonly url: string | null;
  /** It has another size than when the set was validated. */
  readonly isReplaced: boolean;
  /** What was measured in it; null where nobody has looked. */
  readonly checked: CheckedImage | null;
  /** The worst of what was found in it. */
  readonly verdict: CheckVerdict;
}

export interface ResultFile {
  readonly name: string;
  readonly url: string;
  /** Bytes. */
  readonly size: number;
}

export interface JobDetails {
  readonly record: JobRecord;
  readonly references: readonly ReferencePhoto[];
  readonly videos: readonly { readonly output: JobOutput; readonly url: string; readonly posterUrl: string | null }[];
  readonly files: readonly ResultFile[];
  /** Oldest first. */
  readonly deliveries: readonly Delivery[];
}

/** A job fires a handful of terminal events and one of progress every few seconds. */
const MAX_DELIVERIES = 200;

/** Null when there is no such job. */
export async function readJobDetails(context: PageContext, id: JobId): Promise<JobDetails | null> {
  const record = await context.ports.jobs.get(id);
  if (!record) return null;
  const [references, files, deliveries] = await Promise.all([
    readReferences(context, record),
    isTerminal(record.job.status) ? readFiles(context, record) : [],
    context.ports.deliveries.query('by_job', id, { limit: MAX_DELIVERIES, order: 'oldest' }),
  ]);
  return { record, references, files, videos: videosOf(context, record), deliveries: deliveries.records };
}

function readReferences(context: PageContext, { job, manifest, images }: JobRecord): Promise<ReferencePhoto[]> {
  const references = manifest?.reference_set.images ?? [];
  const check = job.reference_check;
  return Promise.all(
    references.map(async ({ file, view = null }) => {
      const key = uploadKey(job.tenant, job.set, file);
      const info = await context.ports.buckets.uploads.head(key);
      const validated = images.find((image) => image.file === file);
      return {
        file,
        view,
        url: info && fileLink(context, 'uploads', key),
        isReplaced: info !== null && validated !== undefined && validated.size !== info.size,
        checked: check?.images.find((image) => image.file === file) ?? null,
        verdict: verdictOf(check?.findings.filter((finding) => finding.file === file) ?? []),
      };
    }),
  );
}

/** The report and the job object, as far as they are there, and every other output. */
async function readFiles(context: PageContext, { job }: JobRecord): Promise<ResultFile[]> {
  const listed = job.output.map(({ key }) => key);
  const extra = [REPORT_HTML_FILE_NAME, REPORT_JSON_FILE_NAME, JOB_FILE_NAME].map((file) => resultKey(job.id, file));
  const files = await Promise.all(
    [...new Set([...listed, ...extra])].map(async (key) => {
      const info = await context.ports.buckets.results.head(key);
      return (
        info && {
          name: key.slice(resultKey(job.id, '').length),
          url: fileLink(context, 'results', key),
          size: info.size,
        }
      );
    }),
  );
  return files.filter((file) => file !== null);
}

/** Videos and posters stand in the output in the same order. */
function videosOf(context: PageContext, { job }: JobRecord): JobDetails['videos'] {
  const posters = job.output.filter(({ content_type }) => content_type === 'image/jpeg');
  return job.output
    .filter(({ content_type }) => content_type === 'video/mp4')
    .map((output, i) => ({
      output,
      url: fileLink(context, 'results', output.key),
      posterUrl: posters[i] ? fileLink(context, 'results', posters[i].key) : null,
    }));
}

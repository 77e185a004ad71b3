/** The results of a job, put where its people find them. job.json is not among them: the ledger publishes it, last. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ObjectStore } from '../clients/object-store';
import type { JobId, JobOutput } from '../contract/job';
import { REPORT_HTML_FILE_NAME, REPORT_JSON_FILE_NAME, resultKey } from '../contract/keys';
import { sha256OfFile } from './file-hash';
import type { GenerationResult } from './generate';

export interface Delivery {
  readonly results: ObjectStore;
  readonly jobId: JobId;
  /** Holds the generated files and both reports. */
  readonly outFolder: string;
  readonly files: GenerationResult['files'];
  readonly references: GenerationResult['references'];
  /** Before each upload: throws when this attempt may not write any more. */
  requireOwn(): Promise<void>;
}

interface ResultFile extends Pick<JobOutput, 'width' | 'height' | 'duration_seconds'> {
  readonly file: string;
  readonly contentType: string;
}

/** Longest time that every signer allows without a signature of its own expiring earlier is 7 days; a day is enough to fetch. */
const LINK_SECONDS = 24 * 3600;

/** Uploads everything and @returns it as the job object lists it: videos and posters, reports, references as the model was fed them. */
export async function deliver(delivery: Delivery): Promise<JobOutput[]> {
  const { results, jobId, outFolder, requireOwn } = delivery;
  const output: JobOutput[] = [];
  for (const { file, contentType, ...shape } of resultFiles(delivery)) {
    await requireOwn();
    const whole = path.join(outFolder, file);
    const key = resultKey(jobId, file);
    await results.put(key, { file: whole }, { contentType });
    const link = await results.presign(key, LINK_SECONDS);
    output.push({
      url: link?.url ?? null,
      key,
      content_type: contentType,
      size: (await stat(whole)).size,
      sha256: await sha256OfFile(whole),
      ...shape,
      expires_at: link?.expiresAt.toISOString() ?? null,
    });
  }
  return output;
}

/** Removes everything of a job that was erased while it ran. */
export async function deleteResults(results: ObjectStore, jobId: JobId): Promise<void> {
  for await (const { key } of results.list(resultKey(jobId, ''))) await results.delete(key);
}

function resultFiles({ files, references }: Pick<Delivery, 'files' | 'references'>): ResultFile[] {
  const noShape = { width: null, height: null, duration_seconds: null };
  return [
    ...files.map(({ file, contentType, width, height, durationSeconds }) => {
      return { file, contentType, width, height, duration_seconds: durationSeconds };
    }),
    { file: REPORT_JSON_FILE_NAME, contentType: 'application/json', ...noShape },
    { file: REPORT_HTML_FILE_NAME, contentType: 'text/html; charset=utf-8', ...noShape },
    // Last: where a webhook has no room for every link, these are the first to go without.
    ...references.flatMap(({ fed }) => {
      return fed
        ? [{ file: fed.file, contentType: 'image/png', width: fed.width, height: fed.height, duration_seconds: null }]
        : [];
    }),
  ];
}

/**
 * `mv2id results`: fetches what a job has made. Every file is checked against the sha256 in the job object before it takes its place
 * in the out folder; job.json comes last, so where there is one, the files are those it names.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Ports } from '../clients/ports';
import type { Job, JobOutput } from '../contract/job';
import { deliveredName, JOB_FILE_NAME, parseResultKey } from '../contract/keys';
import { sha256OfFile } from '../gpu-worker/file-hash';
import { byteText } from '../gpu-worker/memory';
import { ServiceError, UsageError } from './exit-code';
import { findJob } from './find-job';
import { timeText } from './job-text';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { earlierResult, putInPlace } from './put-in-place';
import { withService } from './service';
import type { Streams } from './streams';

export interface ResultsOptions extends ProfileOptions {
  readonly out?: string;
  readonly json?: boolean;
}

/** @throws UsageError when the job has no results, ServiceError. */
export async function runResults(job: string, options: ResultsOptions, { stdout }: Streams): Promise<void> {
  await withService(options, async ({ ports }) => {
    const found = await findJob(ports, job);
    const out = path.resolve(options.out ?? path.join('out', found.id));
    const files = await fetchResults(ports, found.job, out);
    if (options.json) {
      writeJson(stdout, found.job);
      return;
    }
    for (const { file, size } of files) stdout.write(`${path.relative(process.cwd(), file)}  ${byteText(size)}\n`);
  });
}

export interface FetchedFile {
  /** Absolute. */
  readonly file: string;
  readonly size: number;
}

/** All files of a job that succeeded, and its job.json. @throws UsageError, ServiceError. */
export async function fetchResults({ buckets }: Pick<Ports, 'buckets'>, job: Job, out: string): Promise<FetchedFile[]> {
  if (job.status !== 'succeeded') {
    const reason = job.error ? ` (${job.error.code}: ${job.error.message})` : '';
    throw new UsageError(`${job.id} must be a job that succeeded, got ${job.status}${reason}.`);
  }
  if (job.data_removed_at !== null) {
    const time = timeText(job.data_removed_at);
    throw new UsageError(
      `${job.id} must be a job whose results are kept, got one whose retention was over at ${time}.`,
    );
  }
  await earlierResult(out);
  await mkdir(out, { recursive: true });
  const workFolder = await mkdtemp(path.join(out, '.partial-'));
  try {
    const names: string[] = [];
    for (const output of job.output) names.push(await fetchOutput(buckets.results, output, workFolder));
    const jobText = `${JSON.stringify(job, null, 2)}\n`;
    await writeFile(path.join(workFolder, JOB_FILE_NAME), jobText);
    await putInPlace(workFolder, out, [...names, JOB_FILE_NAME]);
    const sizes = [...job.output.map(({ size }) => size), Buffer.byteLength(jobText)];
    return [...names, JOB_FILE_NAME].map((name, i) => ({ file: path.join(out, name), size: sizes[i]! }));
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/** @returns the file's name. */
async function fetchOutput(results: Ports['buckets']['results'], output: JobOutput, folder: string): Promise<string> {
  const name = parseResultKey(output.key)?.file;
  if (name === undefined || deliveredName(name) === null) {
    throw new ServiceError(`The key of an output must name a file of the job, got ${output.key}.`);
  }
  const file = path.join(folder, name);
  await mkdir(path.dirname(file), { recursive: true });
  if (!(await results.download(output.key, file))) {
    throw new UsageError(`${output.key} must be among the results, got nothing: they are kept for a limited time.`);
  }
  const sha256 = await sha256OfFile(file);
  if (sha256 !== output.sha256) {
    throw new ServiceError(`${output.key} must have sha256 ${output.sha256}, got ${sha256}.`);
  }
  return name;
}

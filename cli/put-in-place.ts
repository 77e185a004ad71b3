/** The files of a result, from the hidden folder in which they became complete into the out folder. */
import { mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { mustBe } from '../contract/field-error';
import { type Job, JobSchema } from '../contract/job';
import { deliveredName, JOB_FILE_NAME, parseResultKey, REFERENCES_FOLDER } from '../contract/keys';
import { UsageError } from './exit-code';

/**
 * What the out folder has of an earlier run: its job object; null where there is no job.json, or no folder.
 * @throws UsageError where job.json is something else, such as a set's own: a result must not take its place.
 */
export async function earlierResult(outFolder: string): Promise<Job | null> {
  const file = path.join(outFolder, JOB_FILE_NAME);
  const text = await readFile(file, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    return code === 'ENOENT' || code === 'ENOTDIR' ? null : '';
  });
  if (text === null) return null;
  const job = jobOf(text);
  if (job) return job;
  const rule = 'a folder of its own or of an earlier result';
  throw new UsageError(mustBe('--out', rule, `${outFolder} (its job.json is no job object)`).message);
}

/**
 * While the files change places there is no job.json, and it comes last: where there is one, the files are those it names. Of an
 * earlier result goes what its job.json names; anything else in the folder is somebody's own.
 * @param files names as the job object's keys have them, job.json among them: `references/1-front.png`.
 * @throws UsageError as earlierResult does.
 */
export async function putInPlace(workFolder: string, outFolder: string, files: readonly string[]): Promise<void> {
  const earlier = await earlierResult(outFolder);
  await rm(path.join(outFolder, JOB_FILE_NAME), { force: true });
  if (earlier) await removeOutputs(earlier, outFolder);
  for (const file of [...files.filter((name) => name !== JOB_FILE_NAME), JOB_FILE_NAME]) {
    await mkdir(path.dirname(path.join(outFolder, file)), { recursive: true });
    await rename(path.join(workFolder, file), path.join(outFolder, file));
  }
}

async function removeOutputs({ output }: Job, outFolder: string): Promise<void> {
  for (const { key } of output) {
    const file = parseResultKey(key)?.file;
    if (file !== undefined && deliveredName(file) !== null) await rm(path.join(outFolder, file), { force: true });
  }
  // Unless there is something else in it.
  await rmdir(path.join(outFolder, REFERENCES_FOLDER)).catch(() => {});
}

function jobOf(text: string): Job | null {
  try {
    return JobSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** The files of a result, from the hidden folder in which they became complete into the out folder. */
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { JOB_FILE_NAME, REFERENCES_FOLDER } from '../contract/keys';

/**
 * While the files change places there is no job.json, and it comes last: where there is one, the files are those it names.
 * @param files names as the job object's keys have them, job.json among them: `references/1-front.png`.
 */
export async function putInPlace(workFolder: string, outFolder: string, files: readonly string[]): Promise<void> {
  const jobFile = path.join(outFolder, JOB_FILE_NAME);
  const isResult = await stat(jobFile).then(
    () => true,
    () => false,
  );
  await rm(jobFile, { force: true });
  // Of an earlier result, whose references may bear other names. A folder beside no job.json is none of ours.
  if (isResult) await rm(path.join(outFolder, REFERENCES_FOLDER), { recursive: true, force: true });
  for (const file of [...files.filter((name) => name !== JOB_FILE_NAME), JOB_FILE_NAME]) {
    await mkdir(path.dirname(path.join(outFolder, file)), { recursive: true });
    await rename(path.join(workFolder, file), path.join(outFolder, file));
  }
}

/** The images of a set, fetched into a folder: exactly those that were validated. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type ObjectStore, ObjectTooLarge } from '../clients/object-store';
import { mustBe } from '../contract/field-error';
import type { JobRecord } from '../contract/job-record';
import { uploadKey } from '../contract/keys';
import { MAX_IMAGE_BYTES } from '../contract/limits';
import { JobRejected } from '../contract/rejection';

type ValidatedImage = JobRecord['images'][number];

/**
 * Writes every image of the set into `folder`, which it makes.
 * @throws JobRejected `invalid_image` for every image that is gone or is another one than was validated.
 */
export async function fetchReferences(
  uploads: Pick<ObjectStore, 'get'>,
  { job, images }: Pick<JobRecord, 'job' | 'images'>,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const errors = [];
  for (const [i, image] of images.entries()) {
    const key = uploadKey(job.tenant, job.set, image.file);
    const bytes = await readImage(uploads, key);
    const got = bytes instanceof Uint8Array ? differenceOf(bytes, image) : bytes;
    if (got === null) await writeFile(path.join(folder, image.file), bytes as Uint8Array);
    else errors.push(unlikeValidated(i, image, got));
  }
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_image', [first, ...rest]);
}

/** The bytes, or why there are none, in words. */
async function readImage(uploads: Pick<ObjectStore, 'get'>, key: string): Promise<Uint8Array | string> {
  try {
    const object = await uploads.get(key, { maxBytes: MAX_IMAGE_BYTES });
    return object?.body ?? 'no such file';
  } catch (error) {
    if (error instanceof ObjectTooLarge) return `a file of ${error.info.size} bytes`;
    throw error;
  }
}

function differenceOf(bytes: Uint8Array, image: ValidatedImage): string | null {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return sha256 === image.sha256 ? null : `a file with the SHA-256 ${sha256}`;
}

function unlikeValidated(i: number, { file, sha256 }: ValidatedImage, got: string) {
  const rule = `the file that was validated (${file}, SHA-256 ${sha256})`;
  return mustBe(`reference_set.images[${i}].file`, rule, got);
}

/** The faces of a set on this machine, judged by the rules and with the networks of validation. */
import type { AcceptableCode, Finding, ReferenceCheck } from '../contract/reference-check';
import { judgeReferences, rejectionOf } from '../faces/check/check-references';
import { type ImageToCheck, type ReadImage, readImage } from '../faces/check/read-image';
import { FaceReader } from '../faces/face-reader';
import type { FaceSettings } from '../faces/face-settings';
import type { ReferenceFolder } from './reference-folder';

export interface FaceCheck {
  readonly check: ReferenceCheck;
  /** What it was judged by, in the same order. */
  readonly read: readonly ReadImage[];
}

/**
 * @param accept codes of errors that the uploader knows of.
 * @param settings models in place of the built-in ones.
 * @throws FaceModelError when a model of the user's own is not what its settings say.
 */
export async function checkFaces(
  images: readonly ImageToCheck[],
  accept: readonly AcceptableCode[] = [],
  settings?: FaceSettings,
): Promise<FaceCheck> {
  const reader = await FaceReader.open(settings);
  try {
    const read: ReadImage[] = [];
    for (const image of images) read.push(await readImage(image, read.length, reader));
    return { check: judgeReferences(read, accept, reader), read };
  } finally {
    await reader.release();
  }
}

/**
 * @returns the findings that do not stop a job, without those that the uploader has accepted: they need not be told again.
 * @throws JobRejected `invalid_reference_set`, in the words of validation.
 */
export async function requireUsableFaces({ images, manifest }: ReferenceFolder): Promise<Finding[]> {
  const { check } = await checkFaces(images, manifest.reference_set.accept);
  const rejection = rejectionOf(check);
  if (rejection) throw rejection;
  return check.findings.filter(({ accepted }) => !accepted);
}

/** `mv2id check`: what validation would say of a set and of the faces in it, before anything is uploaded. */
import { mustBe } from '../contract/field-error';
import { MANIFEST_FILE_NAME } from '../contract/manifest';
import type { AcceptableCode } from '../contract/reference-check';
import { rejectionOf } from '../faces/check/check-references';
import type { ImageToCheck } from '../faces/check/read-image';
import { readFaceSettings } from '../faces/face-settings';
import { requireSheetName, writeCheckSheet } from './check-sheet';
import { checkLines, styleOf } from './check-text';
import { EXIT_USAGE, UsageError } from './exit-code';
import { checkFaces } from './face-check';
import { writeJson } from './json-line';
import { readLooseImages, readReferenceFolder } from './reference-folder';
import { setNameOf } from './set-name';
import type { Streams } from './streams';

export interface CheckOptions {
  readonly sheet?: string;
  readonly json?: boolean;
  readonly faces?: string;
}

/** @returns 0 for a set that can be used, with warnings or without; 64 for another. @throws JobRejected, UsageError. */
export async function runCheck(
  folder: string,
  { sheet, json, faces }: CheckOptions,
  { stdout, stderr }: Streams,
): Promise<number> {
  if (sheet !== undefined) requireSheetName(sheet);
  const settings = faces === undefined ? undefined : await readFaceSettings(faces);
  const { images, accept } = await readSet(folder, stderr);
  const faceCheck = await checkFaces(images, accept, settings);
  const { check, read } = faceCheck;
  if (json) writeJson(stdout, check);
  else for (const line of checkLines(check, read, styleOf(stdout))) stdout.write(`${line}\n`);
  if (sheet !== undefined) {
    await writeCheckSheet(sheet, setNameOf(folder), images, faceCheck);
    stderr.write(`Sheet: ${sheet}\n`);
  }
  return rejectionOf(check) ? EXIT_USAGE : 0;
}

interface SetToCheck {
  readonly images: readonly ImageToCheck[];
  readonly accept?: readonly AcceptableCode[];
}

/** The set of a job.json, or what a job.json could name. A webhook is taken as on one machine: it has no face. */
async function readSet(folder: string, stderr: Streams['stderr']): Promise<SetToCheck> {
  const loose = await readLooseImages(folder);
  if (loose === null) {
    const { manifest, images } = await readReferenceFolder(folder, { isLocal: true });
    return { images, accept: manifest.reference_set.accept };
  }
  if (loose.length === 0) {
    const rule = `with a ${MANIFEST_FILE_NAME}, or with PNG, JPEG or WebP images`;
    throw new UsageError(mustBe('set folder', `one ${rule}`, folder).message);
  }
  stderr.write(`No ${MANIFEST_FILE_NAME} in ${folder}: all ${loose.length} images are checked.\n`);
  return { images: loose };
}

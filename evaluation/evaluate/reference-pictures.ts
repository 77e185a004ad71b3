/** The pictures of a person that videos are compared with: a folder. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FaceReader } from '../../faces/face-reader';
import { readPixels } from '../../faces/pixels';
import { type ReferenceFace, readReferenceFace } from '../face-track';
import { type EvaluationFinding, fault, note } from './finding';

const PICTURE = /\.(jpe?g|png|webp)$/i;

export interface ReferencePictures {
  /** Those that can be read, by name. */
  readonly files: readonly string[];
  /** One for each of `files`. */
  readonly faces: readonly ReferenceFace[];
  readonly findings: readonly EvaluationFinding[];
}

/** Names of the pictures in a folder, in alphabetical order. @throws Error of the file system. */
export async function pictureNames(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => PICTURE.test(name) && !name.startsWith('.')).sort();
}

/** One picture after the other: memory holds what is compared, not the pictures. @throws Error of the file system. */
export async function readReferencePictures(reader: FaceReader, folder: string): Promise<ReferencePictures> {
  const files: string[] = [];
  const faces: ReferenceFace[] = [];
  const findings: EvaluationFinding[] = [];
  for (const name of await pictureNames(folder)) {
    const picture = await readPixels(path.join(folder, name)).catch((error: Error) => error);
    if (picture instanceof Error) {
      findings.push(fault('unreadable_picture', `${name} must be a whole picture, got: ${picture.message}.`));
      continue;
    }
    const face = await readReferenceFace(reader, picture);
    if (face.numFaces === 0) findings.push(note('reference_without_face', `${name} shows no face and is left out.`));
    if (face.numFaces > 1) {
      const message = `${name} shows ${face.numFaces} faces; the largest is taken.`;
      findings.push(note('reference_with_several_faces', message));
    }
    files.push(name);
    faces.push(face);
  }
  if (faces.every(({ face }) => face === null)) {
    findings.push(
      fault(
        'no_reference_face',
        `${path.basename(folder)} must hold a picture with a face, got ${files.length} without.`,
      ),
    );
  }
  return { files, faces, findings };
}

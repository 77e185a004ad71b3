/** Pictures of people, a folder for each, one at a time. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { FaceReader } from '../../faces/face-reader';
import { readPixels } from '../../faces/pixels';
import { pictureNames } from '../evaluate/reference-pictures';
import type { PersonPicture } from './calibration';

export interface LeftOut {
  /** Path below the folder of people. */
  readonly file: string;
  readonly reason: string;
}

export interface PeopleFolder {
  readonly pictures: readonly PersonPicture[];
  /** Pictures that do not show exactly one face, or cannot be read. */
  readonly leftOut: readonly LeftOut[];
}

/** @param onPicture after each, with their number so far and in all. @throws Error of the file system. */
export async function readPeople(
  reader: FaceReader,
  folder: string,
  onPicture: (done: number, total: number) => void = () => {},
): Promise<PeopleFolder> {
  const entries = await readdir(folder, { withFileTypes: true });
  const people = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const files: { person: string; name: string }[] = [];
  for (const person of people.sort()) {
    for (const name of await pictureNames(path.join(folder, person))) files.push({ person, name });
  }
  const pictures: PersonPicture[] = [];
  const leftOut: LeftOut[] = [];
  for (const [i, { person, name }] of files.entries()) {
    const found = await readPicture(reader, path.join(folder, person, name));
    if (typeof found === 'string') leftOut.push({ file: path.join(person, name), reason: found });
    else pictures.push({ person, ...found });
    onPicture(i + 1, files.length);
  }
  return { pictures, leftOut };
}

/** @returns why it is left out, where it is. */
async function readPicture(reader: FaceReader, file: string): Promise<Omit<PersonPicture, 'person'> | string> {
  const picture = await readPixels(file).catch((error: Error) => error);
  if (picture instanceof Error) return `cannot be read: ${picture.message}`;
  const readings = await reader.find(picture);
  const [face] = readings;
  if (!face?.embedding) return 'no face';
  return readings.length === 1 ? { embedding: face.embedding, yaw: face.pose.yaw } : `${readings.length} faces`;
}

/**
 * Which videos are compared with which pictures. A video alone is one case, compared with all pictures of the references folder. Of a
 * folder, every video is a case that is compared with the folder of its name in the references folder:
 *
 *   <folder>/<method>/<case>.mp4    or, of one method,    <folder>/<case>.mp4
 *   <references>/<case>/*.jpg
 */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { mustBe } from '../../contract/field-error';
import { UsageError } from '../exit-code';

export interface Case {
  readonly method: string;
  readonly name: string;
  readonly video: string;
  readonly references: string;
}

const VIDEO = /\.(mp4|m4v|mov|webm|mkv)$/i;

/** @returns by method, then by case, in alphabetical order. @throws UsageError */
export async function findCases(input: string, references: string): Promise<Case[]> {
  await requireFolder('--references', references);
  const status = await stat(input).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(mustBe('video', 'a video or a folder of videos', `${input} (${error.code})`).message);
  });
  if (!status.isDirectory()) {
    return [{ method: 'video', name: path.parse(input).name, video: input, references }];
  }
  const entries = await readdir(input, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  const flat = await casesOfMethod(input, path.basename(path.resolve(input)), references);
  const ofMethods = await Promise.all(
    folders.map(({ name }) => casesOfMethod(path.join(input, name), name, references)),
  );
  const nested = ofMethods.flat();
  if (flat.length > 0 && nested.length > 0) {
    const rule = 'a folder of videos, or of folders of videos';
    throw new UsageError(mustBe('video', rule, `${input} (${flat.length} beside ${nested.length} in folders)`).message);
  }
  const cases = flat.length > 0 ? flat : nested;
  if (cases.length === 0)
    throw new UsageError(mustBe('video', 'a video or a folder of videos', `${input} (none in it)`).message);
  for (const folder of new Set(cases.map((found) => found.references))) await requireFolder('--references', folder);
  return cases.sort((a, b) => compare(a.method, b.method) || compare(a.name, b.name));
}

async function casesOfMethod(folder: string, method: string, references: string): Promise<Case[]> {
  const names = (await readdir(folder)).filter((name) => VIDEO.test(name) && !name.startsWith('.'));
  const cases = names.map((file) => {
    const { name } = path.parse(file);
    return { method, name, video: path.join(folder, file), references: path.join(references, name) };
  });
  const [twice] = cases.filter(({ name }, i) => cases.findIndex((other) => other.name === name) !== i);
  if (!twice) return cases;
  throw new UsageError(mustBe('video', 'one video a case', `two of ${path.join(folder, twice.name)}`).message);
}

async function requireFolder(field: string, folder: string): Promise<void> {
  const status = await stat(folder).catch((error: NodeJS.ErrnoException) => String(error.code));
  if (typeof status === 'object' && status.isDirectory()) return;
  const got = typeof status === 'string' ? status : 'a file';
  throw new UsageError(mustBe(field, 'a folder of pictures', `${folder} (${got})`).message);
}

/** By code points: the same everywhere. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The profiles file, `{"profiles": {"prod": <profile>}}`: mv2id-profiles.json in the working directory, which a project keeps beside
 * its sets, or ~/.config/mv2id/profiles.json.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { fieldErrors } from '../contract/field-error';
import { UsageError } from './exit-code';

/** Where a command looks; the process's own unless a test says otherwise. */
export interface Surroundings {
  readonly workingDirectory: string;
  readonly userHome: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

export interface ProfilesFile {
  readonly file: string;
  /** Not judged yet: one that is wrong is told when it is used. */
  readonly profiles: Readonly<Record<string, unknown>>;
}

export const PROFILES_FILE_NAME = 'mv2id-profiles.json';

const ProfilesSchema = z.looseObject({ profiles: z.record(z.string(), z.unknown()) });

export function ofThisProcess(): Surroundings {
  return { workingDirectory: process.cwd(), userHome: process.env.HOME, env: process.env };
}

/** Those that are there, the nearest first. @throws UsageError for one that cannot be read. */
export async function readProfilesFiles(surroundings: Surroundings): Promise<ProfilesFile[]> {
  const files = await Promise.all(places(surroundings).map(readProfilesFile));
  return files.flatMap((found) => (found ? [{ file: found.file, profiles: found.content.profiles }] : []));
}

/**
 * Adds or replaces one profile, in one step; everything else in the file stays as it is. It goes into the nearest file that is there,
 * or else into the user's own.
 * @returns the file. @throws UsageError when a file cannot be read, or there is no home directory to write to.
 */
export async function writeProfile(surroundings: Surroundings, name: string, profile: object): Promise<string> {
  const all = places(surroundings);
  const found = await Promise.all(all.map(readProfilesFile));
  const nearest = found.find((file) => file !== null);
  const file = nearest?.file ?? all.at(-1)!;
  const content = nearest?.content ?? { profiles: {} };
  const changed = { ...content, profiles: { ...content.profiles, [name]: profile } };
  await replaceFile(file, `${JSON.stringify(changed, null, 2)}\n`);
  return file;
}

/** The nearest first. */
function places({ workingDirectory, userHome }: Surroundings): string[] {
  const near = path.join(workingDirectory, PROFILES_FILE_NAME);
  return userHome ? [near, path.join(userHome, '.config', 'mv2id', 'profiles.json')] : [near];
}

async function readProfilesFile(
  file: string,
): Promise<{ readonly file: string; readonly content: z.output<typeof ProfilesSchema> } | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new UsageError(`${file} must be a readable file, got ${code}.`);
  }
  const json = parseJson(file, text);
  const errors = fieldErrors(ProfilesSchema, json, 'the file');
  if (errors.length > 0) throw new UsageError(errors.map(({ message }) => `${file}: ${message}`).join(' '));
  return { file, content: json as z.output<typeof ProfilesSchema> };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} must be JSON, got ${(error as Error).message}.`);
  }
}

/** Whoever reads it meanwhile reads the old one or the new one. */
async function replaceFile(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}.partial`;
  try {
    await writeFile(partial, text, { flush: true });
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
}

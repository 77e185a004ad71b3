/**
 * `--profile`: which deployment a command works on. `local` is built in: the folder of `mv2id serve` on this machine. Every other
 * one stands in a profiles file, `{"profiles": {"prod": <deployment>}}`: mv2id-profiles.json in the working directory, which a
 * project keeps beside its sets, or ~/.config/mv2id/profiles.json.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { DEFAULT_HOME } from '../clients/local/home';
import { type Deployment, deploymentErrors } from '../contract/deployment';
import { PROFILE } from '../contract/env';
import { describe, type FieldError, fieldErrors } from '../contract/field-error';
import { UsageError } from './exit-code';

/** The options that every command of the service takes. */
export interface ProfileOptions {
  readonly profile?: string;
  readonly home?: string;
}

/** Where a command looks; the process's own unless a test says otherwise. */
export interface Surroundings {
  readonly workingDirectory: string;
  readonly userHome: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

export const LOCAL_PROFILE = 'local';
export const PROFILES_FILE_NAME = 'mv2id-profiles.json';

const ProfilesSchema = z.object({ profiles: z.record(z.string(), z.unknown()) });

interface ProfilesFile {
  readonly file: string;
  readonly profiles: Readonly<Record<string, unknown>>;
}

/** @throws UsageError when there is no such profile, or when it is no deployment. */
export async function findDeployment(
  options: ProfileOptions,
  surroundings: Surroundings = ofThisProcess(),
): Promise<Deployment> {
  const { workingDirectory, env } = surroundings;
  const name = options.profile ?? (env[PROFILE] || LOCAL_PROFILE);
  if (name === LOCAL_PROFILE) {
    return { type: 'local', home: path.resolve(workingDirectory, options.home ?? DEFAULT_HOME) };
  }
  if (options.home !== undefined) {
    throw new UsageError(`--home must be absent with another profile than ${LOCAL_PROFILE}, got ${options.home}.`);
  }
  const files = await readProfilesFiles(surroundings);
  const found = files.find(({ profiles }) => Object.hasOwn(profiles, name));
  if (!found) throw noSuchProfile(name, files);
  return parseProfile(found, name);
}

function ofThisProcess(): Surroundings {
  return { workingDirectory: process.cwd(), userHome: process.env.HOME, env: process.env };
}

/** The nearest first. */
async function readProfilesFiles({ workingDirectory, userHome }: Surroundings): Promise<ProfilesFile[]> {
  const places = [path.join(workingDirectory, PROFILES_FILE_NAME)];
  if (userHome) places.push(path.join(userHome, '.config', 'mv2id', 'profiles.json'));
  const files = await Promise.all(places.map(readProfilesFile));
  return files.filter((file) => file !== null);
}

async function readProfilesFile(file: string): Promise<ProfilesFile | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new UsageError(`${file} must be a readable file, got ${code}.`);
  }
  const json = parseJson(file, text);
  throwErrors(`${file}: `, fieldErrors(ProfilesSchema, json, 'the file'));
  return { file, profiles: (json as z.output<typeof ProfilesSchema>).profiles };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file} must be JSON, got ${(error as Error).message}.`);
  }
}

function parseProfile({ file, profiles }: ProfilesFile, name: string): Deployment {
  const value = profiles[name];
  throwErrors(`${file}: profiles.${name}: `, deploymentErrors(value, 'the deployment'));
  const deployment = value as Deployment;
  if (deployment.type !== 'local') return deployment;
  return { ...deployment, home: path.resolve(path.dirname(file), deployment.home) };
}

function throwErrors(where: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw new UsageError(errors.map(({ message }) => `${where}${message}`).join(' '));
}

function noSuchProfile(name: string, files: readonly ProfilesFile[]): UsageError {
  const names = [LOCAL_PROFILE, ...new Set(files.flatMap(({ profiles }) => Object.keys(profiles)))];
  const where = files.length === 0 ? `; there is no ${PROFILES_FILE_NAME}` : '';
  return new UsageError(`--profile must be one of ${names.join(', ')}${where}, got ${describe(name)}.`);
}

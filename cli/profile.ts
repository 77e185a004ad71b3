/**
 * `--profile`: which deployment a command works on. `local` is built in: the folder of `mv2id serve` on this machine. Every other one
 * stands in a profiles file: a deployment written out, or a stack, whose outputs say where its deployment lives.
 */
import path from 'node:path';
import { z } from 'zod';
import type { StackPlace } from '../clients/aws/stack-deployment';
import { DEFAULT_HOME } from '../clients/local/home';
import { AwsDeploymentSchema, type Deployment, DeploymentSchema, deploymentErrors } from '../contract/deployment';
import { PROFILE } from '../contract/env';
import { describe, type FieldError, fieldError, fieldErrors } from '../contract/field-error';
import { UsageError } from './exit-code';
import {
  ofThisProcess,
  PROFILES_FILE_NAME,
  type ProfilesFile,
  readProfilesFiles,
  type Surroundings,
} from './profiles-file';

/** The options that every command of the service takes. */
export interface ProfileOptions {
  readonly profile?: string;
  readonly home?: string;
}

export interface StackProfile extends StackPlace {
  readonly type: 'stack';
}

export type Profile = Deployment | StackProfile;

export const LOCAL_PROFILE = 'local';

/** Of CloudFormation: a name, or the ARN of a stack. */
const STACK_NAME = /^(?:[A-Za-z][A-Za-z0-9-]{0,127}|arn:[^ ]+)$/;

const { region, endpoint, endpoints, aws_profile } = AwsDeploymentSchema.shape;
const StackProfileSchema = z.strictObject({
  type: z.literal('stack'),
  region: region.regex(/^[a-z0-9-]+$/).meta({ rule: 'an AWS region, such as eu-central-1' }),
  stack: z.string().regex(STACK_NAME).meta({ rule: 'the name of a CloudFormation stack' }),
  endpoint,
  endpoints,
  aws_profile,
});

/** The deployment that the options mean. @throws UsageError when there is no such profile; StackUnusable when its stack does not stand. */
export async function findDeployment(
  options: ProfileOptions,
  surroundings: Surroundings = ofThisProcess(),
): Promise<Deployment> {
  const profile = await findProfile(options, surroundings);
  if (profile.type !== 'stack') return profile;
  // Loaded only when there is a stack to read.
  const {
    deploymentOfStack,
  }: typeof import('../clients/aws/stack-deployment') = require('../clients/aws/stack-deployment');
  return deploymentOfStack(profile);
}

/** What the options name, as it is written; asks nobody. @throws UsageError when there is no such profile, or when it is none. */
export async function findProfile(
  options: ProfileOptions,
  surroundings: Surroundings = ofThisProcess(),
): Promise<Profile> {
  const { workingDirectory } = surroundings;
  const name = profileName(options, surroundings);
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

/** The name that options or environment give; `local` otherwise. */
export function profileName({ profile }: ProfileOptions, { env }: Pick<Surroundings, 'env'> = process): string {
  return profile ?? (env[PROFILE] || LOCAL_PROFILE);
}

/** Every field that is wrong, or an empty list. @param root name of the value in messages. */
export function profileErrors(value: unknown, root: string): FieldError[] {
  const asked = z.looseObject({ type: z.unknown() }).safeParse(value).data?.type;
  if (asked === 'stack') return fieldErrors(StackProfileSchema, value, root);
  const types = DeploymentSchema.options.map(({ shape }) => shape.type.value);
  if (types.some((type) => type === asked)) return deploymentErrors(value, root);
  const rule = `one of ${['stack', ...types].map((type) => JSON.stringify(type)).join(', ')}`;
  return [fieldError('type', rule, asked)];
}

function parseProfile({ file, profiles }: ProfilesFile, name: string): Profile {
  const value = profiles[name];
  const errors = profileErrors(value, 'the profile');
  if (errors.length > 0) {
    throw new UsageError(errors.map(({ message }) => `${file}: profiles.${name}: ${message}`).join(' '));
  }
  const profile = value as Profile;
  if (profile.type !== 'local') return profile;
  return { ...profile, home: path.resolve(path.dirname(file), profile.home) };
}

function noSuchProfile(name: string, files: readonly ProfilesFile[]): UsageError {
  const names = [LOCAL_PROFILE, ...new Set(files.flatMap(({ profiles }) => Object.keys(profiles)))];
  const where = files.length === 0 ? `; there is no ${PROFILES_FILE_NAME}` : '';
  return new UsageError(`--profile must be one of ${names.join(', ')}${where}, got ${describe(name)}.`);
}

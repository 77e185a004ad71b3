/** `mv2id profile add`: writes down which stack a name stands for. */
import { isDeepStrictEqual } from 'node:util';
import { describe } from '../../contract/field-error';
import { UsageError } from '../exit-code';
import { LOCAL_PROFILE, profileErrors } from '../profile';
import { ofThisProcess, readProfilesFiles, type Surroundings, writeProfile } from '../profiles-file';
import type { Streams } from '../streams';

export interface AddProfileOptions {
  readonly stack: string;
  readonly region?: string;
  readonly awsProfile?: string;
  readonly endpoint?: string;
  readonly force?: boolean;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Asks nobody: the stack may be deployed later. @throws UsageError */
export async function addProfile(
  name: string,
  options: AddProfileOptions,
  { stdout }: Pick<Streams, 'stdout'>,
  surroundings: Surroundings = ofThisProcess(),
): Promise<void> {
  if (!NAME.test(name) || name === LOCAL_PROFILE) {
    const rule = `letters, digits, ".", "_" and "-", at most 64, and not ${LOCAL_PROFILE}`;
    throw new UsageError(`<name> must be ${rule}, got ${describe(name)}.`);
  }
  const profile = stackProfile(options, surroundings.env);
  await requireFree(name, profile, options.force === true, surroundings);
  const file = await writeProfile(surroundings, name, profile);
  stdout.write(`${file}: ${name} is the stack ${profile.stack} in ${profile.region}.\n`);
  stdout.write(`Look whether all is ready: mv2id deploy-check --profile ${name}\n`);
}

function stackProfile({ stack, region, awsProfile, endpoint }: AddProfileOptions, env: NodeJS.ProcessEnv) {
  const profile = {
    type: 'stack',
    region: region ?? env.AWS_REGION ?? env.AWS_DEFAULT_REGION,
    stack,
    ...(awsProfile !== undefined && { aws_profile: awsProfile }),
    ...(endpoint !== undefined && { endpoint }),
  } as const;
  const errors = profileErrors(profile, 'the profile');
  if (errors.length > 0) throw new UsageError(errors.map(({ message }) => `--${message}`).join(' '));
  return profile;
}

/** The nearest file that names it is the one that counts. */
async function requireFree(name: string, profile: object, force: boolean, surroundings: Surroundings): Promise<void> {
  const files = await readProfilesFiles(surroundings);
  const holder = files.find(({ profiles }) => Object.hasOwn(profiles, name));
  if (!holder || force || isDeepStrictEqual(holder.profiles[name], profile)) return;
  throw new UsageError(
    `<name> must be new, got ${describe(name)}, which ${holder.file} has already: --force replaces it.`,
  );
}

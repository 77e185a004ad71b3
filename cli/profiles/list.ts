/** `mv2id profile list` and `show`: which names there are, and what one stands for. */
import { writeJson } from '../json-line';
import { findDeployment, LOCAL_PROFILE, type ProfileOptions, profileErrors, profileName } from '../profile';
import { ofThisProcess, readProfilesFiles, type Surroundings } from '../profiles-file';
import type { Streams } from '../streams';
import { textTable } from '../text-table';

type Stdout = Pick<Streams, 'stdout'>;

/** The one that a command would take now is marked. */
export async function listProfiles(
  options: ProfileOptions,
  { stdout }: Stdout,
  surroundings: Surroundings = ofThisProcess(),
): Promise<void> {
  const chosen = profileName(options, surroundings);
  const rows = [['local', 'this machine', 'built in']];
  for (const { file, profiles } of await readProfilesFiles(surroundings)) {
    for (const [name, profile] of Object.entries(profiles)) {
      if (!rows.some(([known]) => known === name)) rows.push([name, summary(profile), file]);
    }
  }
  const marked = rows.map(([name = '', ...rest]) => [name === chosen ? '*' : '', name, ...rest]);
  for (const line of textTable([['', 'NAME', 'DEPLOYMENT', 'FILE'], ...marked])) stdout.write(`${line}\n`);
}

/** The whole deployment, of a stack as its outputs are now. @throws UsageError, StackUnusable */
export async function showProfile(
  name: string | undefined,
  options: ProfileOptions,
  { stdout }: Stdout,
  surroundings: Surroundings = ofThisProcess(),
): Promise<void> {
  const profile = name ?? profileName(options, surroundings);
  const home = profile === LOCAL_PROFILE ? options.home : undefined;
  writeJson(stdout, await findDeployment({ profile, ...(home !== undefined && { home }) }, surroundings));
}

function summary(profile: unknown): string {
  const [error] = profileErrors(profile, 'the profile');
  if (error) return `not usable: ${error.message}`;
  const { type, home, region, stack } = profile as Readonly<Record<string, string>>;
  if (type === 'local') return home ?? '';
  return type === 'stack' ? `stack ${stack} in ${region}` : `written out, in ${region}`;
}

/** The `mv2id profile` commands: their arguments. */
import type { Command } from 'commander';
import type { ProfileOptions } from './profile';
import { type AddProfileOptions, addProfile } from './profiles/add';
import { listProfiles, showProfile } from './profiles/list';
import type { Streams } from './streams';

/** Adds `profile` and its commands to `program`. */
export function addProfileCommands(program: Command, streams: Streams): void {
  const profile = program.command('profile').description('Names of deployments, for --profile.');
  profile
    .command('add')
    .description('Name a stack; its outputs are read whenever the name is used.')
    .argument('<name>')
    .requiredOption('--stack <name>', 'of the CloudFormation stack')
    .option('--region <region>', 'where it is (default: $AWS_REGION)')
    .option('--aws-profile <name>', 'profile of ~/.aws whose credentials are used')
    .option('--endpoint <url>', 'another endpoint for every service, for emulators')
    .option('--force', 'replace a profile of this name')
    .action((name: string, options: AddProfileOptions) => addProfile(name, options, streams));
  profile
    .command('list')
    .description('All names, and what they stand for.')
    .action(() => listProfiles(program.opts<ProfileOptions>(), streams));
  profile
    .command('show')
    .description('The deployment that a name stands for, as JSON.')
    .argument('[name]')
    .action((name: string | undefined) => showProfile(name, program.opts<ProfileOptions>(), streams));
}

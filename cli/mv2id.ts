/** The `mv2id` command: arguments in, exit code out. What a command does stands in the file of its name. */
import { Command, CommanderError, Option } from 'commander';
import * as limits from '../contract/limits';
import { type CheckOptions, runCheck } from './check';
import { DTYPES } from './dtypes';
import { addEvaluateCommands } from './evaluate-commands';
import { EXIT_USAGE, endingOf } from './exit-code';
import { type GenerateOptions, runGenerate } from './generate';
import { addModelCommands } from './model-commands';
import type { ProfileOptions } from './profile';
import { addProfileCommands } from './profile-commands';
import { PROVIDERS } from './providers';
import { withService } from './service';
import { addServiceCommands } from './service-commands';
import type { Streams } from './streams';
import { addTrainCommands } from './train-commands';
import { addWebhookCommands } from './webhooks';
import { MAX_THREADS, wholeNumber } from './whole-number';

/** Runs one command line (without node and script) and returns its exit code. */
export async function runCommand(args: readonly string[], streams: Streams): Promise<number> {
  const program = new Command('mv2id');
  let exitCode = 0;
  addCommands(program, streams, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has printed its line already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    const ending = endingOf(error);
    for (const line of ending.lines) streams.stderr.write(`mv2id: ${line}\n`);
    if (process.env.MV2ID_DEBUG) streams.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    return ending.exitCode;
  }
}

function addCommands(program: Command, streams: Streams, setExitCode: (code: number) => void): void {
  program
    .description('Identity-consistent video of a person at large facial angles, from several photos.')
    .option('--profile <name>', 'the deployment to work on (default: $MV2ID_PROFILE, or local: this machine)')
    .option('--home <dir>', 'folder of the local deployment (default: mv2id-data)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'mv2id: ')),
    });
  program
    .command('generate')
    .description('Make the video of a reference set: a folder with a job.json and the images it names.')
    .argument('<set folder>')
    .option('--model <dir>', 'model directory in the diffusers layout (default: models/<model of job.json>)')
    .option('--out <dir>', 'where the results go (default: out/<name of the set folder>)')
    .option('--seed <n>', 'in place of input.seed', wholeNumber('--seed', 0, limits.MAX_SEED))
    .option('--steps <n>', 'in place of input.steps', wholeNumber('--steps', limits.MIN_STEPS, limits.MAX_STEPS))
    .option('--noise <file>', 'start from this noise (.safetensors or .npy) in place of the seed')
    .addOption(new Option('--provider <name>', 'what the networks run on').choices(PROVIDERS).default('cpu'))
    .addOption(new Option('--dtype <name>', 'what the networks compute in').choices(DTYPES))
    .option('--threads <n>', 'threads of an operator', wholeNumber('--threads', 1, MAX_THREADS))
    .action((setFolder: string, options: GenerateOptions) => runGenerate(setFolder, options, streams));
  program
    .command('check')
    .description('Judge the photos of a set by the faces in them, as the service would. Exit code 0 when it is usable.')
    .argument('<set folder>', 'with a job.json, or with images alone')
    .option('--sheet <file>', 'write a contact sheet, a .png or .jpg, with what was found')
    .option('--faces <file>', 'a faces.json: other models to look with')
    .option('--json', 'print the check as the job object has it (docs/reference-check.md)')
    .action(async (setFolder: string, options: CheckOptions) =>
      setExitCode(await runCheck(setFolder, options, streams)),
    );
  addEvaluateCommands(program, streams, setExitCode);
  addModelCommands(program, streams, setExitCode);
  addServiceCommands(program, streams, setExitCode);
  addProfileCommands(program, streams);
  addTrainCommands(program, streams);
  addWebhookCommands(program, {
    streams,
    withPorts: (run) => withService(program.opts<ProfileOptions>(), ({ ports }) => run(ports)),
  });
}

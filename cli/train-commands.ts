/** The `mv2id train` commands: their arguments. What each does stands in train/. */
import type { Command } from 'commander';
import type { ProfileOptions } from './profile';
import type { Streams } from './streams';
import { runTrainCancel, runTrainStatus, type TrainStatusOptions } from './train/status';
import { runTrainSubmit, type TrainSubmitOptions } from './train/submit';
import { wholeNumber } from './whole-number';

const MAX_NODES = 64;
const RUN_ARGUMENT = ['<run>', 'its name'] as const;

/** Adds `train` and its commands to `program`. */
export function addTrainCommands(program: Command, streams: Streams): void {
  const train = program.command('train').description('Train a model on the stack: see docs/training.md.');
  train
    .command('submit')
    .description('Start a run, or let it go on from its checkpoint. Its model ends up in the models bucket.')
    .argument('<config>', 'a JSON file, such as training/config/mv2id-tiny.json')
    .option('--name <run>', 'of the run (default: of the config file)')
    .option('--nodes <n>', 'machines (default: training.max_nodes)', wholeNumber('--nodes', 1, MAX_NODES))
    .option('--json', 'print the run and its Batch job as JSON')
    .action((config: string, _options: unknown, command: Command) =>
      runTrainSubmit(config, command.optsWithGlobals<TrainSubmitOptions>(), streams),
    );
  train
    .command('status')
    .description('How far a run is.')
    .argument(...RUN_ARGUMENT)
    .option('--json', 'print it as JSON')
    .action((run: string, _options: unknown, command: Command) =>
      runTrainStatus(run, command.optsWithGlobals<TrainStatusOptions>(), streams),
    );
  train
    .command('cancel')
    .description('Stop a run. Its last checkpoint stays.')
    .argument(...RUN_ARGUMENT)
    .action((run: string, _options: unknown, command: Command) =>
      runTrainCancel(run, command.optsWithGlobals<ProfileOptions>(), streams),
    );
}

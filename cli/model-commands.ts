/** The `mv2id model` commands: their arguments. What each does stands in the file of its name in model/. */
import { type Command, Option } from 'commander';
import * as limits from '../contract/limits';
import { DTYPES } from './dtypes';
import { finiteNumber } from './finite-number';
import { type InspectOptions, runInspect } from './model/inspect';
import { type ListModelsOptions, runListModels } from './model/list';
import { EXPERTS, type MergeLoraOptions, runMergeLora } from './model/merge-lora';
import { type PushOptions, runPush } from './model/push';
import { type RemoveModelOptions, runRemoveModel } from './model/remove';
import type { Streams } from './streams';
import { wholeNumber } from './whole-number';

/** Adds `model` and its commands to `program`. */
export function addModelCommands(program: Command, streams: Streams, setExitCode: (code: number) => void): void {
  const model = program
    .command('model')
    .description('Model directories: look into them, bring them into a deployment.');
  model
    .command('inspect')
    .description('What a model directory holds, the memory it needs, and whether it can be used; loads no weights.')
    .argument('<dir>')
    .option('--width <n>', 'for the memory', wholeNumber('--width', limits.MIN_SIDE, limits.MAX_SIDE))
    .option('--height <n>', 'for the memory', wholeNumber('--height', limits.MIN_SIDE, limits.MAX_SIDE))
    .option('--frames <n>', 'for the memory', wholeNumber('--frames', limits.MIN_NUM_FRAMES, limits.MAX_NUM_FRAMES))
    .option('--references <n>', 'for the memory', wholeNumber('--references', 1, limits.MAX_REFERENCE_IMAGES))
    .addOption(new Option('--dtype <name>', 'what the networks compute in').choices(DTYPES).default('float32'))
    .action(async (dir: string, options: InspectOptions) => setExitCode(await runInspect(dir, options, streams)));
  model
    .command('merge-lora')
    .description('A model directory with a LoRA merged into its weights, as a new model directory.')
    .argument('<dir>')
    .argument('<lora>', 'a safetensors file, or the folder that holds one')
    .argument('<out>', 'a new folder')
    .addOption(
      new Option('--expert <name>', 'the transformer that the LoRA is for').choices(EXPERTS).default('transformer'),
    )
    .option('--scale <x>', 'multiplies the scale of the LoRA itself', finiteNumber('--scale'), 1)
    .action((dir: string, lora: string, out: string, options: MergeLoraOptions) =>
      runMergeLora(dir, lora, out, options, streams),
    );
  model
    .command('push')
    .description('Bring a model directory into the models bucket. Interrupted, the same command goes on from there.')
    .argument('<dir>')
    .option('--as <model id>', 'what jobs call it (default: name of the directory, in lower case)')
    .option('--replace', 'in place of another model of this id')
    .option('--dry-run', 'only look and compare; send nothing')
    .option('--json', 'print what was done as JSON')
    .action(async (dir: string, _options: unknown, command: Command) =>
      setExitCode(await runPush(dir, command.optsWithGlobals<PushOptions>(), streams)),
    );
  model
    .command('list')
    .description('The models in the models bucket.')
    .option('--json', 'print them as JSON')
    .action((_options: unknown, command: Command) =>
      runListModels(command.optsWithGlobals<ListModelsOptions>(), streams),
    );
  model
    .command('remove')
    .description('Take a model out of the models bucket.')
    .argument('<model id>')
    .option('--force', 'also while jobs wait for it: they fail')
    .action((id: string, _options: unknown, command: Command) =>
      runRemoveModel(id, command.optsWithGlobals<RemoveModelOptions>(), streams),
    );
}

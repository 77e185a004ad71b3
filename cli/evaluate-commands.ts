/** `mv2id evaluate` and the `mv2id faces` commands: their arguments. */
import type { Command } from 'commander';
import { type EvaluateOptions, runEvaluate } from './evaluate';
import { type CalibrateOptions, runCalibrate } from './faces/calibrate';
import type { Streams } from './streams';
import { MAX_THREADS, wholeNumber } from './whole-number';

const FACES = "faces.json with detector and embedder of one's own (default: the built-in ones)";

/** Adds both to `program`. */
export function addEvaluateCommands(program: Command, streams: Streams, setExitCode: (code: number) => void): void {
  const threads = wholeNumber('--threads', 1, MAX_THREADS);
  program
    .command('evaluate')
    .description('Measure identity and motion of videos: one, a folder of cases, or a folder of methods with cases.')
    .argument('<video or folder>')
    .requiredOption('--references <folder>', 'pictures of the person; of a folder, a folder of pictures for each case')
    .option('--faces <file>', FACES)
    .option('--out <dir>', 'write evaluation.json, evaluation.csv and the figures of every frame there')
    .option('--json', 'print the evaluation as JSON')
    .option('--threads <n>', 'threads of an operator', threads, 1)
    .action(async (input: string, options: EvaluateOptions) => setExitCode(await runEvaluate(input, options, streams)));
  program
    .command('faces')
    .description('Models that look at faces.')
    .command('calibrate')
    .description("How well people are told apart, and thresholds for it, from one's own pictures.")
    .argument('<folder of people>', 'a folder of pictures for each person')
    .option('--faces <file>', FACES)
    .option('--json', 'print the figures as JSON')
    .option('--threads <n>', 'threads of an operator', threads, 1)
    .action((folder: string, options: CalibrateOptions) => runCalibrate(folder, options, streams));
}

/**
 * The container's program: every part of the worker in one file.
 *
 *   node worker.js          runs the job that the environment names
 *   node worker.js check    proves that this machine can: see ../start-check.ts
 *
 * It starts itself again as the process that the parent waits for (`job`) and as the thread that generates. Each part loads its own
 * modules only.
 */
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { FACE_MODELS } from '../../contract/env';

const WRONG_USE = 64;

// Beside this file, and not where the sources have them. Child processes and threads inherit it.
process.env[FACE_MODELS] ??= path.join(__dirname, 'models/faces');

const [, , part, ...args] = process.argv;
if (!isMainThread) {
  require('../generate-thread');
} else if (part === undefined) {
  const {
    supervise,
  }: { supervise(program: string, args: string[], execArgv: string[]): void } = require('../supervise');
  supervise(__filename, ['job'], []);
} else if (part === 'job' && args.length === 0) {
  require('../main');
} else if (part === 'check') {
  require('../check');
} else {
  process.stderr.write(`The command must be check, or none to run a job, got ${process.argv.slice(2).join(' ')}.\n`);
  process.exitCode = WRONG_USE;
}

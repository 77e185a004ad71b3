/**
 * The parent of the worker's process: starts it, hands signals on, and ends with the exit code that it is told: see main.ts. A worker
 * that dies untold was killed: after a signal of ours it is to run again, else by the system, for its memory.
 *
 * JavaScript, so that nothing has to be compiled before a signal can be heard.
 */
const { fork } = require('node:child_process');

const RETRY = 75;
const SIGNAL_BASE = 128;
const SIGKILL = 9;

/**
 * @param {string} program
 * @param {readonly string[]} args
 * @param {readonly string[]} execArgv options of Node for it
 */
exports.supervise = (program, args, execArgv) => {
  const worker = fork(program, args, { execArgv });
  let told;
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      isStopping = true;
      worker.kill(signal);
    });
  }
  worker.on('message', ({ exitCode }) => {
    told = exitCode;
  });
  worker.on('exit', (code) => process.exit(told ?? (isStopping ? RETRY : (code ?? SIGNAL_BASE + SIGKILL))));
};

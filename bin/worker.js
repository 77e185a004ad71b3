#!/usr/bin/env node
// Starts the worker, hands signals on, and ends with the exit code that it is told: see gpu-worker/main.ts. A worker that dies
// untold was killed: after a signal of ours it is to run again, else by the system, for its memory.
const { fork } = require('node:child_process');
const path = require('node:path');

const RETRY = 75;
const SIGNAL_BASE = 128;
const SIGKILL = 9;

const worker = fork(path.join(__dirname, '../gpu-worker/main.ts'), process.argv.slice(2), {
  execArgv: ['--require', require.resolve('tsx/cjs')],
});

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

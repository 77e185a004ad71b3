#!/usr/bin/env node
// Starts the worker from its sources (gpu-worker/main.ts), or with `check` the proof that this machine can run one. The container's
// worker.js does the same from one bundled file: gpu-worker/image/entry.ts.
const path = require('node:path');
const { supervise } = require('../gpu-worker/supervise');

const part = process.argv[2] === 'check' ? 'check' : 'main';
supervise(path.join(__dirname, `../gpu-worker/${part}.ts`), process.argv.slice(2), [
  '--require',
  require.resolve('./typescript'),
]);

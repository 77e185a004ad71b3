// Lets Node load our sources as they are: `node --require <this file> <file.ts>`, and the programs beside it. tsx strips their types.
// Packages are JavaScript already; that tsx looks through every file of theirs, too, costs a process a third of its start.
const Module = require('node:module');

const loadJavaScript = Module._extensions['.js'];
require('tsx/cjs');
Module._extensions['.js'] = loadJavaScript;

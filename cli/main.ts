/** The process behind bin/mv2id.js. */
import { runCommand } from './mv2id';

// Who reads only the first lines (`mv2id list | head`) closes the pipe: there is nobody left to write to, and nothing went wrong.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

void runCommand(process.argv.slice(2), process).then((exitCode) => {
  process.exitCode = exitCode;
});

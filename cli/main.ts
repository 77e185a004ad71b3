/** The process behind bin/mv2id.js. */
import { runCommand } from './mv2id';

void runCommand(process.argv.slice(2), process).then((exitCode) => {
  process.exitCode = exitCode;
});

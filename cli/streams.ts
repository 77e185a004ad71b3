/** Where a command writes: results to stdout, progress and errors to stderr. */
import type { ProgressOutput } from './progress';

export interface Streams {
  readonly stdout: ProgressOutput;
  readonly stderr: ProgressOutput;
}

/**
 * The worker's own check of its provider, before a job's files are fetched: a host whose GPU does not work is found in seconds, and
 * the job runs on another. It happens in a process of its own, because a broken driver hangs or crashes whoever asks it, and what it
 * had taken of the GPU's memory must be free again when the job begins.
 */
import { fork } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { ProviderError } from './errors';
import type { WorkerLog } from './log';
import { type PartProgram, programOf } from './part';
import type { Provider } from './session';
import type { CheckName, CheckResult } from './start-check';

export interface ProviderCheckOptions {
  readonly log: WorkerLog;
  /** Gives up the check. */
  readonly stop: AbortSignal;
  /** What checks; this worker's own unless given. */
  readonly program?: PartProgram;
  /** A driver that hangs is no driver; 120 unless given: the first use of a GPU after the host's start takes tens of seconds. */
  readonly timeoutSeconds?: number;
}

const NAMES: readonly CheckName[] = ['versions', 'gpu', 'cuda_libraries', 'provider'];
const TIMEOUT_SECONDS = 120;

/** @throws ProviderError saying what does not work; the log has what does. */
export async function requireProvider(
  provider: Provider,
  { log, stop, program = programOf('check'), timeoutSeconds = TIMEOUT_SECONDS }: ProviderCheckOptions,
): Promise<void> {
  const child = fork(program.file, [...program.args, ...NAMES], {
    execArgv: [...program.execArgv],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let isLate = false;
  const kill = () => child.kill('SIGKILL');
  const timer = setTimeout(() => {
    isLate = true;
    kill();
  }, timeoutSeconds * 1000);
  stop.addEventListener('abort', kill);
  try {
    const ended = new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    const [output, ending] = await Promise.all([text(child.stdout!), ended]);
    const results = parseResults(output);
    log('The start-up check', Object.fromEntries(results.map(({ check, ...details }) => [check, details])));
    const failures = results.filter(({ ok }) => !ok);
    if (failures.length > 0) throw new ProviderError(failures.map(({ error }) => error).join(' '));
    // Its lines count, not its end: drivers have been seen to crash a process that is done.
    if (results.length < NAMES.length) {
      const got = isLate ? `nothing after ${timeoutSeconds} seconds` : ending;
      throw new ProviderError(`The start-up check of ${provider} must come to its end, got ${got}.`);
    }
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', kill);
  }
}

function parseResults(output: string): CheckResult[] {
  // A line that the end cut off is none.
  const lines = output.split('\n').slice(0, -1);
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as CheckResult);
}

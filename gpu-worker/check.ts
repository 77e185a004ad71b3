/**
 * `node worker.js check [name ...]`: runs the start-up check, or the named parts of it, and prints one JSON object a line. Ends with 0,
 * or with 70 when something is wrong. The worker runs the parts about its provider so before each job: see provider-check.ts.
 */
import { tmpdir } from 'node:os';
import * as env from '../contract/env';
import { WORKER_DONE, WORKER_INTERNAL } from '../contract/worker-exit';
import { readProvider } from './job-defaults';
import { CHECK_NAMES, type CheckName, startCheck } from './start-check';

/** The bundled program is told its part first. */
const names = process.argv.slice(2).filter((name, index) => index > 0 || name !== 'check');

if (process.send) {
  // Whoever waited for the answer is gone. The channel itself is no reason to live on.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel?.unref();
}

void run();

async function run(): Promise<void> {
  process.exitCode = WORKER_DONE;
  try {
    const results = startCheck(
      {
        provider: readProvider(process.env),
        modelCache: process.env[env.MODEL_CACHE] || undefined,
        instanceFile: process.env[env.INSTANCE] || undefined,
        workRoot: tmpdir(),
      },
      parseNames(names),
    );
    for await (const result of results) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
      if (!result.ok) process.exitCode = WORKER_INTERNAL;
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = WORKER_INTERNAL;
  }
}

function parseNames(given: readonly string[]): readonly CheckName[] {
  if (given.length === 0) return CHECK_NAMES;
  return given.map((name) => {
    const known = CHECK_NAMES.find((check) => check === name);
    if (!known) throw new Error(`A check must be one of ${CHECK_NAMES.join(', ')}, got ${name}.`);
    return known;
  });
}

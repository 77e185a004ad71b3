/**
 * The worker's process: reads its environment, runs its one job, and ends with the code that tells Batch what to do next.
 *
 * It is started by bin/worker.js, which waits for it and hands signals on. The code goes to that parent as a message, and this
 * process then kills itself: a process cannot exit while its generating thread is inside the runtime, which may be for minutes.
 */
import { tmpdir } from 'node:os';
import { JobLedger } from '../clients/job-ledger';
import { openPorts } from '../clients/open-ports';
import { parseDeployment } from '../contract/deployment';
import * as env from '../contract/env';
import { JobIdSchema } from '../contract/job';
import { WORKER_INTERNAL, WORKER_RETRY } from '../contract/worker-exit';
import { readProvider } from './job-defaults';
import { openLog } from './log';
import { readPlace, THIS_MACHINE } from './place';
import { credentialsFromEnv } from './provenance/credentials-from-env';
import { requireProvider } from './provider-check';
import type { Provider } from './session';
import { runJob, type WorkerExit } from './worker';

interface Settings {
  readonly deployment: ReturnType<typeof parseDeployment>;
  readonly jobId: ReturnType<typeof JobIdSchema.parse>;
  readonly batchJobId: string;
  readonly batchAttempt: number | undefined;
  readonly instanceFile: string | undefined;
  readonly provider: Provider;
  readonly modelCache: string;
  readonly numThreads: number | undefined;
  readonly checkpointSeconds: number | undefined;
}

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
// Whoever waited for this process is gone: Batch has let go of it, and nobody would hand a signal on.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

void run().then(end);

async function run(): Promise<WorkerExit> {
  let log = openLog({});
  try {
    const { deployment, instanceFile, ...settings } = readSettings(process.env);
    log = openLog({ job_id: settings.jobId, batch_job_id: settings.batchJobId });
    const credentials = await credentialsFromEnv();
    const ports = await openPorts(deployment);
    const exit = await runJob({
      ...settings,
      ports,
      ledger: new JobLedger(ports),
      place: deployment.type === 'local' ? THIS_MACHINE : await readPlace(instanceFile, log),
      workRoot: tmpdir(),
      stop: stop.signal,
      log,
      // The CPU is there; whether a GPU works is another matter.
      checkProvider: async () => {
        if (settings.provider !== 'cpu') await requireProvider(settings.provider, { log, stop: stop.signal });
      },
      ...(credentials && { credentials }),
    });
    // After a stop something may still be under way, and whatever it holds goes with the process.
    if (exit !== WORKER_RETRY) await ports.close();
    return exit;
  } catch (error) {
    log('The worker cannot run', { error: String(error), stack: (error as Error).stack });
    return WORKER_INTERNAL;
  }
}

/** @throws Error naming the variable that is missing or wrong. */
function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const required = (name: string) => env.requireEnv(name, environment);
  return {
    deployment: parseDeployment(parseJson(env.DEPLOYMENT, required(env.DEPLOYMENT)), env.DEPLOYMENT),
    jobId: JobIdSchema.parse(required(env.JOB_ID)),
    batchJobId: required(env.BATCH_JOB_ID),
    batchAttempt: wholeNumber(environment, env.BATCH_JOB_ATTEMPT, 1),
    instanceFile: environment[env.INSTANCE] || undefined,
    provider: readProvider(environment),
    modelCache: required(env.MODEL_CACHE),
    numThreads: wholeNumber(environment, env.THREADS, 1),
    checkpointSeconds: wholeNumber(environment, env.CHECKPOINT_SECONDS, 0),
  };
}

/** A whole number from `least`, or undefined where the variable is not set. */
function wholeNumber(environment: NodeJS.ProcessEnv, name: string, least: number): number | undefined {
  const text = environment[name];
  if (!text) return undefined;
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`${name} must be a whole number from ${least}, got ${text}.`);
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${name} must be JSON, got something else.`);
  }
}

function end(exitCode: WorkerExit): void {
  if (!process.send) process.exit(exitCode);
  process.send({ exitCode }, () => process.kill(process.pid, 'SIGKILL'));
}

/**
 * A worker as a child process. It gets its own process group, so that Ctrl-C in the terminal reaches `serve` alone, which then lets
 * the worker save its progress; and its output goes straight to a file, so that it can outlive a `serve` that was killed.
 *
 * Which processes an earlier `serve` left is read from their environment: it names the Batch job, so neither a reused process id
 * nor a `serve` killed before it could note one leads astray.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { LocalBatchJob } from '../clients/local/batch-store';
import type { LocalHome } from '../clients/local/home';
import type { Deployment } from '../contract/deployment';
import * as env from '../contract/env';
import type { Runner, RunningWorker, WorkerExit } from './runner';

export interface WorkerProcessOptions {
  readonly home: LocalHome;
  /** cpu, cuda or webgpu. */
  readonly provider: string;
  /** Threads of an operator; the runtime decides unless given. */
  readonly threads?: number;
  /** Where the jobs are; in the home unless given. */
  readonly deployment?: Deployment;
  /** The program; that of the repository unless given. */
  readonly program?: string;
}

/** Named by path: local/ and gpu-worker/ never import each other. */
const WORKER = path.resolve(__dirname, '../bin/worker.js');
const ORPHAN_POLL_MS = 50;

export class WorkerProcesses implements Runner {
  constructor(private readonly options: WorkerProcessOptions) {
    mkdirSync(options.home.logs, { recursive: true });
  }

  start(job: LocalBatchJob, attempt: number): RunningWorker {
    const log = openSync(this.options.home.log(job.id, attempt), 'a');
    try {
      const child = spawn(process.execPath, [this.options.program ?? WORKER], {
        env: { ...process.env, ...this.environment(job, attempt) },
        stdio: ['ignore', log, log],
        detached: true,
      });
      const exited = new Promise<WorkerExit>((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
      return { exited, kill: (signal) => signalWorker(child, signal) };
    } finally {
      closeSync(log);
    }
  }

  async findOrphans(batchJobIds: readonly string[]): Promise<ReadonlyMap<string, RunningWorker>> {
    if (batchJobIds.length === 0) return new Map();
    const processes = new Map<string, number[]>();
    for (const entry of await readdir('/proc')) {
      const pid = Number(entry);
      const id = Number.isInteger(pid) ? await batchJobOf(pid) : null;
      if (id !== null && batchJobIds.includes(id)) processes.set(id, [...(processes.get(id) ?? []), pid]);
    }
    return new Map([...processes].map(([id, pids]) => [id, orphan(pids, id)]));
  }

  private environment(job: LocalBatchJob, attempt: number): Record<string, string> {
    const { home, provider, threads, deployment = { type: 'local', home: home.folder } } = this.options;
    return {
      [env.DEPLOYMENT]: JSON.stringify(deployment),
      [env.JOB_ID]: job.name,
      [env.BATCH_JOB_ID]: job.id,
      [env.BATCH_JOB_ATTEMPT]: String(attempt),
      [env.PROVIDER]: provider,
      [env.MODEL_CACHE]: home.modelCache,
      ...(threads !== undefined && { [env.THREADS]: String(threads) }),
    };
  }
}

/** The worker's own process hands SIGTERM on to what it started; SIGKILL must reach every process of the group. */
function signalWorker({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  sendSignal(signal === 'SIGKILL' ? -pid : pid, signal);
}

/** Somebody else's children: nobody tells when they end, or how, so they are asked for until they are gone. */
function orphan(pids: readonly number[], batchJobId: string): RunningWorker {
  const exited = (async (): Promise<WorkerExit> => {
    for (const pid of pids) {
      while ((await batchJobOf(pid)) === batchJobId) await wait(ORPHAN_POLL_MS);
    }
    return { code: null, signal: null };
  })();
  return {
    exited,
    kill: (signal) => {
      for (const pid of pids) sendSignal(pid, signal);
    },
  };
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The Batch job that a process runs; null when it is gone (a zombie has no environment), another user's, or no worker. */
async function batchJobOf(pid: number): Promise<string | null> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  const prefix = `${env.BATCH_JOB_ID}=`;
  const variable = environment.split('\0').find((text) => text.startsWith(prefix));
  return variable === undefined ? null : variable.slice(prefix.length);
}

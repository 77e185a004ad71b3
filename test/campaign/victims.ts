/** The processes of one home, to be killed without warning. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as env from '../../contract/env';

const DEPLOYMENT = path.resolve(__dirname, 'deployment-process.ts');

export class Serve {
  private constructor(private readonly child: ChildProcess) {}

  /** Resolves when it serves. @throws Error with what it printed, when it ends instead. */
  static async start(home: string): Promise<Serve> {
    const child = spawn(process.execPath, ['--require', require.resolve('../../bin/typescript'), DEPLOYMENT, home], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A worker that is killed without a word has lost at most so much.
      env: { ...process.env, [env.CHECKPOINT_SECONDS]: '1' },
    });
    let printed = '';
    child.stderr.on('data', (data: Buffer) => {
      printed = `${printed}${data}`.slice(-4000);
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code, signal) => reject(new Error(`serve ended with ${code ?? signal}: ${printed}`)));
    });
    return new Serve(child);
  }

  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  stop(): Promise<void> {
    return this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill(signal);
    await exited;
  }
}

/** @returns how many workers of the home were killed. */
export function killWorkers(home: string): number {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && isWorkerOf(home, entry));
  const jobs = new Set(pids.map((pid) => variable(pid, env.BATCH_JOB_ID)));
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  }
  return jobs.size;
}

function isWorkerOf(home: string, pid: string): boolean {
  return variable(pid, env.BATCH_JOB_ID) !== null && (variable(pid, env.DEPLOYMENT)?.includes(`"${home}"`) ?? false);
}

function variable(pid: string, name: string): string | null {
  try {
    const entry = readFileSync(`/proc/${pid}/environ`, 'utf8')
      .split('\0')
      .find((text) => text.startsWith(`${name}=`));
    return entry?.slice(name.length + 1) ?? null;
  } catch {
    return null;
  }
}

/** The worker as Batch runs it: a process with an environment, signals and an exit code. */
import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as env from '../../contract/env';
import { type LogLine, WorkerHome } from './worker-home';

let home: WorkerHome;

beforeAll(async () => {
  home = await WorkerHome.open();
});
afterAll(() => home.close());

/** Sends the signal when the first checkpoint is written; with 0 seconds between two, that is after the first step. */
function signalAfterAStep(signal: NodeJS.Signals) {
  let isSent = false;
  return (line: LogLine, worker: ChildProcess) => {
    if (isSent || line.message !== 'A checkpoint is written') return;
    isSent = true;
    worker.kill(signal);
  };
}

const EVERY_STEP = { [env.CHECKPOINT_SECONDS]: '0' };
const LONG = { input: { steps: 60, num_frames: 33, width: 96, height: 96 } };

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s saves the progress, ends with 75, and the next attempt makes the same video',
  async (signal) => {
    const whole = await home.addJob(LONG);
    expect((await home.spawn(whole)).exit).toBe(0);

    const id = await home.addJob(LONG);
    const stopped = await home.spawn(id, EVERY_STEP, signalAfterAStep(signal));
    expect([stopped.exit, stopped.signal]).toEqual([75, null]);
    expect(await home.results(id)).toEqual(['checkpoint/state.mv2id', 'job.json']);
    expect((await home.spawn(id)).exit).toBe(0);

    expect(await home.videosButForTheirId(id)).toEqual(await home.videosButForTheirId(whole));
    const report = await home.report(id);
    expect(report.outputs[0]!.latents_sha256).toBe((await home.report(whole)).outputs[0]!.latents_sha256);
    expect(report.attempts).toBe(2);
    expect(report.resumed_from_step).toBeGreaterThan(0);
  },
);

test('a worker that is killed is found by its parent, and its job goes on from the last periodic checkpoint', async () => {
  const id = await home.addJob(LONG);
  const killed = await home.spawn(id, EVERY_STEP, (line, worker) => {
    if (line.message !== 'A checkpoint is written') return;
    for (const pid of childrenOf(worker.pid!)) process.kill(pid, 'SIGKILL');
  });
  expect(killed.exit).toBe(137);
  expect((await home.spawn(id)).exit).toBe(0);
  expect(await home.job(id)).toMatchObject({ status: 'succeeded' });
  expect((await home.report(id)).resumed_from_step).toBeGreaterThan(0);
});

test('a worker whose parent is killed ends too', async () => {
  const id = await home.addJob(LONG);
  let orphans: number[] = [];
  const killed = await home.spawn(id, EVERY_STEP, (line, worker) => {
    if (line.message !== 'A checkpoint is written' || orphans.length > 0) return;
    orphans = childrenOf(worker.pid!);
    worker.kill('SIGKILL');
  });
  // Its output closes only when nobody holds it any more.
  expect(killed.signal).toBe('SIGKILL');
  expect(orphans).toHaveLength(1);
  expect((await home.job(id)).status).toBe('processing');
  expect((await home.spawn(id)).exit).toBe(0);
});

test('SIGTERM for a job that is canceled ends with 0 and leaves nothing', async () => {
  const id = await home.addJob({ input: { steps: 100 } });
  let isCanceled = false;
  const { exit } = await home.spawn(id, {}, (line, worker) => {
    if (line.message !== 'The job is being processed' || isCanceled) return;
    isCanceled = true;
    void home.ledger.change(id, () => ({ status: 'canceled' })).then(() => worker.kill('SIGTERM'));
  });
  expect(exit).toBe(0);
  expect((await home.job(id)).status).toBe('canceled');
  expect(await home.results(id)).toEqual(['job.json']);
});

test('a second worker for the same job ends with 0 and changes nothing', async () => {
  const id = await home.addJob();
  const [first, second] = await Promise.all([home.spawn(id), home.spawn(id, { [env.BATCH_JOB_ID]: 'batch-2' })]);
  expect([first.exit, second.exit]).toEqual([0, 0]);
  expect(await home.record(id)).toMatchObject({ attempt: 1, batch_job_id: 'batch-1', job: { status: 'succeeded' } });
});

test('a job at fault ends with 64', async () => {
  const id = await home.addJob({ manifest: { model: 'nobody' } });
  const { exit } = await home.spawn(id);
  expect(exit).toBe(64);
  expect((await home.job(id)).status).toBe('failed');
});

test.each([
  ['no deployment', { [env.DEPLOYMENT]: '' }, 'MV2ID_DEPLOYMENT must be set, got nothing.'],
  ['a deployment that is no JSON', { [env.DEPLOYMENT]: 'here' }, 'MV2ID_DEPLOYMENT must be JSON, got something else.'],
  ['another provider', { [env.PROVIDER]: 'tpu' }, 'MV2ID_PROVIDER must be one of cpu, cuda, webgpu, got tpu.'],
  ['threads in words', { [env.THREADS]: 'many' }, 'MV2ID_THREADS must be a whole number from 1, got many.'],
])('%s in the environment ends with 70 and says so', async (_, environment, message) => {
  const { exit, log } = await home.spawn(await home.addJob(), environment);
  expect(exit).toBe(70);
  expect(log).toEqual([expect.objectContaining({ message: 'The worker cannot run', error: `Error: ${message}` })]);
});

test('a full disk ends with 70, and the record says it', async () => {
  const id = await home.addJob();
  const temporary = path.join(home.folder, 'small');
  mkdirSync(temporary);
  if (!mayMount(temporary)) return;
  const worker = path.resolve(__dirname, '../../bin/worker.js');
  const script = `mount -t tmpfs -o size=8k tmpfs ${temporary} && exec ${process.execPath} ${worker}`;
  const child = spawn('unshare', ['-m', 'bash', '-c', script], {
    env: { ...process.env, ...home.environment(id), TMPDIR: temporary },
    stdio: 'ignore',
  });
  const exit = await new Promise((resolve) => child.on('close', resolve));
  expect(exit).toBe(70);
  expect((await home.record(id)).last_error).toMatchObject({ code: 'disk_full', retryable: true });
});

test('the exit code that a worker tells is its own even while a thread of it is busy for good', async () => {
  const bin = path.join(home.folder, 'bin');
  mkdirSync(bin);
  mkdirSync(path.join(home.folder, 'gpu-worker'));
  for (const file of ['bin/worker.js', 'bin/typescript.js', 'gpu-worker/supervise.js']) {
    writeFileSync(path.join(home.folder, file), readFileSync(path.resolve(__dirname, '../..', file)));
  }
  // Code of the runtime's kind: it cannot be interrupted, and lasts longer than any test.
  writeFileSync(
    path.join(home.folder, 'gpu-worker/main.ts'),
    `const { Worker } = require('node:worker_threads');
     const busy = "require('node:worker_threads').parentPort.postMessage(1); require('node:crypto').pbkdf2Sync('', '', 2 ** 31 - 1, 64, 'sha512')";
     new Worker(busy, { eval: true }).on('message', () => process.send({ exitCode: 75 }, () => process.kill(process.pid, 'SIGKILL')));`,
  );
  const modules = path.resolve(__dirname, '../../node_modules');
  const child = fork(path.join(bin, 'worker.js'), { env: { ...process.env, NODE_PATH: modules } });
  expect(await new Promise((resolve) => child.on('close', resolve))).toBe(75);
});

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    // The fields behind the name, which is in parentheses: state, parent.
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
  } catch {
    return null;
  }
}

function mayMount(folder: string): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

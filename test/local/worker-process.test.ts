/** Real child processes, with a small program in the worker's place. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LocalBatchJob } from '../../clients/local/batch-store';
import type { LocalHome } from '../../clients/local/home';
import * as env from '../../contract/env';
import type { RunningWorker } from '../../local/runner';
import { WorkerProcesses } from '../../local/worker-process';
import { temporaryHome, until } from './home';

const JOB: LocalBatchJob = {
  id: `batch-${process.pid}`,
  name: 'job-aaaaaaaaaaaaaaaaaaaaaaaaaa',
  share: 'one',
  priority: 0,
  timeoutSeconds: 60,
  sequence: 1,
  status: 'STARTING',
  statusReason: null,
  isTerminated: false,
  createdAt: 0,
  startedAt: null,
  stoppedAt: null,
  attempts: [],
};
const STAYS = 'process.on("SIGTERM", () => process.exit(75)); setInterval(() => {}, 1000); console.log("ready");';
const STUBBORN = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("ready");';

const workers: RunningWorker[] = [];

afterEach(() => {
  for (const worker of workers.splice(0)) worker.kill('SIGKILL');
});

function setUp(program: string) {
  const home = temporaryHome();
  const file = path.join(home.folder, 'program.js');
  writeFileSync(file, program);
  return { home, processes: new WorkerProcesses({ home, provider: 'cpu', threads: 3, program: file }) };
}

function start(processes: WorkerProcesses, attempt = 1): RunningWorker {
  const worker = processes.start(JOB, attempt);
  workers.push(worker);
  return worker;
}

const isReady = (home: LocalHome) => until(() => readFileSync(home.log(JOB.id, 1), 'utf8').includes('ready'));

test('the worker is told its deployment and job, and its output goes to the log of the attempt', async () => {
  const names = Object.values(env).filter((name) => typeof name === 'string');
  const { home, processes } = setUp(
    `console.log(JSON.stringify(Object.fromEntries(${JSON.stringify(names)}.map((n) => [n, process.env[n]])))); process.exit(3);`,
  );
  expect(await start(processes, 2).exited).toEqual({ code: 3, signal: null });
  const told = JSON.parse(readFileSync(home.log(JOB.id, 2), 'utf8'));
  expect(JSON.parse(told[env.DEPLOYMENT])).toEqual({ type: 'local', home: home.folder });
  expect(told).toMatchObject({
    [env.JOB_ID]: JOB.name,
    [env.BATCH_JOB_ID]: JOB.id,
    [env.BATCH_JOB_ATTEMPT]: '2',
    [env.PROVIDER]: 'cpu',
    [env.MODEL_CACHE]: home.modelCache,
    [env.THREADS]: '3',
  });
});

test('SIGTERM lets it end by itself', async () => {
  const { home, processes } = setUp(STAYS);
  const worker = start(processes);
  await isReady(home);
  worker.kill('SIGTERM');
  expect(await worker.exited).toEqual({ code: 75, signal: null });
  worker.kill('SIGTERM'); // nothing happens to one that has ended
});

test('SIGKILL ends it and what it started', async () => {
  const child = `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(STUBBORN)}], { stdio: "inherit" });`;
  const { home, processes } = setUp(`${child} setInterval(() => {}, 1000);`);
  const worker = start(processes);
  await isReady(home);
  expect((await processes.findOrphans([JOB.id])).size).toBe(1);
  worker.kill('SIGKILL');
  expect(await worker.exited).toEqual({ code: null, signal: 'SIGKILL' });
  await until(async () => (await processes.findOrphans([JOB.id])).size === 0);
});

test('a program that is not there ends with an error code, and says so in the log', async () => {
  const { home } = setUp('');
  const processes = new WorkerProcesses({ home, provider: 'cpu', program: path.join(home.folder, 'nowhere.js') });
  expect(await start(processes).exited).toEqual({ code: 1, signal: null });
  expect(readFileSync(home.log(JOB.id, 1), 'utf8')).toContain('Cannot find module');
});

describe('orphans', () => {
  test('a worker is found by the Batch job in its environment, and can be stopped', async () => {
    const { home, processes } = setUp(STAYS);
    start(processes);
    await isReady(home);
    const found = (await new WorkerProcesses({ home, provider: 'cpu' }).findOrphans(['another', JOB.id])).get(JOB.id);
    found?.kill('SIGTERM');
    expect(await found?.exited).toEqual({ code: null, signal: null });
    expect((await processes.findOrphans([JOB.id])).size).toBe(0);
    found?.kill('SIGKILL'); // nothing happens to one that is gone
  });

  test('nobody runs a job that no process knows of', async () => {
    const { processes } = setUp(STAYS);
    expect((await processes.findOrphans(['nobody'])).size).toBe(0);
  });
});

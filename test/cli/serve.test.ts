/** `mv2id serve` as a process of its own, and the commands on what it serves: a set goes in, a video comes out. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Job, JobSchema } from '../../contract/job';
import { writeRandomModel } from '../random-model';
import { manifest, writeJob, writeReferenceSet } from '../reference-set';
import { COMMAND, run, runProcess } from './command';

let folder: string;
let home: string;
let serve: ChildProcess;
let told: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-serve-'));
  home = path.join(folder, 'home');
  writeRandomModel(path.join(home, 'buckets/models/random'));
  const started = startServe();
  serve = started.child;
  told = await started.introduction;
});
afterAll(async () => {
  if (serve.exitCode === null) {
    serve.kill('SIGKILL');
    await once(serve, 'exit');
  }
  rmSync(folder, { recursive: true });
});

function startServe(): { child: ChildProcess; introduction: Promise<string> } {
  const args = [COMMAND, 'serve', '--home', home, '--port', '0', '--threads', '1'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const introduction = new Promise<string>((resolve, reject) => {
    let stdout = '';
    child.stdout!.on('data', (data: Buffer) => {
      stdout += data;
      if (stdout.includes('webhook secret')) resolve(stdout);
    });
    child.once('exit', (exitCode) => reject(new Error(`serve ended with ${exitCode}`)));
  });
  return { child, introduction };
}

const command = (...args: string[]) => run(...args, '--home', home);

test('it says where everything is, and the page answers', async () => {
  expect(told).toContain(`Serving ${home}`);
  expect(told).toContain('buckets/uploads/sets/<tenant>/<set>/, job.json last');
  expect(told).not.toContain('whsec_');
  const url = /status page +(\S+)/.exec(told)?.[1];
  expect((await fetch(url!)).status).toBe(200);
});

test('a set that is submitted becomes a video; all commands tell of it', async () => {
  const set = await writeReferenceSet(path.join(folder, 'set'));
  const submitted = await command('submit', set, '--wait');
  const [id = '', state] = submitted.stdout.split('\n');
  expect(submitted.stderr).toContain('Generating');
  expect(state).toBe(`${id}  succeeded`);
  expect(submitted.exitCode).toBe(0);

  const job = await untilAttemptsEnded(id);
  expect(job).toMatchObject({ status: 'succeeded', tenant: 'local', set: 'set', metrics: { attempts: 1 } });
  expect((await command('list')).stdout).toContain(id);
  expect((await command('status')).stdout).toContain('succeeded  1');

  const out = path.join(folder, 'out');
  expect((await command('results', id.slice(0, 12), '--out', out)).exitCode).toBe(0);
  expect(readdirSync(out).sort()).toEqual([
    'job.json',
    'poster.jpg',
    'references',
    'report.html',
    'report.json',
    'video.mp4',
  ]);
  // The same set once more is the same job, which has been done.
  const again = await command('submit', set, '--wait', '--json');
  expect(JSON.parse(again.stdout)).toEqual(job);
});

test('a job that is canceled while it runs ends, and frees its place', async () => {
  const long = await writeReferenceSet(path.join(folder, 'long'), {
    steps: 100,
    num_frames: 81,
    width: 128,
    height: 128,
  });
  const waiting = runProcess(['submit', long, '--wait', '--home', home]);
  const id = await untilProcessing('long');
  expect((await command('cancel', id)).stdout).toBe(`${id} is being canceled.\n`);
  const { exitCode, stdout } = await waiting;
  expect(stdout).toContain(`${id}  canceled`);
  expect(exitCode).toBe(70);
  const next = await writeReferenceSet(path.join(folder, 'next'), { seed: 8 });
  expect((await command('submit', next, '--wait')).exitCode).toBe(0);
});

test('a set that the deployment has no model for is rejected, in the words of the service', async () => {
  const set = await writeReferenceSet(path.join(folder, 'other'));
  writeJob(set, { ...manifest(), model: 'no-such-model' });
  const { exitCode, stdout } = await command('submit', set, '--wait');
  expect(exitCode).toBe(64);
  expect(stdout).toContain('rejected');
  expect(stdout).toContain('no-such-model');
});

test('a second serve of the same home, and a port that is taken, are told', async () => {
  const second = await command('serve', '--port', '0');
  expect(second.exitCode).toBe(64);
  expect(second.stderr).toMatch(/mv2id: --home must be served by one process, got .* which process \d+ serves at http/);
  const port = new URL(/status page +(\S+)/.exec(told)![1]!).port;
  const taken = await run('serve', '--home', path.join(folder, 'another'), '--port', port);
  expect(taken).toMatchObject({ exitCode: 64, stderr: `mv2id: --port must be free, got ${port}, which is in use.\n` });
});

test('Ctrl-C ends it with code 0; the next one goes on with what there is', async () => {
  serve.kill('SIGINT');
  const [exitCode] = await once(serve, 'exit');
  expect(exitCode).toBe(0);
  const set = await writeReferenceSet(path.join(folder, 'late'), { seed: 9 });
  const { stdout, stderr } = await command('submit', set);
  expect(stderr).toBe('No "mv2id serve" runs on this folder: the job starts when one does.\n');
  const started = startServe();
  serve = started.child;
  await started.introduction;
  expect((await command('submit', set, '--wait', '--json')).exitCode).toBe(0);
  expect((await command('status', stdout.trim())).stdout).toContain('succeeded');
});

/** When an attempt ended, and what it took, Batch tells after the worker has told of the job's end; nothing changes after that. */
async function untilAttemptsEnded(id: string): Promise<Job> {
  for (;;) {
    const job = JobSchema.parse(JSON.parse((await command('status', id, '--json')).stdout));
    if (job.attempts.every(({ stopped_at }) => stopped_at !== null)) return job;
  }
}

async function untilProcessing(set: string): Promise<string> {
  for (;;) {
    const jobs: Job[] = JSON.parse((await command('list', '--json', '--status', 'processing')).stdout);
    const job = jobs.find((one) => one.set === set);
    if (job) return job.id;
  }
}

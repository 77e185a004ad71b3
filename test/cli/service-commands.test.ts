/**
 * The commands of the service on both kinds of deployment, by nothing but another --profile. Nobody serves the deployment here: the
 * test moves the jobs along as the service would.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import type { Deployment } from '../../contract/deployment';
import { type Job, JobSchema } from '../../contract/job';
import { jobId, manifestKey, resultKey, uploadKey } from '../../contract/keys';
import { type EmulatedAws, startEmulatedAws } from '../emulators/aws-deployment';
import { manifest, writeJob, writeReferenceSet } from '../reference-set';
import { run, runProcess } from './command';
import { failJob, finishJob, startJob, takeJob } from './played-service';

const TENANT = 'acme';
const FILES = {
  'video.mp4': 'a video',
  'poster.jpg': 'a poster',
  'report.html': 'a report',
  'references/1-front.png': 'a reference',
};

const homeOfUser = process.env.HOME;
let folder: string;
let aws: EmulatedAws;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-commands-'));
  aws = await startEmulatedAws();
  mkdirSync(path.join(folder, 'local-home'));
  writeProfiles({ desk: { type: 'local', home: path.join(folder, 'local-home') }, cloud: aws.deployment });
  process.env.HOME = folder;
});
afterAll(async () => {
  process.env.HOME = homeOfUser;
  await aws.stop();
  rmSync(folder, { recursive: true });
});

function writeProfiles(profiles: Record<string, Deployment>): void {
  const config = path.join(folder, '.config', 'mv2id');
  mkdirSync(config, { recursive: true });
  writeFileSync(path.join(config, 'profiles.json'), JSON.stringify({ profiles }));
}

function deploymentOf(profile: string): Deployment {
  const file = path.join(folder, '.config', 'mv2id', 'profiles.json');
  return JSON.parse(readFileSync(file, 'utf8')).profiles[profile];
}

describe.each(['desk', 'cloud'])('profile %s', (profile) => {
  let ports: Ports;
  let set: string;
  let nextSet = 0;
  let name: string;

  beforeAll(async () => {
    ports = await openPorts(deploymentOf(profile));
  });
  afterAll(() => ports.close());
  beforeEach(async () => {
    name = `set-${nextSet++}`;
    set = await writeReferenceSet(path.join(folder, profile, name), { seed: nextSet });
  });

  const command = (...args: string[]) => run(...args, '--profile', profile);
  const submit = async (...more: string[]) => {
    const result = await command('submit', set, '--tenant', TENANT, ...more);
    return { ...result, id: result.stdout.trim() };
  };

  test('submit uploads every file and prints the id of the job', async () => {
    const { exitCode, id } = await submit();
    expect(exitCode).toBe(0);
    const bytes = readFileSync(path.join(set, 'job.json'));
    expect(id).toBe(jobId(TENANT, name, bytes));
    for (const file of ['front.png', 'side.png', 'job.json']) {
      const stored = await ports.buckets.uploads.get(uploadKey(TENANT, name, file));
      expect(Buffer.from(stored!.body).equals(readFileSync(path.join(set, file)))).toBe(true);
    }
  });

  test('submit puts the webhook that it is given into job.json, and names the set as it is told', async () => {
    const { id } = await submit('--set', `${name}-b`, '--webhook', 'https://example.com/hook');
    const stored = await ports.buckets.uploads.get(manifestKey(TENANT, `${name}-b`));
    expect(JSON.parse(new TextDecoder().decode(stored!.body))).toEqual({
      ...manifest({ seed: nextSet }),
      webhook: 'https://example.com/hook',
    });
    expect(id).toBe(jobId(TENANT, `${name}-b`, stored!.body));
  });

  test('submit sends nothing of a set that the service would reject', async () => {
    writeJob(set, { ...manifest(), model: 'No Model' });
    const { exitCode, stdout, stderr } = await submit();
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).toContain('mv2id: model must be a model id');
    expect(await ports.buckets.uploads.head(uploadKey(TENANT, name, 'front.png'))).toBeNull();
  });

  test('submit sends nothing of a set whose faces the service would reject, unless it is not to look', async () => {
    const { reference_set, ...rest } = manifest();
    const { accept: _, ...unaccepted } = reference_set;
    writeJob(set, { ...rest, reference_set: unaccepted });
    const { exitCode, stdout, stderr } = await submit();
    expect({ exitCode, stdout }).toEqual({ exitCode: 64, stdout: '' });
    expect(stderr).toContain(
      'mv2id: reference_set.images[0].file must be a photo of one face, got front.png (no face).',
    );
    expect(stderr).toContain('reference_set.images[1].file must be a photo of one face, got side.png (no face).');
    expect(await ports.buckets.uploads.head(uploadKey(TENANT, name, 'front.png'))).toBeNull();

    expect((await submit('--no-check')).exitCode).toBe(0);
    expect(await ports.buckets.uploads.head(manifestKey(TENANT, name))).not.toBeNull();
  });

  test('submit names the next run of a job that did not succeed, and the same of one that did', async () => {
    const { id } = await submit();
    await takeJob(ports, TENANT, name);
    expect((await submit()).id).toBe(id);
    await failJob(ports, id as Job['id'], 'worker_ended_early');
    // S3 counts whole seconds: an upload after the end must be told from one before it.
    await aSecondLater();
    const again = await submit();
    expect(again.id).toBe(jobId(TENANT, name, readFileSync(path.join(set, 'job.json')), 1));
    const second = await takeJob(ports, TENANT, name, 1);
    await startJob(ports, second.job.id);
    await finishJob(ports, second.job.id, FILES);
    expect((await submit()).id).toBe(again.id);
  });

  test.each([
    ['succeeded', 0, (id: Job['id']) => finishJob(ports, id, FILES)],
    ['failed for the input', 64, (id: Job['id']) => failJob(ports, id, 'invalid_image')],
    ['failed', 70, (id: Job['id']) => failJob(ports, id, 'worker_ended_early')],
  ])('submit --wait shows a job that %s, and ends with code %d', async (_what, exitCode, end) => {
    const args = ['submit', set, '--tenant', TENANT, '--wait', '--json', '--profile', profile];
    const waiting = runProcess(args, { ...process.env, ...aws.env, HOME: folder });
    const record = await untilUploaded(() => takeJob(ports, TENANT, name));
    await startJob(ports, record.job.id);
    await end(record.job.id);
    const result = await waiting;
    expect(result.exitCode).toBe(exitCode);
    expect(JobSchema.parse(JSON.parse(result.stdout))).toEqual((await ports.jobs.get(record.id))!.job);
  });

  test('status tells of one job, by any beginning of its id that is its own', async () => {
    const { id } = await submit();
    const { job } = await takeJob(ports, TENANT, name);
    await startJob(ports, job.id);
    const whole = await command('status', id);
    expect(whole.exitCode).toBe(0);
    expect(whole.stdout.split('\n')[0]).toBe(`${id}  processing`);
    expect(whole.stdout).toContain(`${TENANT}/${name}, model random`);
    expect(whole.stdout).toContain('2/4 steps, 50 %, 7.00 s left');
    for (const beginning of [id.slice(0, 20), id.slice('job-'.length, 20)]) {
      expect((await command('status', beginning)).stdout).toBe(whole.stdout);
    }
    const json = JSON.parse((await command('status', id, '--json')).stdout);
    expect(json).toEqual((await ports.jobs.get(id))!.job);
  });

  test('a beginning that several jobs share is told, with their ids', async () => {
    const { id } = await submit();
    await takeJob(ports, TENANT, name);
    const { exitCode, stderr } = await command('status', 'job-');
    expect(exitCode).toBe(64);
    expect(stderr).toBe('mv2id: job must be a job id or its beginning, got job-.\n');
    const other = `${id.slice(0, -1)}${id.endsWith('a') ? 'b' : 'a'}` as Job['id'];
    await ports.buckets.results.put(resultKey(other, 'job.json'), '{}');
    const shared = await command('status', id.slice(0, -1));
    expect(shared.exitCode).toBe(64);
    expect(shared.stderr).toContain('must be named by more of its id');
    expect(shared.stderr).toContain(id);
    expect(shared.stderr).toContain(other);
  });

  test('status without a job counts them, list shows them, newest first', async () => {
    const before = JSON.parse((await command('status', '--json')).stdout);
    const { id } = await submit();
    await takeJob(ports, TENANT, name);
    await startJob(ports, id as Job['id']);
    const summary = await command('status');
    expect(summary.stdout).toContain(id);
    const after = JSON.parse((await command('status', '--json')).stdout);
    expect(after).toEqual({ ...before, processing: before.processing + 1 });

    const { stdout } = await command('list');
    const [heading, newest] = stdout.split('\n');
    expect(heading).toMatch(/^JOB +STATUS +STEPS +SET +MODEL +CREATED/);
    expect(newest).toMatch(new RegExp(`^${id} +processing +2/4 +${TENANT}/${name} +random +20`));
    const listed: Job[] = JSON.parse(
      (await command('list', '--json', '--status', 'processing', '--limit', '1')).stdout,
    );
    expect(listed.map((job) => job.id)).toEqual([id]);
    expect((await command('list', '--tenant', 'nobody')).stdout).toBe('No jobs.\n');
    expect((await command('list', '--tenant', TENANT)).stdout).toContain(id);
  });

  test('cancel deletes the job.json of the job', async () => {
    const { id } = await submit();
    await takeJob(ports, TENANT, name);
    const { exitCode, stdout } = await command('cancel', id);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: `${id} is being canceled.\n` });
    expect(await ports.buckets.uploads.head(manifestKey(TENANT, name))).toBeNull();
    expect(await ports.buckets.uploads.head(uploadKey(TENANT, name, 'front.png'))).not.toBeNull();
  });

  test('cancel refuses to take another job with it, and to stop what has ended', async () => {
    const { id: first } = await submit();
    await takeJob(ports, TENANT, name);
    writeJob(set, manifest({ prompt: 'another' }));
    const { id: second } = await submit();
    const { job } = await takeJob(ports, TENANT, name);
    const refused = await command('cancel', first);
    expect(refused.exitCode).toBe(64);
    expect(refused.stderr).toContain(`got that of ${second}`);
    expect(await ports.buckets.uploads.head(manifestKey(TENANT, name))).not.toBeNull();
    await startJob(ports, job.id);
    await finishJob(ports, job.id, FILES);
    const ended = await command('cancel', second);
    expect(ended).toMatchObject({
      exitCode: 64,
      stderr: `mv2id: job must be one that has not ended, got ${second} (succeeded).\n`,
    });
  });

  test('results fetches every output and the job object', async () => {
    const { id } = await submit();
    const { job } = await takeJob(ports, TENANT, name);
    await startJob(ports, job.id);
    const out = path.join(folder, profile, 'out', name);
    const early = await command('results', id, '--out', out);
    expect(early.exitCode).toBe(64);
    expect(early.stderr).toContain('must be a job that succeeded, got processing');
    expect(existsSync(out)).toBe(false);

    await finishJob(ports, job.id, FILES);
    const { exitCode, stdout } = await command('results', id, '--out', out);
    expect(exitCode).toBe(0);
    expect(filesIn(out)).toEqual([...Object.keys(FILES), 'job.json'].sort());
    for (const [file, content] of Object.entries(FILES)) {
      expect(readFileSync(path.join(out, file), 'utf8')).toBe(content);
      expect(stdout).toContain(path.relative(process.cwd(), path.join(out, file)));
    }
    expect(JSON.parse(readFileSync(path.join(out, 'job.json'), 'utf8'))).toEqual((await ports.jobs.get(id))!.job);

    // Of an earlier result goes what its job.json names; what else lies there stays.
    const earlier = JSON.parse(readFileSync(path.join(out, 'job.json'), 'utf8')) as Job;
    const more = ['video-2.mp4', 'references/2-side.png'].map((file) => {
      writeFileSync(path.join(out, file), 'of an earlier result');
      return { ...earlier.output[0]!, key: resultKey(job.id, file) };
    });
    writeFileSync(path.join(out, 'job.json'), JSON.stringify({ ...earlier, output: [...earlier.output, ...more] }));
    writeFileSync(path.join(out, 'references/mine.jpg'), 'a photo');
    expect((await command('results', id, '--out', out)).exitCode).toBe(0);
    expect(filesIn(out)).toEqual([...Object.keys(FILES), 'job.json', 'references/mine.jpg'].sort());
  });

  test('results goes into no folder whose job.json is another’s', async () => {
    const { id } = await submit();
    const { job } = await takeJob(ports, TENANT, name);
    await startJob(ports, job.id);
    await finishJob(ports, job.id, FILES);
    mkdirSync(path.join(set, 'references'));
    writeFileSync(path.join(set, 'references/mine.jpg'), 'a photo');
    const before = filesIn(set);
    const manifestText = readFileSync(path.join(set, 'job.json'), 'utf8');
    const { exitCode, stderr } = await command('results', id, '--out', set);
    expect([exitCode, stderr]).toEqual([
      64,
      `mv2id: --out must be a folder of its own or of an earlier result, got ${set} (its job.json is no job object).\n`,
    ]);
    expect([filesIn(set), readFileSync(path.join(set, 'job.json'), 'utf8')]).toEqual([before, manifestText]);
  });

  test('results keeps nothing of a job of which one file is not what it was', async () => {
    const { id } = await submit();
    const { job } = await takeJob(ports, TENANT, name);
    await startJob(ports, job.id);
    await finishJob(ports, job.id, FILES);
    await ports.buckets.results.put(resultKey(job.id, 'report.html'), 'another report');
    const out = path.join(folder, profile, 'out', name);
    const { exitCode, stderr } = await command('results', id, '--out', out);
    expect(exitCode).toBe(70);
    expect(stderr).toMatch(/^mv2id: jobs\/.*report\.html must have sha256 [0-9a-f]{64}, got [0-9a-f]{64}\.\n$/);
    expect(readdirSync(out)).toEqual([]);
  });
});

function filesIn(out: string): string[] {
  const entries = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.map(({ parentPath, name }) => path.relative(out, path.join(parentPath, name))).sort();
}

async function untilUploaded<T>(take: () => Promise<T>): Promise<T> {
  for (;;) {
    const taken = await take().catch(() => null);
    if (taken !== null) return taken;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function aSecondLater(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000));
}

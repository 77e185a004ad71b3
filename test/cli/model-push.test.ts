/** Models on their way into the bucket: whole or not there, whatever interrupts them, and never sent twice. */
import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { S3ObjectStore } from '../../clients/aws/s3-object-store';
import { openPorts } from '../../clients/open-ports';
import type { AwsDeployment } from '../../contract/deployment';
import { fetchModel } from '../../gpu-worker/model-cache';
import { requireModel } from '../../lambdas/check-set';
import { failure, type PlayedS3, playS3 } from '../clients/aws/played-s3';
import { useEmulatedCredentials } from '../emulators/emulator';
import { writeRandomModel } from '../random-model';
import { manifest, writeJob, writeReferenceSet } from '../reference-set';
import { run } from './command';
import { takeJob } from './played-service';

const QUEUE = { url: 'https://sqs.example.com/q', dead_letter_url: 'https://sqs.example.com/d' };
const CLOUD: AwsDeployment = {
  type: 'aws',
  region: 'eu-central-1',
  buckets: { uploads: 'u', results: 'r', models: 'm' },
  table: 't',
  queues: { intake: QUEUE, jobs: QUEUE, batch_events: QUEUE, webhooks: QUEUE },
  batch: { job_queue: 'q', job_definition: 'd' },
  webhook_secret: 's',
};
/** Beside the model's own files one of several parts, which comes last of them. */
const EXTRA = 'z-extra.bin';
const EXTRA_BYTES = 9 * 1024 * 1024;

const userHome = process.env.HOME;
let folder: string;
let model: string;
let s3: PlayedS3;

beforeAll(() => {
  useEmulatedCredentials();
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-push-'));
  model = writeRandomModel(path.join(folder, 'my-model'));
  writeFileSync(path.join(model, EXTRA), randomBytes(EXTRA_BYTES));
  mkdirSync(path.join(folder, '.config/mv2id'), { recursive: true });
  mkdirSync(path.join(folder, 'desk'));
  const profiles = { cloud: CLOUD, desk: { type: 'local', home: path.join(folder, 'desk') } };
  writeFileSync(path.join(folder, '.config/mv2id/profiles.json'), JSON.stringify({ profiles }));
  process.env.HOME = folder;
});
afterAll(() => {
  process.env.HOME = userHome;
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  s3 = playS3();
});
afterEach(() => s3.restore());

const push = (dir: string, ...args: string[]) => run('--profile', 'cloud', 'model', 'push', dir, ...args);
const key = (file: string) => `my-model/${file}`;
const isWhole = () => s3.objects.has(key('model_index.json'));
const bucket = () => new S3ObjectStore(() => new S3Client({ region: 'eu-central-1' }), 'm');

/** What a worker makes of the bucket as it is. */
function fetch(): Promise<{ sha256: string }> {
  const cacheFolder = mkdtempSync(path.join(folder, 'cache-'));
  return fetchModel({ bucket: bucket(), model: 'my-model', cacheFolder });
}

/** Everything that changed the bucket, in order. */
function changes(): string[] {
  return s3.mock
    .calls()
    .map(({ args }) => args[0])
    .filter((command) => command instanceof PutObjectCommand || command instanceof DeleteObjectCommand)
    .map((command) => `${command instanceof DeleteObjectCommand ? 'delete' : 'put'} ${command.input.Key}`);
}

function copyOf(name: string): string {
  const copy = path.join(folder, name, 'my-model');
  cpSync(model, copy, { recursive: true });
  return copy;
}

test('a model arrives with its hashes, its index last, and a worker takes it', async () => {
  const { exitCode, stdout } = await push(model);
  expect(exitCode).toBe(0);
  expect(changes().slice(-2)).toEqual([`put ${key('sha256.json')}`, `put ${key('model_index.json')}`]);
  const hashes: Record<string, string> = JSON.parse(s3.objects.get(key('sha256.json'))!.body.toString());
  expect(Object.keys(hashes)).toEqual(expect.arrayContaining([EXTRA, 'model_index.json', 'vae/config.json']));
  for (const [file, hash] of Object.entries(hashes)) {
    const content = readFileSync(path.join(model, file));
    expect(hash).toBe(createHash('sha256').update(content).digest('hex'));
    expect(s3.objects.get(key(file))!.body.equals(content)).toBe(true);
  }
  await requireModel('my-model', bucket());
  const { sha256 } = await fetch();
  expect(stdout).toContain(`sha256 ${sha256}`);
});

test('the same model once more sends nothing', async () => {
  await push(model);
  s3.mock.resetHistory();
  const { exitCode, stdout } = await push(model);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('is there already');
  expect(changes()).toEqual([]);
  expect(s3.mock.commandCalls(UploadPartCommand)).toEqual([]);
});

test('an interrupted push is no model to anybody, and the next one sends only what is missing', async () => {
  s3.beforePart = (number) => {
    if (number === 2) throw failure('ServiceUnavailable', 503);
  };
  const { exitCode, stderr } = await push(model);
  expect(exitCode).toBe(70);
  expect(stderr).toContain('AWS must answer, got ServiceUnavailable');
  expect(isWhole()).toBe(false);
  await expect(requireModel('my-model', bucket())).rejects.toThrow(
    'model must be the id of a model in the models bucket',
  );
  await expect(fetch()).rejects.toThrow('my-model must be whole in the models bucket, got no model_index.json.');
  expect((await run('--profile', 'cloud', 'model', 'list')).stdout).toMatch(/my-model +no: lacks model_index.json/);

  s3.beforePart = () => {};
  s3.mock.resetHistory();
  const report = JSON.parse((await push(model, '--json')).stdout);
  expect(s3.mock.commandCalls(UploadPartCommand).map(({ args }) => args[0].input.PartNumber)).toEqual([2]);
  expect(report).toMatchObject({ model: 'my-model', removed: [], to_send: [] });
  expect(report.sent_bytes + report.found_bytes).toBe(report.bytes);
  expect(report.found_bytes).toBeGreaterThanOrEqual(EXTRA_BYTES - 8 * 1024 * 1024);
  expect((await fetch()).sha256).toBe(report.model_sha256);
});

test('Ctrl-C stops a push, which the same command goes on with', async () => {
  let interrupted = false;
  s3.beforePart = () => {
    if (!interrupted) process.emit('SIGINT');
    interrupted = true;
  };
  const { exitCode, stderr } = await push(model);
  expect(exitCode).toBe(130);
  expect(stderr).toContain('Stopped; the same command goes on from here.');
  expect(isWhole()).toBe(false);
  expect((await push(model)).exitCode).toBe(0);
  await fetch();
});

describe('where another model has the name', () => {
  let other: string;
  beforeAll(() => {
    other = copyOf('other');
    rmSync(path.join(other, EXTRA));
    appendFileSync(path.join(other, 'tokenizer/tokenizer.json'), ' ');
    writeFileSync(path.join(other, 'new.bin'), randomBytes(EXTRA_BYTES));
  });
  beforeEach(async () => {
    await push(model);
    s3.mock.resetHistory();
  });

  test('nothing is touched without being asked to', async () => {
    const { exitCode, stderr } = await push(other);
    expect(exitCode).toBe(64);
    expect(stderr).toMatch(
      /--as must be a model id that is free, got "my-model", where another model is \(4 of its files differ\)/,
    );
    const dry = await push(other, '--dry-run');
    expect(dry.exitCode).toBe(0);
    expect(dry.stdout).toMatch(/send +new\.bin/);
    expect(dry.stdout).toMatch(/there +vae\/config\.json/);
    expect(dry.stdout).toMatch(/remove +z-extra\.bin/);
    expect(dry.stdout).toContain('it takes --replace');
    expect(changes()).toEqual([]);
    await fetch();
  });

  test('it makes way: there is never a mixture that a job could take', async () => {
    const before = await fetch();
    const seen: boolean[] = [];
    s3.beforePart = async () => {
      seen.push(isWhole());
      await expect(fetch()).rejects.toThrow('got no model_index.json');
    };
    expect((await push(other, '--replace')).exitCode).toBe(0);
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).not.toContain(true);
    const order = changes();
    expect(order[0]).toBe(`delete ${key('model_index.json')}`);
    expect(order).toContain(`delete ${key(EXTRA)}`);
    expect(order.slice(-2)).toEqual([`put ${key('sha256.json')}`, `put ${key('model_index.json')}`]);
    expect((await fetch()).sha256).not.toBe(before.sha256);
  });
});

test('hidden files stay here, links are followed, and hashes of old are made anew', async () => {
  const linked = copyOf('linked');
  mkdirSync(path.join(linked, '.cache'));
  writeFileSync(path.join(linked, '.cache/download.lock'), '');
  writeFileSync(path.join(linked, 'vae/.DS_Store'), '');
  writeFileSync(path.join(linked, 'sha256.json'), '{"stale": true}');
  rmSync(path.join(linked, EXTRA));
  symlinkSync(path.join(model, EXTRA), path.join(linked, EXTRA));
  expect((await push(linked)).exitCode).toBe(0);
  const names = [...s3.objects.keys()];
  expect(names.filter((name) => /\/\./.test(name))).toEqual([]);
  expect(s3.objects.get(key(EXTRA))!.body).toHaveLength(EXTRA_BYTES);
  expect(s3.objects.get(key('sha256.json'))!.body.toString()).not.toContain('stale');
  await fetch();
});

test('a directory that jobs could not use is not sent', async () => {
  const broken = copyOf('broken');
  writeFileSync(path.join(broken, 'vae/diffusion_pytorch_model.safetensors'), 'short');
  const { exitCode, stderr } = await push(broken);
  expect(exitCode).toBe(64);
  expect(stderr).toContain('must be a safetensors file of at least 8 bytes');
  const dangling = copyOf('dangling');
  symlinkSync('/nowhere', path.join(dangling, 'assets'));
  expect((await push(dangling)).stderr).toContain('assets must be a readable file, got ENOENT.');
  expect(s3.mock.calls()).toEqual([]);
});

test.each([
  ['My Model', '--as must be a model id'],
  ['../models', '--as must be a model id'],
  ['training', '--as must be another name than the folder of trainings'],
])('%s is no name for a model', async (name, message) => {
  const { exitCode, stderr } = await push(model, '--as', name);
  expect(exitCode).toBe(64);
  expect(stderr).toContain(message);
  expect(s3.mock.calls()).toEqual([]);
});

test('without a name it bears that of its directory', async () => {
  const named = path.join(folder, 'Wan2.1 T2V-14B');
  cpSync(model, named, { recursive: true });
  const { exitCode, stdout } = await push(named, '--dry-run');
  expect([exitCode, stdout.split(':')[0]]).toEqual([0, 'wan2.1-t2v-14b']);
});

test('list leaves out what is no model', async () => {
  await push(model);
  await bucket().put('training/run/config.json', '{}');
  await bucket().put('stray.txt', '');
  const models = JSON.parse((await run('--profile', 'cloud', 'model', 'list', '--json')).stdout);
  expect(models).toMatchObject([{ id: 'my-model', is_whole: true, has_hashes: true }]);
});

describe('on one machine', () => {
  const local = (...args: string[]) => run('--profile', 'desk', 'model', ...args);

  test('a model goes the same way, and out again when no job waits for it', async () => {
    expect((await local('push', model)).exitCode).toBe(0);
    expect((await local('push', model)).stdout).toContain('is there already');
    expect((await local('list')).stdout).toMatch(/my-model +yes +yes/);

    const set = path.join(folder, 'set');
    await writeReferenceSet(set);
    writeJob(set, { ...manifest(), model: 'my-model' });
    expect((await run('--profile', 'desk', 'submit', set)).exitCode).toBe(0);
    const ports = await openPorts({ type: 'local', home: path.join(folder, 'desk') });
    const { job } = await takeJob(ports, 'local', 'set');
    await ports.close();
    const refused = await local('remove', 'my-model');
    expect(refused.exitCode).toBe(64);
    expect(refused.stderr).toContain(`one that no job waits for, got "my-model", which ${job.id} needs`);
    expect((await local('remove', 'my-model', '--force')).stdout).toMatch(/my-model: \d+ files removed/);
    expect((await local('list')).stdout.trim().split('\n')).toHaveLength(1);
    expect((await local('remove', 'my-model')).exitCode).toBe(64);
    expect((await local('remove', 'training')).stderr).toContain('the folder of trainings');
  });
});

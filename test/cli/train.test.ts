/** `mv2id train` against a stack whose Batch is played by the SDK mock and whose bucket by an emulator. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  BatchClient,
  DescribeJobDefinitionsCommand,
  DescribeJobsCommand,
  ListJobsCommand,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import type { ObjectStore } from '../../clients/object-store';
import { openPorts } from '../../clients/open-ports';
import { trainingKey } from '../../contract/training-run';
import { type EmulatedAws, startEmulatedAws } from '../emulators/aws-deployment';
import { run } from './command';

const CONFIG = path.resolve(__dirname, '../../training/config/mv2id-tiny.json');

const batch = mockClient(BatchClient);
const workingDirectory = process.cwd();
let folder: string;
let aws: EmulatedAws;
let models: ObjectStore;

beforeAll(async () => {
  aws = await startEmulatedAws();
  models = (await openPorts(aws.deployment)).buckets.models;
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-train-'));
  const training = { job_queue: 'training-jobs', job_definition: 'training' };
  const profiles = { stack: { ...aws.deployment, training }, plain: aws.deployment };
  writeFileSync(path.join(folder, 'mv2id-profiles.json'), JSON.stringify({ profiles }));
  copyFileSync(CONFIG, path.join(folder, 'heads.json'));
  process.chdir(folder);
});
afterAll(async () => {
  process.chdir(workingDirectory);
  rmSync(folder, { recursive: true });
  await aws.stop();
});
beforeEach(() => {
  batch.reset();
  batch.on(ListJobsCommand).resolves({ jobSummaryList: [] });
  batch.on(SubmitJobCommand).resolves({ jobId: 'batch-1', jobName: 'heads' });
  const definition = { revision: 1, jobDefinitionName: 'training', jobDefinitionArn: 'arn', type: 'container' };
  batch.on(DescribeJobDefinitionsCommand).resolves({ jobDefinitions: [definition] });
});

const train = (...args: string[]) => run('--profile', 'stack', 'train', ...args);

function batchKnows(status: 'RUNNING' | 'FAILED'): void {
  batch.on(ListJobsCommand).resolves({ jobSummaryList: [{ jobId: 'batch-1', jobName: 'heads', createdAt: 1 }] });
  const job = { jobId: 'batch-1', jobName: 'heads', jobQueue: 'q', jobDefinition: 'd', startedAt: 1 };
  batch.on(DescribeJobsCommand).resolves({ jobs: [{ ...job, status, attempts: [] }] });
}

test('submit uploads the config and starts the run, named as its file', async () => {
  expect(await train('submit', 'heads.json')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('batch-1'),
  });
  expect(Buffer.from((await models.get(trainingKey('heads', 'config.json')))!.body)).toEqual(readFileSync(CONFIG));
  expect(batch.commandCalls(SubmitJobCommand)).toHaveLength(1);
});

test('what is under way is not started again; what ended is', async () => {
  batchKnows('RUNNING');
  const refused = await train('submit', 'heads.json');
  expect(refused).toMatchObject({ exitCode: 64, stderr: expect.stringContaining('not under way, got heads') });
  batchKnows('FAILED');
  expect(await train('submit', 'heads.json')).toMatchObject({ exitCode: 0 });
});

test('a wrong config names its fields, and nothing is sent', async () => {
  const config = JSON.parse(readFileSync(CONFIG, 'utf8'));
  writeFileSync('wrong.json', JSON.stringify({ ...config, seed: -1, color: 'red' }));
  const { exitCode, stderr } = await train('submit', 'wrong.json');
  expect({ exitCode, stderr }).toEqual({
    exitCode: 64,
    stderr: expect.stringMatching(/seed must be a whole number from 0 to 2147483647, got -1\. color must be absent/),
  });
  expect(await models.head(trainingKey('wrong', 'config.json'))).toBeNull();
  expect(batch.calls()).toHaveLength(0);
});

test.each([
  [['submit', 'missing.json'], 'missing.json must be a readable file, got ENOENT.'],
  [['submit', 'heads.json', '--name', 'Heads!'], '--name must be lower-case letters'],
  [['status', 'nobody'], '<run> must be one that was submitted, got nobody.'],
  [['cancel', 'nobody'], '<run> must be one that is under way, got nobody.'],
])('%j', async (args, message) => {
  expect(await train(...args)).toMatchObject({ exitCode: 64, stderr: expect.stringContaining(message) });
});

test('status tells what Batch and the run itself say', async () => {
  batchKnows('RUNNING');
  const progress = { state: 'train', step: 4200, loss: 0.18381, updated_at: '2026-11-23T10:00:00Z', attempt: 1 };
  await models.put(trainingKey('heads', 'progress.json'), JSON.stringify(progress));
  expect((await train('status', 'heads')).stdout).toBe(
    [
      'heads',
      '  Batch     running, attempt 1, job batch-1',
      '  training  train, step 4200, loss 0.1838, as of 2026-11-23T10:00:00Z',
      '',
    ].join('\n'),
  );
  const { stdout } = await train('status', 'heads', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ run: 'heads', batch: { status: 'RUNNING' }, progress });
});

test('cancel stops the Batch job', async () => {
  batchKnows('RUNNING');
  batch.on(TerminateJobCommand).resolves({});
  expect(await train('cancel', 'heads')).toMatchObject({ exitCode: 0 });
  expect(batch.commandCalls(TerminateJobCommand)[0]?.args[0].input).toMatchObject({ jobId: 'batch-1' });
});

test('a stack without training, and this machine, are told so', async () => {
  expect(await run('--profile', 'plain', 'train', 'status', 'heads')).toMatchObject({
    exitCode: 64,
    stderr: expect.stringContaining('training.enabled must be true'),
  });
  expect(await run('--home', folder, 'train', 'submit', 'heads.json')).toMatchObject({
    exitCode: 64,
    stderr: expect.stringContaining('training/README.md'),
  });
});

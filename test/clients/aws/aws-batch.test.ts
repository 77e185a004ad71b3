/** No emulator runs Batch jobs, so this checks what goes over the wire and what the answers are taken for. */

import {
  BatchClient,
  ClientException,
  DescribeJobsCommand,
  ServerException,
  SubmitJobCommand,
  TerminateJobCommand,
} from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { AwsBatch } from '../../../clients/aws/aws-batch';
import { JobIdSchema } from '../../../contract/job';
import { useEmulatedCredentials } from '../../emulators/emulator';
import { batchJob } from '../batch-job';

const JOB = JobIdSchema.parse(`job-${'b'.repeat(26)}`);
const SUBMISSION = { jobId: JOB, shareIdentifier: 'anna', priority: 7, timeoutSeconds: 900 };
const METADATA = { $metadata: {} };

useEmulatedCredentials();
const client = new BatchClient({ region: 'eu-central-1' });
const mock = mockClient(client);
const batch = new AwsBatch(() => client, 'mv2id-jobs', 'mv2id-worker');
beforeEach(() => {
  mock.reset();
});

test('a submission names the job, its share, priority and time limit, and adds nothing else to the job definition', async () => {
  mock.on(SubmitJobCommand).resolves({ jobId: 'batch-1', jobName: JOB });
  expect(await batch.submit(SUBMISSION)).toBe('batch-1');
  expect(mock.commandCalls(SubmitJobCommand)[0]?.args[0].input).toEqual({
    jobName: JOB,
    jobQueue: 'mv2id-jobs',
    jobDefinition: 'mv2id-worker',
    shareIdentifier: expect.stringMatching(/^share\d{3}$/),
    schedulingPriorityOverride: 7,
    timeout: { attemptDurationSeconds: 900 },
    containerOverrides: { environment: [{ name: 'MV2ID_JOB_ID', value: JOB }] },
  });
});

test('ten thousand tenants stay under the 500 share identifiers of a queue, each always in the same', async () => {
  mock.on(SubmitJobCommand).resolves({ jobId: 'batch-1' });
  const shareOf = async (shareIdentifier: string) => {
    mock.resetHistory();
    await batch.submit({ ...SUBMISSION, shareIdentifier });
    return mock.commandCalls(SubmitJobCommand)[0]?.args[0].input.shareIdentifier;
  };
  const shares = new Set<string | undefined>();
  for (let i = 0; i < 10_000; i++) shares.add(await shareOf(`tenant-${i}_x`));
  expect(shares.size).toBe(256);
  for (const share of shares) expect(share).toMatch(/^[A-Za-z0-9]{1,255}$/);
  expect(await shareOf('anna')).toBe(await shareOf('anna'));
});

test('an answer without an id is an error', async () => {
  mock.on(SubmitJobCommand).resolves({});
  await expect(batch.submit(SUBMISSION)).rejects.toThrow(`${JOB} must get a Batch job id, got none.`);
});

test('a description is read as Batch gives it, with whatever fields it has grown', async () => {
  const job = {
    jobId: 'batch-1',
    jobName: JOB,
    jobQueue: 'arn:aws:batch:eu-central-1:000000000000:job-queue/mv2id-jobs',
    jobDefinition: 'mv2id-worker:3',
    status: 'FAILED' as const,
    statusReason: 'Host EC2 (instance i-0123) terminated.',
    createdAt: 1,
    startedAt: 2,
    stoppedAt: 3,
    attempts: [{ startedAt: 2, stoppedAt: 3, statusReason: 'x', container: { exitCode: 75, reason: 'y' } }],
  };
  mock.on(DescribeJobsCommand, { jobs: ['batch-1'] }).resolves({ jobs: [job] });
  expect(await batchJob(batch, 'batch-1')).toEqual(job);
});

test('a job that Batch does not know is null', async () => {
  mock.on(DescribeJobsCommand).resolves({ jobs: [] });
  expect(await batchJob(batch, 'batch-1')).toBeNull();
});

test('more than a hundred are asked for in several requests', async () => {
  mock.on(DescribeJobsCommand).callsFake(({ jobs }: { jobs: string[] }) => ({
    jobs: jobs.map((jobId) => ({ jobId, jobName: JOB, status: 'RUNNING' })),
  }));
  const ids = Array.from({ length: 250 }, (_, i) => `batch-${i}`);
  expect([...(await batch.describe(ids)).keys()]).toEqual(ids);
  expect(mock.commandCalls(DescribeJobsCommand).map(({ args }) => args[0].input.jobs?.length)).toEqual([100, 100, 50]);
});

test('a termination tells its reason, cut to what Batch takes', async () => {
  mock.on(TerminateJobCommand).resolves({});
  await batch.terminate('batch-1', 'x'.repeat(2000));
  const { input } = mock.commandCalls(TerminateJobCommand)[0]?.args[0] ?? {};
  expect(input).toEqual({ jobId: 'batch-1', reason: 'x'.repeat(1024) });
});

test.each(['SUCCEEDED', 'FAILED', null] as const)('terminating what has ended (%s) is no error', async (status) => {
  mock.on(TerminateJobCommand).rejects(new ClientException({ message: 'it has ended', ...METADATA }));
  const ended = { jobId: 'batch-1', jobName: JOB, jobQueue: 'q', jobDefinition: 'd', startedAt: 1 };
  mock.on(DescribeJobsCommand).resolves({ jobs: status === null ? [] : [{ ...ended, status }] });
  await batch.terminate('batch-1', 'canceled');
});

test('a termination that failed otherwise is an error', async () => {
  mock.on(TerminateJobCommand).rejectsOnce(new ServerException({ message: 'broken', ...METADATA }));
  await expect(batch.terminate('batch-1', 'canceled')).rejects.toThrow('broken');
  mock.on(TerminateJobCommand).rejects(new ClientException({ message: 'not allowed', ...METADATA }));
  const running = { jobId: 'batch-1', jobName: JOB, jobQueue: 'q', jobDefinition: 'd', startedAt: 1 };
  mock.on(DescribeJobsCommand).resolves({ jobs: [{ ...running, status: 'RUNNING' }] });
  await expect(batch.terminate('batch-1', 'canceled')).rejects.toThrow('not allowed');
});

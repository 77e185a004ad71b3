/** No emulator runs Batch jobs, so this checks what goes over the wire and what the answers are taken for. */
import {
  BatchClient,
  DescribeJobDefinitionsCommand,
  DescribeJobsCommand,
  ListJobsCommand,
  SubmitJobCommand,
} from '@aws-sdk/client-batch';
import { mockClient } from 'aws-sdk-client-mock';
import { AwsTraining, isActive } from '../../../clients/aws/aws-training';

const client = new BatchClient({ region: 'eu-central-1' });
const mock = mockClient(client);
const training = new AwsTraining(() => client, { job_queue: 'mv2id-training-jobs', job_definition: 'mv2id-training' });
const ENVIRONMENT = { environment: [{ name: 'MV2ID_TRAINING_RUN', value: 'heads' }] };
beforeEach(() => {
  mock.reset();
  mock.on(SubmitJobCommand).resolves({ jobId: 'batch-1', jobName: 'heads' });
});

function defineNodes(numNodes: number | null): void {
  const older = { revision: 1, jobDefinitionName: 'mv2id-training', jobDefinitionArn: 'arn', type: 'container' };
  const nodeProperties = { numNodes: numNodes ?? 1, mainNode: 0, nodeRangeProperties: [] };
  const newest = { ...older, revision: 2, ...(numNodes !== null && { type: 'multinode', nodeProperties }) };
  mock.on(DescribeJobDefinitionsCommand).resolves({ jobDefinitions: [older, newest] });
}

test('a run on one machine is told its name, and nothing else', async () => {
  defineNodes(null);
  expect(await training.submit('heads')).toBe('batch-1');
  expect(mock.commandCalls(SubmitJobCommand)[0]?.args[0].input).toEqual({
    jobName: 'heads',
    jobQueue: 'mv2id-training-jobs',
    jobDefinition: 'mv2id-training',
    containerOverrides: ENVIRONMENT,
  });
});

test.each([
  [undefined, 4],
  [2, 2],
])('nodes %p of a definition with 4: %p', async (nodes, numNodes) => {
  defineNodes(4);
  await training.submit('heads', nodes);
  expect(mock.commandCalls(SubmitJobCommand)[0]?.args[0].input).toMatchObject({
    nodeOverrides: { numNodes, nodePropertyOverrides: [{ targetNodes: '0:', containerOverrides: ENVIRONMENT }] },
  });
});

test('more nodes than the stack has are refused, and nothing is submitted', async () => {
  defineNodes(null);
  await expect(training.submit('heads', 2)).rejects.toThrow(
    '--nodes must be at most 1 (training.max_nodes of the stack), got 2.',
  );
  expect(mock.commandCalls(SubmitJobCommand)).toHaveLength(0);
});

test('the newest Batch job of a run tells how it is', async () => {
  mock.on(ListJobsCommand).resolves({
    jobSummaryList: [
      { jobId: 'old', jobName: 'heads', createdAt: 1 },
      { jobId: 'new', jobName: 'heads', createdAt: 2 },
    ],
  });
  const job = { jobName: 'heads', jobQueue: 'q', jobDefinition: 'd', startedAt: 1 };
  mock
    .on(DescribeJobsCommand, { jobs: ['new'] })
    .resolves({ jobs: [{ ...job, jobId: 'new', status: 'RUNNING', attempts: [{}], statusReason: 'Host EC2 gone' }] });
  const newest = await training.newest('heads');
  expect(newest).toEqual({ id: 'new', status: 'RUNNING', statusReason: 'Host EC2 gone', attempts: 2 });
  expect(isActive(newest!)).toBe(true);
});

test('a run that Batch does not know is null', async () => {
  mock.on(ListJobsCommand).resolves({ jobSummaryList: [] });
  expect(await training.newest('heads')).toBeNull();
});

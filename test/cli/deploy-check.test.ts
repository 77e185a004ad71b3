/** What `mv2id deploy-check` finds: of a deployment in order nothing, and of every single thing that is wrong its own line. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
} from '@aws-sdk/client-batch';
import { CloudFormationServiceException, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSubnetsCommand,
} from '@aws-sdk/client-ec2';
import { DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
} from '@aws-sdk/client-service-quotas';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { judgeDisk } from '../../cli/checks/home';
import { judgeRoom } from '../../cli/checks/models';
import { judgeWebhookSecret } from '../../cli/checks/webhook-secret';
import { failure } from '../clients/aws/played-s3';
import { useEmulatedCredentials } from '../emulators/emulator';
import { writeRandomModel } from '../random-model';
import { manifest, writeJob, writeReferenceSet } from '../reference-set';
import { run } from './command';
import {
  environment,
  instanceType,
  JOB_QUEUE,
  offering,
  type PlayedAccount,
  playAccount,
  STACK,
} from './played-account';

const userHome = process.env.HOME;
let folder: string;
let model: string;
let set: string;
let account: PlayedAccount;

beforeAll(async () => {
  useEmulatedCredentials();
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-deploy-check-'));
  model = writeRandomModel(path.join(folder, 'small'));
  set = await writeReferenceSet(path.join(folder, 'set'), { width: 64, height: 64, num_frames: 5, steps: 2 });
  writeJob(set, { ...manifest({ width: 64, height: 64, num_frames: 5, steps: 2 }), model: 'small' });
  mkdirSync(path.join(folder, '.config/mv2id'), { recursive: true });
  const profiles = {
    cloud: { type: 'stack', region: 'eu-central-1', stack: 'mv2id' },
    desk: { type: 'local', home: path.join(folder, 'desk') },
  };
  writeFileSync(path.join(folder, '.config/mv2id/profiles.json'), JSON.stringify({ profiles }));
  process.env.HOME = folder;
});
afterAll(() => {
  process.env.HOME = userHome;
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  account = playAccount();
});
afterEach(() => account.restore());

/** Lines without the space that aligns them. */
async function check(...args: string[]): Promise<{ exitCode: number | null; lines: string[] }> {
  const { exitCode, stdout, stderr } = await run('--profile', 'cloud', 'deploy-check', ...args);
  expect(stderr).toBe('');
  return {
    exitCode,
    lines: stdout
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ {2,}/g, '  ')),
  };
}

async function pushModel(profile = 'cloud'): Promise<void> {
  expect((await run('--profile', profile, 'model', 'push', model)).exitCode).toBe(0);
}

describe('a stack', () => {
  beforeEach(() => pushModel());

  test('in order has no problem, and nothing of it is changed', async () => {
    const before = [...account.s3.objects.keys()];
    account.s3.mock.resetHistory();
    const { exitCode, lines } = await check('--job', set);
    expect(lines).toEqual([
      'ok  stack  mv2id in eu-central-1, account 123456789012: UPDATE_COMPLETE.',
      'ok  uploads  Sets can be uploaded.',
      'ok  results  Results can be read.',
      'ok  jobs  The table of jobs can be read.',
      'ok  queues  All 4 answer; 0 messages are on their way.',
      'ok  webhook secret  One secret signs webhooks.',
      'ok  job queue  mv2id-jobs: 2 environments.',
      'ok  environment  mv2id-spot: Spot, g6e.xlarge, g6e.2xlarge, up to 16 vCPUs.',
      'ok  environment  mv2id-on-demand: On-Demand, g6e.xlarge, g6e.2xlarge, up to 16 vCPUs.',
      'ok  instance type  g6e.xlarge in eu-central-1a, eu-central-1b.',
      'ok  instance type  g6e.2xlarge in eu-central-1a, eu-central-1b.',
      'ok  job size  A job takes 1 GPU, 4 vCPUs and 26 GiB, which every instance type has.',
      'ok  quota  All G and VT Spot Instance Requests (L-3819A6DF) allows 64 vCPUs, the environment may use 16.',
      'ok  quota  Running On-Demand G and VT instances (L-DB2E81BA) allows 64 vCPUs, the environment may use 16.',
      expect.stringMatching(
        /^ok {2}model {2}small \(.+\), 64 x 64, 5 frames: about .+ of memory at the peak, which fits g6e\.2xlarge \(48\.0 GB\), g6e\.xlarge \(48\.0 GB\)\.$/,
      ),
      expect.stringMatching(/^ok {2}job {2}.+set: 2 images decode, job\.json is valid, 2 steps of small\.$/),
      expect.stringMatching(/^ok {2}job {2}64 x 64, 5 frames, 2 references: about /),
      'No problems, no warnings.',
    ]);
    expect(exitCode).toBe(0);
    expect([...account.s3.objects.keys()]).toEqual(before);
    expect(account.s3.mock.commandCalls(DeleteObjectCommand)).toEqual([]);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('mv2id-check-'))).toEqual([]);
  });

  test('is told as JSON, and no secret with it', async () => {
    const { exitCode, stdout } = await run('--profile', 'cloud', 'deploy-check', '--json');
    expect(exitCode).toBe(0);
    const { profile, is_ready, findings } = JSON.parse(stdout);
    expect([profile, is_ready]).toEqual(['cloud', true]);
    expect(findings[0]).toEqual({
      check: 'stack',
      verdict: 'ok',
      message: 'mv2id in eu-central-1, account 123456789012: UPDATE_COMPLETE.',
    });
    expect(stdout).not.toContain('whsec');
  });

  test('reads of a model no weight', async () => {
    const dir = writeRandomModel(path.join(folder, 'wide'), {
      sparse: true,
      transformer: { ffn_dim: 60_000 },
    });
    await run('--profile', 'cloud', 'model', 'push', dir, '--as', 'small', '--replace');
    account.s3.mock.resetHistory();
    expect((await check()).exitCode).toBe(0);
    const ranges = account.s3.mock.commandCalls(GetObjectCommand).map(({ args }) => args[0].input.Range ?? '');
    const lengths = ranges.map((range) => {
      const [from = 0, to = 0] = range.replace('bytes=', '').split('-').map(Number);
      return to - from + 1;
    });
    expect(lengths.length).toBeGreaterThan(5);
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBeLessThan(2_000_000);
    const stored = [...account.s3.objects.values()].reduce((sum, { body }) => sum + body.length, 0);
    expect(stored).toBeGreaterThan(10_000_000);
  });
});

const noStack = new CloudFormationServiceException({
  name: 'ValidationError',
  message: 'Stack with id mv2id does not exist',
  $fault: 'client',
  $metadata: { httpStatusCode: 400 },
});
const denied = (action: string) => {
  const message = `User is not authorized to perform: ${action}`;
  return Object.assign(failure('AccessDenied', 403), { message });
};

describe('a stack that is not there', () => {
  test.each<[string, (account: PlayedAccount) => unknown, string]>([
    [
      'at all',
      ({ cloudFormation }) => cloudFormation.on(DescribeStacksCommand).rejects(noStack),
      'stack must be one that is deployed in eu-central-1',
    ],
    [
      'yet',
      ({ cloudFormation }) =>
        cloudFormation
          .on(DescribeStacksCommand)
          .resolves({ Stacks: [{ ...STACK, StackStatus: 'CREATE_IN_PROGRESS' }] }),
      'The stack mv2id must be complete, got CREATE_IN_PROGRESS: wait until it is complete.',
    ],
    [
      'for these credentials',
      ({ cloudFormation }) => cloudFormation.on(DescribeStacksCommand).rejects(denied('cloudformation:DescribeStacks')),
      'These AWS credentials must be allowed to do this',
    ],
    [
      'without credentials',
      ({ cloudFormation }) =>
        cloudFormation
          .on(DescribeStacksCommand)
          .rejects(Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' })),
      'AWS credentials must be valid',
    ],
  ])('%s', async (_name, change, message) => {
    change(account);
    const { exitCode, lines } = await check();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^problem {2}stack/);
    expect(lines[0]).toContain(message);
    expect(lines[1]).toBe('1 problem, no warnings.');
    expect(exitCode).toBe(70);
  });
});

/** What is wrong, and the only lines that then are not ok. */
const FAULTS: [title: string, change: (account: PlayedAccount) => unknown, lines: string[]][] = [
  [
    'an update that failed',
    ({ cloudFormation }) =>
      cloudFormation.on(DescribeStacksCommand).resolves({
        Stacks: [{ ...STACK, StackStatus: 'UPDATE_ROLLBACK_COMPLETE', StackStatusReason: 'Limit exceeded' }],
      }),
    [
      'warning  stack  mv2id in eu-central-1, account 123456789012: UPDATE_ROLLBACK_COMPLETE (Limit exceeded): what was deployed',
    ],
  ],
  [
    'no right to upload',
    ({ s3 }) => s3.mock.on(PutObjectCommand).rejects(denied('s3:PutObject')),
    [
      'problem  uploads  These AWS credentials must be allowed to do this, got AccessDenied: User is not authorized to perform: s3:PutObject.',
    ],
  ],
  [
    'no right to read results',
    ({ s3 }) => s3.mock.on(ListObjectsV2Command, { Bucket: 'r' }).rejects(denied('s3:ListBucket')),
    ['problem  results  These AWS credentials must be allowed'],
  ],
  [
    'no right to read jobs',
    ({ dynamodb }) => dynamodb.on(QueryCommand).rejects(denied('dynamodb:Query')),
    ['problem  jobs  These AWS credentials must be allowed'],
  ],
  [
    'messages that nobody could work on',
    ({ messages }) => {
      messages.set('https://sqs.example.com/webhooks', 5);
      messages.set('https://sqs.example.com/webhooks-dead', 2);
      messages.set('https://sqs.example.com/intake-dead', 1);
    },
    [
      'warning  queues  A message of intake could not be',
      'warning  queues  2 messages of webhooks could not be worked on: docs/runbook.md#dead-letters-webhooks.',
    ],
  ],
  [
    'no right to look at queues',
    ({ sqs }) => sqs.on(GetQueueAttributesCommand).rejects(denied('sqs:GetQueueAttributes')),
    ['warning  queues  Not looked at: These AWS'],
  ],
  [
    'a secret that is none',
    ({ secretsManager }) => secretsManager.on(GetSecretValueCommand).resolves({ SecretString: 'whsec_told' }),
    [
      'problem  webhook secret  The webhook secret must be {"secrets": [...]} with one or two of them, got something else',
    ],
  ],
  [
    'no right to look at the secret, which users need not have',
    ({ secretsManager }) => secretsManager.on(GetSecretValueCommand).rejects(denied('secretsmanager:GetSecretValue')),
    ['warning  webhook secret  Not looked at: These AWS credentials must be allowed'],
  ],
  [
    'no job queue',
    ({ batch }) => batch.on(DescribeJobQueuesCommand).resolves({ jobQueues: [] }),
    ['problem  job queue  mv2id-jobs must be a job queue of AWS Batch, got none', 'warning  model  small'],
  ],
  [
    'a disabled job queue',
    ({ batch }) => batch.on(DescribeJobQueuesCommand).resolves({ jobQueues: [{ ...JOB_QUEUE, state: 'DISABLED' }] }),
    ['problem  job queue  mv2id-jobs must be VALID and ENABLED, got VALID and DISABLED: somebody has disabled it'],
  ],
  [
    'one invalid environment of two',
    ({ batch }) =>
      batch.on(DescribeComputeEnvironmentsCommand).resolves({
        computeEnvironments: [
          environment('spot', { status: 'INVALID', statusReason: 'subnet is gone' }),
          environment('on-demand'),
        ],
      }),
    ['warning  environment  mv2id-spot must be VALID and ENABLED, got INVALID and ENABLED (subnet is gone)'],
  ],
  [
    'no environment that works',
    ({ batch }) =>
      batch.on(DescribeComputeEnvironmentsCommand).resolves({
        computeEnvironments: [
          environment('spot', { status: 'INVALID' }),
          environment('on-demand', { state: 'DISABLED' }),
        ],
      }),
    ['problem  environment  mv2id-spot must be VALID', 'problem  environment  mv2id-on-demand must be VALID'],
  ],
  [
    'an environment that is being made',
    ({ batch }) =>
      batch.on(DescribeComputeEnvironmentsCommand).resolves({
        computeEnvironments: [environment('spot', { status: 'UPDATING' }), environment('on-demand')],
      }),
    ['warning  environment  mv2id-spot must be VALID and ENABLED, got UPDATING and ENABLED: wait a few minutes.'],
  ],
  [
    'a type that the region lacks',
    ({ ec2 }) => {
      ec2.on(DescribeInstanceTypesCommand).resolves({ InstanceTypes: [instanceType('g6e.xlarge', 4)] });
      ec2
        .on(DescribeInstanceTypeOfferingsCommand)
        .resolves({ InstanceTypeOfferings: [offering('g6e.xlarge', 'eu-central-1a')] });
    },
    ['warning  instance type  g6e.2xlarge is not offered in eu-central-1: take it out of gpu.instance_types'],
  ],
  [
    'types only where no subnet is',
    ({ ec2 }) => ec2.on(DescribeSubnetsCommand).resolves({ Subnets: [{ AvailabilityZone: 'eu-central-1c' }] }),
    [
      'problem  instance type  g6e.xlarge is offered only in eu-central-1a, eu-central-1b, and the subnets are in eu-central-1c',
      'problem  instance type  g6e.2xlarge is offered only in eu-central-1a, eu-central-1b, and the subnets are in eu-central-1c',
    ],
  ],
  [
    'no job definition',
    ({ batch }) => batch.on(DescribeJobDefinitionsCommand).resolves({ jobDefinitions: [] }),
    ['problem  job size  mv2id-worker must be an active job definition, got none'],
  ],
  [
    'a job that is too large for one type',
    ({ ec2 }) =>
      ec2
        .on(DescribeInstanceTypesCommand)
        .resolves({ InstanceTypes: [instanceType('g6e.xlarge', 2), instanceType('g6e.2xlarge', 8)] }),
    [
      'warning  job size  A job takes 1 GPU, 4 vCPUs and 26 GiB, got g6e.xlarge with 1 GPU, 2 vCPUs and 16 GiB: no job ever starts there.',
    ],
  ],
  [
    'a Spot quota of nothing, with On-Demand as it should be',
    ({ allowed }) => allowed.set('L-3819A6DF', 0),
    [
      'warning  quota  All G and VT Spot Instance Requests (L-3819A6DF) allows 0 vCPUs, one g6e.xlarge has 4: ask for at least 16 in Service Quotas, EC2.',
    ],
  ],
  [
    'quotas of nothing: a new account',
    ({ allowed }) => {
      allowed.set('L-3819A6DF', 0);
      allowed.set('L-DB2E81BA', 2);
    },
    [
      'problem  quota  All G and VT Spot',
      'problem  quota  Running On-Demand G and VT instances (L-DB2E81BA) allows 2 vCPUs',
    ],
  ],
  [
    'a quota for some of the machines',
    ({ allowed }) => allowed.set('L-3819A6DF', 8),
    [
      'warning  quota  All G and VT Spot Instance Requests (L-3819A6DF) allows 8 vCPUs, the environment may use 16: at most 2 g6e.xlarge at a time',
    ],
  ],
  [
    'a quota that was never changed',
    ({ quotas }) => {
      const none = new NoSuchResourceException({ message: 'none', $metadata: {} });
      quotas.on(GetServiceQuotaCommand, { QuotaCode: 'L-3819A6DF' }).rejects(none);
      quotas.on(GetAWSDefaultServiceQuotaCommand).resolves({ Quota: { QuotaName: 'By default', Value: 0 } });
    },
    ['warning  quota  By default (L-3819A6DF) allows 0 vCPUs'],
  ],
  [
    'no right to look at quotas',
    ({ quotas }) => quotas.on(GetServiceQuotaCommand).rejects(denied('servicequotas:GetServiceQuota')),
    ['warning  quota  Not looked at: These AWS credentials must be allowed'],
  ],
  [
    'no right to look at instance types',
    ({ ec2 }) => ec2.on(DescribeInstanceTypesCommand).rejects(denied('ec2:DescribeInstanceTypes')),
    ['warning  instance type  Not looked at: These AWS', 'warning  model  small'],
  ],
  [
    'a GPU that is too small',
    ({ ec2 }) =>
      ec2
        .on(DescribeInstanceTypesCommand)
        .resolves({ InstanceTypes: [instanceType('g6e.xlarge', 4, 100), instanceType('g6e.2xlarge', 8, 100)] }),
    ['problem  model  small'],
  ],
  ['no model', ({ s3 }) => s3.objects.clear(), ['problem  model  There is no model: mv2id model push <dir>.']],
  [
    'half a model',
    ({ s3 }) => s3.objects.delete('small/model_index.json'),
    ['warning  model  small is being brought, or was left half-way: mv2id model push goes on with it.'],
  ],
  [
    'a model without hashes',
    ({ s3 }) => s3.objects.delete('small/sha256.json'),
    ['warning  model  small has no sha256.json'],
  ],
  [
    'a file that the hashes do not name',
    ({ s3 }) =>
      s3.objects.set('small/vae/stray.bin', { body: Buffer.from('x'), checksum: undefined, changedAt: new Date(0) }),
    [
      'problem  model  small/sha256.json must name the files that are there, got another list (vae/stray.bin): push it again.',
    ],
  ],
  [
    'weights that were cut off',
    ({ s3 }) => {
      const key = 'small/vae/diffusion_pytorch_model.safetensors';
      const { body } = s3.objects.get(key)!;
      s3.objects.set(key, { body: body.subarray(0, body.length - 4), checksum: undefined, changedAt: new Date(0) });
    },
    ['problem  model  small/vae/diffusion_pytorch_model.safetensors: tensor '],
  ],
  [
    'a key that leads out of the model',
    ({ s3 }) =>
      s3.objects.set('small/../../etc', { body: Buffer.from('x'), checksum: undefined, changedAt: new Date(0) }),
    ['problem  model  small: a file must have a path inside the model, got "../../etc".'],
  ],
];

describe('of a stack with', () => {
  beforeEach(() => pushModel());

  test.each(FAULTS)('%s that alone is told', async (_title, change, expected) => {
    change(account);
    const { exitCode, lines } = await check();
    const notOk = lines.slice(0, -1).filter((line) => !line.startsWith('ok  '));
    expect(notOk).toHaveLength(expected.length);
    for (const [i, line] of expected.entries()) expect(notOk[i]).toContain(line);
    expect(exitCode).toBe(expected.some((line) => line.startsWith('problem')) ? 70 : 0);
    expect(lines.join('\n')).not.toContain('whsec_');
  });
});

describe('--job', () => {
  beforeEach(() => pushModel());

  async function job(change: (job: ReturnType<typeof manifest>) => unknown): Promise<string[]> {
    const copy = await writeReferenceSet(path.join(folder, 'changed'));
    writeJob(copy, change({ ...manifest(), model: 'small' }));
    const { exitCode, lines } = await check('--job', copy);
    expect(exitCode).toBe(70);
    return lines.filter((line) => line.startsWith('problem'));
  }

  test('names a model that is not there', async () => {
    expect(await job((good) => ({ ...good, model: 'wan' }))).toEqual([
      'problem  job  model must be one in the models bucket that can be used (small), got "wan".',
    ]);
  });

  test('names every field that the service would reject', async () => {
    const lines = await job((good) => ({ ...good, webhook: 'ftp://x', input: { ...good.input, steps: 0 } }));
    expect(lines).toHaveLength(2);
    expect(lines.join('\n')).toMatch(/job {2}input\.steps must be[\s\S]*job {2}webhook must be an https address/);
  });

  test("names what is off the model's own grid", async () => {
    expect(await job((good) => ({ ...good, input: { ...good.input, width: 70 } }))).toEqual([
      'problem  job  input.width must be a multiple of 16 within the limits (nearest legal size: 64 x 64), got 70.',
    ]);
  });
});

describe('one machine', () => {
  const checkDesk = () => run('--profile', 'desk', 'deploy-check', '--job', set);

  test('without a home has nothing else to look at', async () => {
    const { exitCode, stdout } = await checkDesk();
    expect(exitCode).toBe(70);
    expect(stdout).toMatch(/^problem {2}home .+ must be a folder that "mv2id serve" has made, got nothing there/);
    expect(stdout.trim().split('\n')).toHaveLength(2);
  });

  test('is checked alike; that nobody serves is a warning', async () => {
    mkdirSync(path.join(folder, 'desk'));
    await pushModel('desk');
    const { exitCode, stdout } = await checkDesk();
    expect(stdout).toMatch(/^ok +home /m);
    expect(stdout).toMatch(/^warning +serve +Nobody works on what is uploaded/m);
    expect(stdout).toMatch(/^ok +uploads /m);
    expect(stdout).toMatch(/^ok +webhook secret +None yet/m);
    expect(stdout).toMatch(/^ok +model +small .+ this machine/m);
    expect(stdout).toMatch(/^ok +job +.+2 images decode/m);
    expect(exitCode).toBe(0);
    // Looking does not make what is looked for.
    expect(readdirSync(path.join(folder, 'desk'))).not.toContain('webhook-secrets.json');
    expect(readdirSync(path.join(folder, 'desk/buckets/uploads'))).toEqual(['.mv2id-partial']);

    truncateSync(path.join(folder, 'desk/buckets/models/small/vae/diffusion_pytorch_model.safetensors'), 1000);
    const broken = await checkDesk();
    expect(broken.exitCode).toBe(70);
    expect(broken.stdout).toMatch(
      /^problem +model +small\/vae\/diffusion_pytorch_model\.safetensors: its header must be/m,
    );
    expect(broken.stdout).toMatch(
      /^problem +job +model must be one in the models bucket that can be used \(none\), got "small"/m,
    );
  });
});

test.each([
  [1e8, 'problem'],
  [1e9, 'warning'],
  [1e11, 'ok'],
])('%d free bytes are %s', (free, verdict) => {
  expect(judgeDisk(free).verdict).toBe(verdict);
});

test.each([
  [0, 'ok'],
  [1, 'ok'],
  [2, 'ok'],
  [3, 'problem'],
])('%d webhook secrets are %s', (count, verdict) => {
  expect(judgeWebhookSecret(count).verdict).toBe(verdict);
});

test('what fits some of the machines is a warning that names the others', () => {
  const rooms = [
    { machine: 'g5.xlarge', bytes: 24e9 },
    { machine: 'g6e.xlarge', bytes: 48e9 },
  ];
  expect(judgeRoom('model', 'wan', 20e9, rooms).verdict).toBe('ok');
  expect(judgeRoom('model', 'wan', 38e9, rooms)).toEqual({
    check: 'model',
    verdict: 'warning',
    message:
      'wan: about 38.0 GB of memory at the peak, too much for g5.xlarge (24.0 GB): jobs that get such a machine fail.',
  });
  expect(judgeRoom('model', 'wan', 50e9, rooms).verdict).toBe('problem');
});

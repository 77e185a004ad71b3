/** A profile that names a stack: what is read of it, and what is told when it cannot be used. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CloudFormationClient,
  CloudFormationServiceException,
  DescribeStacksCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import { mockClient } from 'aws-sdk-client-mock';
import { endingOf } from '../../cli/exit-code';
import { findDeployment } from '../../cli/profile';
import { type AddProfileOptions, addProfile } from '../../cli/profiles/add';
import { listProfiles, showProfile } from '../../cli/profiles/list';
import type { AwsDeployment } from '../../contract/deployment';
import { useEmulatedCredentials } from '../emulators/emulator';
import { stackOutputs } from '../stack-outputs';

const QUEUE = { url: 'https://sqs.example.com/q', dead_letter_url: 'https://sqs.example.com/d' };
const DEPLOYMENT: AwsDeployment = {
  type: 'aws',
  region: 'eu-central-1',
  buckets: { uploads: 'u', results: 'r', models: 'm' },
  table: 't',
  queues: { intake: QUEUE, jobs: QUEUE, batch_events: QUEUE, webhooks: QUEUE },
  batch: { job_queue: 'q', job_definition: 'd' },
  webhook_secret: 's',
};
const STACK: Stack = {
  StackName: 'mv2id',
  StackId: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/mv2id/1',
  StackStatus: 'UPDATE_COMPLETE',
  CreationTime: new Date(0),
  Outputs: stackOutputs(DEPLOYMENT),
};
const PROFILE = { type: 'stack', region: 'eu-central-1', stack: 'mv2id' };

useEmulatedCredentials();
const cloudFormation = mockClient(CloudFormationClient);
let folder: string;
let userHome: string;
beforeEach(() => {
  cloudFormation.reset();
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-stack-profile-'));
  userHome = path.join(folder, 'user');
});
afterEach(() => rmSync(folder, { recursive: true }));

const nearFile = () => path.join(folder, 'mv2id-profiles.json');
const farFile = () => path.join(userHome, '.config/mv2id/profiles.json');
const surroundings = (env: NodeJS.ProcessEnv = {}) => ({ workingDirectory: folder, userHome, env });

function find(profile: object = PROFILE) {
  writeFileSync(nearFile(), JSON.stringify({ profiles: { prod: profile } }));
  return findDeployment({ profile: 'prod' }, surroundings());
}

async function add(name: string, options: Partial<AddProfileOptions> = {}, env?: NodeJS.ProcessEnv): Promise<string> {
  let text = '';
  const stdout = { write: (line: string) => (text += line) };
  await addProfile(name, { stack: 'mv2id', region: 'eu-central-1', ...options }, { stdout }, surroundings(env));
  return text;
}

describe('reading', () => {
  test('the outputs are the deployment; how to reach AWS comes from the profile', async () => {
    cloudFormation.on(DescribeStacksCommand, { StackName: 'mv2id' }).resolves({ Stacks: [STACK] });
    expect(await find()).toEqual(DEPLOYMENT);
    const reached = { endpoint: 'http://127.0.0.1:4566', aws_profile: 'team' };
    expect(await find({ ...PROFILE, ...reached })).toEqual({ ...DEPLOYMENT, ...reached });
  });

  test('the region and the named AWS profile are those that are asked', async () => {
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [STACK] });
    await find({ ...PROFILE, region: 'us-west-2', aws_profile: 'team' });
    const { config } = cloudFormation.commandCalls(DescribeStacksCommand)[0]!.thisValue as CloudFormationClient;
    expect(await config.region()).toBe('us-west-2');
    expect(config.profile).toBe('team');
  });

  test.each(['CREATE_COMPLETE', 'UPDATE_IN_PROGRESS', 'UPDATE_ROLLBACK_COMPLETE'] as const)(
    'a stack in %s stands',
    async (status) => {
      cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [{ ...STACK, StackStatus: status }] });
      expect(await find()).toEqual(DEPLOYMENT);
    },
  );
});

describe('a stack that cannot be used', () => {
  const noStack = new CloudFormationServiceException({
    name: 'ValidationError',
    message: 'Stack with id mv2id does not exist',
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });
  const answers = (stack: Partial<Stack>) => () =>
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [{ ...STACK, ...stack }] });

  test.each<[string, () => unknown, object, number, string]>([
    [
      'not there',
      () => cloudFormation.on(DescribeStacksCommand).rejects(noStack),
      PROFILE,
      64,
      'stack must be one that is deployed in eu-central-1 in the account of these credentials, got "mv2id", which is not.',
    ],
    [
      'being created',
      answers({ StackStatus: 'CREATE_IN_PROGRESS', Outputs: [] }),
      PROFILE,
      70,
      'The stack mv2id must be complete, got CREATE_IN_PROGRESS: wait until it is complete.',
    ],
    [
      'failed',
      answers({ StackStatus: 'ROLLBACK_COMPLETE', StackStatusReason: 'Resource creation cancelled', Outputs: [] }),
      PROFILE,
      64,
      'The stack mv2id must be complete, got ROLLBACK_COMPLETE (Resource creation cancelled): see its events in CloudFormation, then deploy again.',
    ],
    [
      "somebody else's",
      answers({ Outputs: [{ OutputKey: 'Website', OutputValue: 'x' }] }),
      PROFILE,
      64,
      'The stack mv2id must be one of this service, of this version: UploadsBucket must be an output of the stack, got Website.',
    ],
    [
      'no name',
      () => {},
      { ...PROFILE, stack: 'my stack' },
      64,
      'FILE: profiles.prod: stack must be the name of a CloudFormation stack, got "my stack".',
    ],
    [
      'an unknown key',
      () => {},
      { ...PROFILE, zone: 'a' },
      64,
      'FILE: profiles.prod: zone must be absent (the profile takes type, region, stack, endpoint, endpoints, aws_profile), got "a".',
    ],
  ])('%s', async (_name, answer, profile, exitCode, message) => {
    answer();
    const error = await find(profile).catch((reason: unknown) => reason);
    const ending = endingOf(error);
    expect(ending.lines.map((line) => line.replaceAll(nearFile(), 'FILE'))).toEqual([message]);
    expect(ending.exitCode).toBe(exitCode);
  });
});

describe('mv2id profile', () => {
  test("a first profile goes into the user's file, and is found there", async () => {
    expect(await add('prod', { awsProfile: 'team' })).toContain(
      `${farFile()}: prod is the stack mv2id in eu-central-1.`,
    );
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [STACK] });
    expect(await findDeployment({ profile: 'prod' }, surroundings())).toEqual({ ...DEPLOYMENT, aws_profile: 'team' });
    expect(readdirSync(path.dirname(farFile()))).toEqual(['profiles.json']);
  });

  test('other entries stay, whatever they are, and a file of the project comes before the own one', async () => {
    const before = { note: 'ours', profiles: { desk: { type: 'local', home: 'here' }, odd: 7 } };
    writeFileSync(nearFile(), JSON.stringify(before));
    await add('prod', {}, { AWS_REGION: 'us-west-2' });
    await add('other', { region: undefined }, { AWS_REGION: 'us-west-2' });
    expect(JSON.parse(readFileSync(nearFile(), 'utf8'))).toEqual({
      note: 'ours',
      profiles: { ...before.profiles, prod: PROFILE, other: { ...PROFILE, region: 'us-west-2' } },
    });
    expect(() => readFileSync(farFile())).toThrow('ENOENT');
  });

  test('a name that is taken stays as it is unless it is forced', async () => {
    await add('prod');
    await add('prod'); // the same once more
    await expect(add('prod', { stack: 'other' })).rejects.toThrow(
      `<name> must be new, got "prod", which ${farFile()} has already: --force replaces it.`,
    );
    await add('prod', { stack: 'other', force: true });
    expect(JSON.parse(readFileSync(farFile(), 'utf8'))).toEqual({ profiles: { prod: { ...PROFILE, stack: 'other' } } });
  });

  test.each<[string, Partial<AddProfileOptions>, string]>([
    ['local', {}, '<name> must be letters, digits, ".", "_" and "-", at most 64, and not local, got "local".'],
    ['prod', { region: undefined }, '--region must be an AWS region, such as eu-central-1, got nothing.'],
    ['prod', { stack: 'a b' }, '--stack must be the name of a CloudFormation stack, got "a b".'],
  ])('%s with %j is refused, and nothing is written', async (name, options, message) => {
    await expect(add(name, options)).rejects.toThrow(message);
    expect(() => readFileSync(farFile())).toThrow('ENOENT');
  });

  test('list marks the one in use and says what is wrong with one; show prints the deployment', async () => {
    await add('prod');
    writeFileSync(nearFile(), JSON.stringify({ profiles: { odd: { type: 'stack', region: 'eu-central-1' } } }));
    let text = '';
    const stdout = { write: (line: string) => (text += line) };
    await listProfiles({}, { stdout }, surroundings({ MV2ID_PROFILE: 'prod' }));
    const lines = text.replaceAll(folder, '').replaceAll(/ {2,}/g, '  ').trim().split('\n');
    expect(lines.map((line) => line.trim())).toEqual([
      'NAME  DEPLOYMENT  FILE',
      'local  this machine  built in',
      'odd  not usable: stack must be the name of a CloudFormation stack, got nothing.  /mv2id-profiles.json',
      '*  prod  stack mv2id in eu-central-1  /user/.config/mv2id/profiles.json',
    ]);
    text = '';
    cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [STACK] });
    await showProfile('prod', {}, { stdout }, surroundings());
    expect(JSON.parse(text)).toEqual(DEPLOYMENT);
    text = '';
    await showProfile(undefined, { home: 'here' }, { stdout }, surroundings());
    expect(JSON.parse(text)).toEqual({ type: 'local', home: path.join(folder, 'here') });
  });
});

/** Which deployment a --profile means, and what a wrong one is told. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findDeployment, type ProfileOptions } from '../../cli/profile';
import type { AwsDeployment } from '../../contract/deployment';

const QUEUE = { url: 'https://sqs.example.com/q', dead_letter_url: 'https://sqs.example.com/d' };
const AWS: AwsDeployment = {
  type: 'aws',
  region: 'eu-central-1',
  buckets: { uploads: 'u', results: 'r', models: 'm' },
  table: 't',
  queues: { intake: QUEUE, jobs: QUEUE, batch_events: QUEUE, webhooks: QUEUE },
  batch: { job_queue: 'q', job_definition: 'd' },
  webhook_secret: 's',
};

let folder: string;
let workingDirectory: string;
let userHome: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-profile-'));
  workingDirectory = path.join(folder, 'work');
  userHome = path.join(folder, 'user');
  mkdirSync(workingDirectory);
  mkdirSync(path.join(userHome, '.config/mv2id'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

function find(options: ProfileOptions, env: NodeJS.ProcessEnv = {}) {
  return findDeployment(options, { workingDirectory, userHome, env });
}

function writeNear(content: unknown): void {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  writeFileSync(path.join(workingDirectory, 'mv2id-profiles.json'), text);
}

function writeFar(content: unknown): void {
  writeFileSync(path.join(userHome, '.config/mv2id/profiles.json'), JSON.stringify(content));
}

test('local is what nobody needs to write down', async () => {
  expect(await find({})).toEqual({ type: 'local', home: path.join(workingDirectory, 'mv2id-data') });
  expect(await find({ home: 'other' })).toEqual({ type: 'local', home: path.join(workingDirectory, 'other') });
  expect(await find({ profile: 'local', home: '/data' })).toEqual({ type: 'local', home: '/data' });
});

test('a profile comes from the working directory before the user, by option before environment', async () => {
  writeNear({ profiles: { prod: AWS, desk: { type: 'local', home: 'here' } } });
  writeFar({ profiles: { prod: { type: 'local', home: '/far' }, far: { type: 'local', home: '/far' } } });
  expect(await find({ profile: 'prod' })).toEqual(AWS);
  expect(await find({ profile: 'far' })).toEqual({ type: 'local', home: '/far' });
  expect(await find({}, { MV2ID_PROFILE: 'far' })).toEqual({ type: 'local', home: '/far' });
  expect(await find({ profile: 'prod' }, { MV2ID_PROFILE: 'far' })).toEqual(AWS);
  // Beside the file that names it.
  expect(await find({ profile: 'desk' })).toEqual({ type: 'local', home: path.join(workingDirectory, 'here') });
});

test.each<[string, ProfileOptions, unknown, string]>([
  [
    'no file',
    { profile: 'prod' },
    null,
    '--profile must be one of local; there is no mv2id-profiles.json, got "prod".',
  ],
  ['no such profile', { profile: 'x' }, { profiles: { prod: AWS } }, '--profile must be one of local, prod, got "x".'],
  [
    'a name of Object',
    { profile: 'toString' },
    { profiles: { prod: AWS } },
    '--profile must be one of local, prod, got "toString".',
  ],
  [
    '--home with another',
    { profile: 'prod', home: 'x' },
    { profiles: { prod: AWS } },
    '--home must be absent with another profile than local, got x.',
  ],
  ['no JSON', { profile: 'prod' }, '{', 'FILE must be JSON, got '],
  ['another shape', { profile: 'prod' }, { prod: AWS }, 'FILE: profiles must be a record, got nothing.'],
  [
    'no deployment',
    { profile: 'prod' },
    { profiles: { prod: { ...AWS, table: '' } } },
    'FILE: profiles.prod: table must be ',
  ],
  [
    'an unknown key',
    { profile: 'prod' },
    { profiles: { prod: { ...AWS, zone: 'a' } } },
    'FILE: profiles.prod: zone must be absent',
  ],
  [
    'no type',
    { profile: 'prod' },
    { profiles: { prod: {} } },
    'FILE: profiles.prod: type must be one of "stack", "local", "aws", got nothing.',
  ],
])('%s', async (_name, options, content, message) => {
  if (content !== null) writeNear(content);
  const error: Error = await find(options).then(
    () => new Error('found'),
    (reason: Error) => reason,
  );
  const file = path.join(workingDirectory, 'mv2id-profiles.json');
  expect(error.message.replaceAll(file, 'FILE')).toContain(message);
  expect(error.name).toBe('UsageError');
});

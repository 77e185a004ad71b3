/** `mv2id erase` and `mv2id consent list`, on one machine and on AWS alike; what an erasure does is tested where it is done. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Ask, runErase } from '../../cli/erase';
import { JobLedger } from '../../clients/job-ledger';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import type { Deployment } from '../../contract/deployment';
import { ErasureCertificateSchema } from '../../contract/erasure';
import { recordConsent } from '../../lambdas/record-consent';
import { type EmulatedAws, startEmulatedAws } from '../emulators/aws-deployment';
import { writeReferenceSet } from '../reference-set';
import { run } from './command';
import { finishJob, startJob, takeJob } from './played-service';

const TENANT = 'acme';
const FILES = { 'video.mp4': 'a video', 'poster.jpg': 'a poster' };
const MANIFEST_BYTES = Buffer.from('job.json');

const userHome = process.env.HOME;
let folder: string;
let aws: EmulatedAws;
let profiles: Record<'desk' | 'cloud', Deployment>;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-erase-'));
  aws = await startEmulatedAws();
  mkdirSync(path.join(folder, 'local-home'));
  profiles = { desk: { type: 'local', home: path.join(folder, 'local-home') }, cloud: aws.deployment };
  const config = path.join(folder, '.config', 'mv2id');
  mkdirSync(config, { recursive: true });
  writeFileSync(path.join(config, 'profiles.json'), JSON.stringify({ profiles }));
  process.env.HOME = folder;
});
afterAll(async () => {
  process.env.HOME = userHome;
  await aws.stop();
  rmSync(folder, { recursive: true });
});

describe.each(['desk', 'cloud'] as const)('profile %s', (profile) => {
  let ports: Ports;
  let nextSet = 0;
  let set: string;

  beforeAll(async () => {
    ports = await openPorts(profiles[profile]);
  });
  afterAll(() => ports.close());
  beforeEach(async () => {
    set = `set-${nextSet++}`;
    await sendSet(set);
  });

  const command = (...args: string[]) => run(...args, '--profile', profile);
  const place = () => `${TENANT}/${set}`;

  /** A job that has its video, with a consent as validation records it. */
  async function sendSet(name: string): Promise<void> {
    const source = await writeReferenceSet(path.join(folder, profile, name), { seed: nextSet });
    await command('submit', source, '--tenant', TENANT, '--set', name);
    const { job, manifest } = await takeJob(ports, TENANT, name);
    const vouched = {
      id: job.id,
      tenant: TENANT,
      set: name,
      manifest: manifest!,
      bytes: MANIFEST_BYTES,
      uploadedAt: new Date('2026-11-23T20:33:07Z'),
      uploadedBy: { requester: '123456789012', source_ip: '198.51.100.7' },
    };
    await recordConsent(ports.consents, vouched, new Date('2026-11-23T20:33:08Z'));
    await startJob(ports, job.id);
    await finishJob(ports, job.id, FILES);
  }

  async function uploadsOf(name: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of ports.buckets.uploads.list(`sets/${TENANT}/${name}/`)) keys.push(key);
    return keys;
  }

  test('consent list shows who vouched for whom, and which manifest', async () => {
    const { stdout, exitCode } = await command('consent', 'list', '--tenant', TENANT, '--set', set);
    expect(exitCode).toBe(0);
    const [heading, row, ...more] = stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^JOB +SET +SUBJECT +CONSENT +UPLOADED BY +UPLOADED +RECORDED +JOB.JSON SHA-256$/);
    expect(row).toMatch(
      /^job-\S{26} +acme\/set-\d+ +Test +drawn by a test +123456789012 from 198\.51\.100\.7 +2026-11-23 20:33:07 UTC +2026-11-23 20:33:08 UTC +[0-9a-f]{12}$/,
    );
    expect(more).toEqual([]);
    const asJson = JSON.parse((await command('consent', 'list', '--tenant', TENANT, '--json')).stdout);
    expect(asJson).toContainEqual(expect.objectContaining({ set, subject: 'Test', reference: 'drawn by a test' }));
    const { stderr, exitCode: refused } = await command('consent', 'list', '--set', set);
    expect([refused, stderr]).toEqual([64, 'mv2id: --tenant must be given with --set, got nothing.\n']);
  });

  test('status of a job names its consent', async () => {
    const { records } = await ports.jobs.query('by_set', place());
    expect((await command('status', records[0]!.id)).stdout).toContain(
      '  consent    drawn by a test, recorded 2026-11-23 20:33:08 UTC\n',
    );
  });

  test('erase --dry-run counts and removes nothing', async () => {
    const { stdout } = await command('erase', place(), '--dry-run');
    expect(stdout).toContain(`${place()} has\n`);
    expect(stdout).toMatch(/^ +3 +uploads/m);
    expect(stdout).toMatch(/^ +3 +results/m);
    expect(await uploadsOf(set)).toHaveLength(3);
    const { found } = JSON.parse((await command('erase', place(), '--dry-run', '--json')).stdout);
    expect(found).toContainEqual(expect.objectContaining({ kind: 'consents', count: 1 }));
  });

  test('erase --yes removes it, says so, and writes the certificate', async () => {
    const file = path.join(folder, `${profile}-certificate.json`);
    const { stdout, exitCode } = await command('erase', place(), '--yes', '--certificate', file);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Looked again: nothing is left.\nOut of reach:\n');
    expect(await uploadsOf(set)).toEqual([]);
    const certificate = ErasureCertificateSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    expect(certificate).toMatchObject({
      place: { tenant: TENANT, set },
      is_complete: true,
      deployment: profile === 'desk' ? 'local' : 'aws',
      run: 1,
      requested_by: expect.stringMatching(/^[^@]+@.+$/),
    });
    expect((await command('consent', 'list', '--tenant', TENANT, '--set', set)).stdout).toBe('No consents.\n');
  });

  test('erase of a tenant takes every set', async () => {
    await command('erase', TENANT, '--yes');
    expect((await command('erase', TENANT, '--dry-run')).stdout).toBe(`Nothing is known of ${TENANT}.\n`);
    expect((await command('list', '--tenant', TENANT)).stdout).toBe('No jobs.\n');
  });

  test.each<[string, Ask, string]>([
    ['nobody is there to ask', async () => null, '--yes must be given where nobody can be asked, got nothing.'],
    ['the answer is another', async () => 'yes', 'The answer must be'],
  ])('erase removes nothing when %s', async (_what, ask, message) => {
    const streams = { stdout: { write: () => true }, stderr: { write: () => true } };
    await expect(runErase(place(), { profile }, streams, ask)).rejects.toThrow(message);
    expect(await uploadsOf(set)).toHaveLength(3);
  });

  test('erase asks with what there is, and removes it when the name is typed', async () => {
    let shown = '';
    const streams = { stdout: { write: (text: string) => (shown += text) }, stderr: { write: () => true } };
    const ask: Ask = async (question) => {
      expect(shown).toMatch(/3 +uploads/);
      expect(question).toBe(`Erase all of it, for good? Type ${place()} to agree: `);
      return ` ${place()}\n`;
    };
    await runErase(place(), { profile }, streams, ask);
    expect(await uploadsOf(set)).toEqual([]);
  });

  test.each([
    ['acme/ada/more', '<place> must be a tenant or tenant/set, got acme/ada/more.'],
    ['Acme', 'tenant must be'],
    ['acme/', 'set must be'],
    ['../x', 'tenant must be'],
  ])('erase %s is refused', async (text, message) => {
    const { exitCode, stderr } = await command('erase', text, '--yes');
    expect(exitCode).toBe(64);
    expect(stderr).toContain(message);
  });

  test('results of a job whose retention is over are refused with its day, and status tells it', async () => {
    const { records } = await ports.jobs.query('by_set', place());
    const removed = { output: [], data_removed_at: '2026-12-01T10:00:00.000Z' };
    await new JobLedger(ports).change(records[0]!.job.id, () => ({ job: removed }));
    const { exitCode, stderr } = await command('results', records[0]!.id, '--out', path.join(folder, 'out'));
    expect(exitCode).toBe(64);
    expect(stderr).toContain('got one whose retention was over at 2026-12-01 10:00:00 UTC.');
    expect((await command('status', records[0]!.id)).stdout).toContain(
      '  removed    2026-12-01 10:00:00 UTC: the retention of its results was over\n',
    );
  });
});

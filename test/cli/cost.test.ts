/** `mv2id cost` on both kinds of deployment: days and months, groups, lost Spot time, and jobs without a price. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobLedger } from '../../clients/job-ledger';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import type { Deployment } from '../../contract/deployment';
import type { Job } from '../../contract/job';
import { jobId } from '../../contract/keys';
import { parseManifest } from '../../contract/manifest';
import bundled from '../../contract/prices.json';
import { newRecord } from '../../lambdas/new-record';
import { type EmulatedAws, startEmulatedAws } from '../emulators/aws-deployment';
import { manifest } from '../reference-set';
import { run } from './command';

type Attempt = Job['attempts'][number];

const homeOfUser = process.env.HOME;
let folder: string;
let aws: EmulatedAws;
let ports: Ports;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-cost-'));
  aws = await startEmulatedAws();
  mkdirSync(path.join(folder, 'home'));
  const cloud: Deployment = { ...aws.deployment, region: 'us-east-1' };
  const profiles = { cloud, desk: { type: 'local', home: path.join(folder, 'home') } };
  mkdirSync(path.join(folder, '.config', 'mv2id'), { recursive: true });
  writeFileSync(path.join(folder, '.config', 'mv2id', 'profiles.json'), JSON.stringify({ profiles }));
  process.env.HOME = folder;
  ports = await openPorts(cloud);
  await addJob(ports, 'acme', '2026-09-30T23:59:59.000Z', [hour('on_demand')]);
  // Spot took the first instance away after half an hour.
  const lost = { ...hour('spot'), stopped_at: at('12:30'), reason: 'Host EC2 (instance i-1) terminated; exit code 75' };
  await addJob(ports, 'acme', '2026-10-01T00:00:00.000Z', [lost, { ...hour('spot'), number: 2 }]);
  await addJob(ports, 'acme', '2026-11-02T08:00:00.000Z', [hour('on_demand')]);
  await addJob(ports, 'beta', '2026-11-02T09:00:00.000Z', [hour('on_demand', 'x9.unheard')]);
  await addJob(ports, 'beta', '2026-11-03T09:00:00.000Z', []);
});
afterAll(async () => {
  process.env.HOME = homeOfUser;
  await ports.close();
  await aws.stop();
  rmSync(folder, { recursive: true });
});

function at(time: string): string {
  return `2026-11-20T${time}:00.000Z`;
}

function hour(capacity: Attempt['capacity'], instance_type: string | null = 'p5.48xlarge'): Attempt {
  return { number: 1, started_at: at('12:00'), stopped_at: at('13:00'), reason: null, capacity, instance_type };
}

let sets = 0;
async function addJob(to: Ports, tenant: string, created: string, attempts: Attempt[]): Promise<void> {
  const set = `set-${sets++}`;
  const bytes = new TextEncoder().encode(JSON.stringify(manifest()));
  const id = jobId(tenant, set, bytes);
  const now = new Date(created);
  const ledger = new JobLedger(to, () => now);
  const verdict = { manifest: parseManifest(bytes), webhook: null, images: [], referenceCheck: null, rejection: null };
  await ledger.create(newRecord({ id, tenant, set, uploadedAt: now }, verdict, now));
  if (attempts.length > 0) await ledger.change(id, () => ({ status: 'processing', job: { attempts } }));
}

async function cost(...args: string[]) {
  return run('cost', '--profile', 'cloud', ...args);
}

test('tenants and days, whole months, newest limits included, and what cannot be priced is told', async () => {
  const { exitCode, stdout } = await cost('--from', '2026-10-01', '--to', '2026-11-30');
  expect(exitCode).toBe(0);
  expect(stdout.split('\n')).toEqual([
    'TENANT  DAY         JOBS  ATTEMPTS  GPU HOURS  SPOT LOST  COST USD  UNPRICED',
    'acme    2026-10-01     1         2       1.50       0.50      3.90',
    'acme    2026-11-02     1         1       1.00       0.00      6.88',
    'beta    2026-11-02     1         1       1.00       0.00      0.00         1',
    'beta    2026-11-03     1         0       0.00       0.00      0.00',
    'total                  4         4       3.50       0.50     10.78         1',
    '',
    `Estimated when each job ran; the bundled prices are of ${bundled.as_of}, not checked at their source.`,
    '1 of 4 jobs ran where no price is known: they are not in the cost (docs/cost.md).',
    '',
  ]);
});

test('one tenant, other groups, as JSON and as CSV', async () => {
  const span = ['--from', '2026-09-30', '--to', '2026-11-30'];
  const json = JSON.parse((await cost(...span, '--tenant', 'acme', '--by', 'model', '--json')).stdout);
  const numbers = { jobs: 3, attempts: 4, gpu_hours: 3.5, spot_lost_hours: 0.5, cost_usd: 17.65775, unpriced_jobs: 0 };
  expect(json).toMatchObject({ from: '2026-09-30', to: '2026-11-30', by: ['model'], total: numbers });
  expect(json.rows).toEqual([{ model: 'random', ...numbers }]);
  expect((await cost(...span, '--by', 'day, tenant', '--csv')).stdout.split('\r\n').slice(0, 3)).toEqual([
    'day,tenant,jobs,attempts,gpu_hours,spot_lost_hours,cost_usd,unpriced_jobs',
    '2026-09-30,acme,1,1,1,0,6.88,0',
    '2026-10-01,acme,1,2,1.5,0.5,3.89775,0',
  ]);
});

test('another table of prices estimates anew', async () => {
  const file = path.join(folder, 'prices.json');
  const region = { spot_share: 0.5, on_demand: { 'p5.48xlarge': 80, 'x9.unheard': 8 }, spot: {} };
  const gpus = { 'p5.48xlarge': 8, 'x9.unheard': 1 };
  const table = { ...bundled, is_checked: true, gpus, regions: { [ports.region!]: region } };
  writeFileSync(file, JSON.stringify(table));
  const { stdout } = await cost('--from', '2026-10-01', '--to', '2026-11-30', '--by', 'tenant', '--prices', file);
  expect(stdout.split('\n')).toEqual([
    'TENANT  JOBS  ATTEMPTS  GPU HOURS  SPOT LOST  COST USD  UNPRICED',
    'acme       2         3       2.50       0.50     17.50',
    'beta       2         1       1.00       0.00      8.00',
    'total      4         4       3.50       0.50     25.50',
    '',
    `Estimated anew with prices of ${bundled.as_of}.`,
    '',
  ]);
  writeFileSync(file, JSON.stringify({ ...table, as_of: 'now' }));
  const { exitCode, stderr } = await cost('--prices', file);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 64,
    stderr: `mv2id: ${file}: as_of must be the day that the prices are of (2026-09-25), got "now".\n`,
  });
});

test('one machine’s jobs cost nothing', async () => {
  const local = await openPorts({ type: 'local', home: path.join(folder, 'home') });
  await addJob(local, 'ada', '2026-11-02T08:00:00.000Z', [hour('local', null)]);
  await local.close();
  const { stdout } = await run('cost', '--profile', 'desk', '--from', '2026-11-01', '--to', '2026-11-30', '--json');
  expect(JSON.parse(stdout).total).toMatchObject({ jobs: 1, gpu_hours: 1, cost_usd: 0, unpriced_jobs: 0 });
  expect((await run('cost', '--profile', 'desk', '--from', '2026-12-01', '--to', '2026-12-02')).stdout).toBe(
    'No jobs from 2026-12-01 to 2026-12-02.\n',
  );
});

test.each([
  [['--from', 'yesterday'], '--from must be a day (2026-11-01), got yesterday.'],
  [['--to', '2026-02-31'], '--to must be a day (2026-11-01), got 2026-02-31.'],
  [['--from', '2026-11-02', '--to', '2026-11-01'], '--to must be 2026-11-02 or later, got 2026-11-01.'],
  [['--by', 'colour'], '--by must be one or more of tenant, day, model, each once, with commas between, got colour.'],
  [['--json', '--csv'], '--csv must be absent with --json, got both.'],
  [
    ['--prices', '/nowhere/prices.json'],
    '--prices must be a file that can be read, got /nowhere/prices.json (ENOENT).',
  ],
])('%j is refused', async (args, message) => {
  expect(await cost(...args)).toMatchObject({ exitCode: 64, stdout: '', stderr: `mv2id: ${message}\n` });
});

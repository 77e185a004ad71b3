/**
 * What the service itself costs: jobs whose worker does nothing go from the upload of their set to a verified webhook through the
 * real watcher, stages, queues, Batch and ledger of a local deployment. Each number of jobs runs in a process of its own, so that
 * its memory is its own.
 *
 *   npm run bench:orchestration [-- <number of jobs> ...]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobLedger } from '../clients/job-ledger';
import { peakMemoryBytes } from '../gpu-worker/peak-memory';
import { startDeployment } from '../local/deployment';
import { IdleRunner } from './orchestration/idle-runner';
import { putIdleModel, smallImage, uploadSet } from './orchestration/sets';
import { WebhookReceiver } from './orchestration/webhook-receiver';

interface Figures {
  readonly jobs: number;
  /** From the first upload to the last webhook. */
  readonly seconds: number;
  /** What all threads of the process worked meanwhile; unlike the time, it is the same on a busy machine. */
  readonly cpuSeconds: number;
  /** The largest that the process was, bytes. */
  readonly peakMemory: number;
  /** The embedded store on the disk, bytes. */
  readonly store: number;
}

const SIZES = [100, 1000, 10_000];
const TENANTS = 10;
const SLOTS = 16;
const UPLOADS_AT_ONCE = 16;
const SILENT = {
  info: () => {},
  warn: () => {},
  error: (message: string, about?: object) => console.error(message, about),
};

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === '--measure') return console.log(JSON.stringify(await measure(Number(rest[0]))));
  const sizes = first === undefined ? SIZES : [first, ...rest].map(Number);
  const figures = sizes.map(measureApart);
  console.log(table(figures));
}

function measureApart(jobs: number): Figures {
  const loader = require.resolve('../bin/typescript');
  const args = ['--require', loader, __filename, '--measure', String(jobs)];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(output) as Figures;
}

async function measure(jobs: number): Promise<Figures> {
  const home = mkdtempSync(path.join(tmpdir(), 'mv2id-orchestration-'));
  const deployment = await startDeployment({
    home,
    slots: SLOTS,
    page: { port: 0 },
    log: SILENT,
    runner: (ports) => new IdleRunner(new JobLedger(ports)),
  });
  const { ports } = deployment;
  const receiver = await WebhookReceiver.open(() => ports.secrets.live());
  try {
    await putIdleModel(ports);
    const image = await smallImage();
    const start = performance.now();
    const startCpu = process.cpuUsage();
    const ended = receiver.jobsEnded(jobs);
    const numbers = Array.from({ length: jobs }, (_, i) => i).values();
    const uploadRest = async () => {
      for (const i of numbers) {
        await uploadSet(ports, { tenant: `tenant-${i % TENANTS}`, set: `set-${i}`, image, webhook: receiver.url });
      }
    };
    await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, uploadRest));
    await ended;
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(startCpu);
    const cpuSeconds = (user + system) / 1e6;
    const peakMemory = peakMemoryBytes();
    return { jobs, seconds, cpuSeconds, peakMemory, store: folderSize(ports.home.store) };
  } finally {
    await deployment.stop();
    await receiver.close();
    rmSync(home, { recursive: true });
  }
}

function folderSize(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

/** Beside each figure, how many times that of the line above it is. */
function table(figures: readonly Figures[]): string {
  const lines = figures.map((line, i) => {
    const before = figures[i - 1];
    const times = (of: (figures: Figures) => number) => (before ? ` (x ${(of(line) / of(before)).toFixed(1)})` : '');
    const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
    return [
      `${line.jobs}${times(({ jobs }) => jobs)}`,
      `${line.seconds.toFixed(1)} s${times(({ seconds }) => seconds)}`,
      `${(line.jobs / line.seconds).toFixed(0)}`,
      `${line.cpuSeconds.toFixed(1)} s${times(({ cpuSeconds }) => cpuSeconds)}`,
      `${megabytes(line.peakMemory)}${times(({ peakMemory }) => peakMemory)}`,
      `${megabytes(line.store)}${times(({ store }) => store)}`,
    ];
  });
  const head = ['Jobs', 'Upload to last webhook', 'Jobs a second', 'CPU time', 'Peak memory', 'Store'];
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...lines.map(row)].join('\n');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

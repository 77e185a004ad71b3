/**
 * `mv2id demo`, which is `npm start`: the whole service once, on this machine and with nothing but Node. It starts a deployment in
 * a folder of its own, uploads the bundled example as anybody would, and waits for the video and for the webhook that tells of it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { JobRecord } from '../contract/job-record';
import { byteText } from '../gpu-worker/memory';
import { type RunningDeployment, startDeployment } from '../local/deployment';
import { EXIT_INTERRUPTED, ServiceError } from './exit-code';
import { HOME } from './home';
import { createProgress, type Progress, seconds } from './progress';
import { readReferenceFolder } from './reference-folder';
import { fetchResults } from './results';
import { LOCAL_TENANT, setNameOf } from './set-name';
import { standingJob } from './standing-job';
import type { Streams } from './streams';
import { uploadSet } from './submit';
import { untilInterrupted } from './until-interrupted';
import { jobProgress, watchJob } from './watch-job';
import { expectWebhooks, type WebhookWatch } from './webhook-watch';

export interface DemoOptions {
  readonly out?: string;
  readonly threads?: number;
}

const EXAMPLE = path.join(HOME, 'examples', 'ada');
const POLL_MS = 100;
/** Far beyond what the slowest machine needs: the demo never waits for ever. */
const TIME_LIMIT_MS = 15 * 60_000;

/** @returns the exit code. @throws ServiceError when the video or its webhook does not come. */
export async function runDemo(
  { out = path.join('out', 'ada'), threads }: DemoOptions,
  streams: Streams,
): Promise<number> {
  const startedAt = performance.now();
  const home = await mkdtemp(path.join(tmpdir(), 'mv2id-demo-'));
  const progress = createProgress(streams.stderr);
  const stop = new AbortController();
  void untilInterrupted(() => {
    progress.note('Stopping (again: at once) ...');
    stop.abort(new Interrupted());
  }, EXIT_INTERRUPTED);
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
  let keepsHome = false;
  try {
    await showTheFlow({ home, out: path.resolve(out), threads, progress, signal, stdout: streams.stdout });
    streams.stdout.write(`${seconds((performance.now() - startedAt) / 1000)} in all.\n`);
    return 0;
  } catch (error) {
    progress.end();
    if (error instanceof Interrupted) {
      streams.stderr.write('mv2id: Stopped; nothing was written.\n');
      return EXIT_INTERRUPTED;
    }
    keepsHome = true;
    streams.stderr.write(`The deployment is left in ${home}: its logs may tell more.\n`);
    throw error;
  } finally {
    if (!keepsHome) await rm(home, { recursive: true, force: true });
  }
}

class Interrupted extends Error {}

interface Stage {
  readonly home: string;
  readonly out: string;
  readonly threads: number | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly stdout: Streams['stdout'];
}

async function showTheFlow({ home, out, threads, progress, signal, stdout }: Stage): Promise<void> {
  // 1 A deployment, and somebody who is told
  let deployment: RunningDeployment | undefined;
  const webhooks = await expectWebhooks(async () => (await deployment?.ports.secrets.live()) ?? [], progress);
  try {
    deployment = await startDeployment({
      home,
      bundledModels: path.join(HOME, 'models'),
      page: { port: 0 },
      log: troubleOnly(progress),
      ...(threads !== undefined && { threads }),
    });
    progress.note('The service, on this machine: folders for buckets, processes for Batch.');
    progress.note(`  folders      ${home}/buckets`);
    progress.note(`  status page  ${deployment.url}`);
    progress.note(`  receiver     ${webhooks.url}`);

    // 2 The example, uploaded as anybody would
    const { ports } = deployment;
    const folder = await readReferenceFolder(EXAMPLE, { isLocal: true, webhook: webhooks.url });
    const uploaded = await uploadSet(ports, LOCAL_TENANT, setNameOf(EXAMPLE), folder);
    const { id } = await standingJob(ports, uploaded);
    progress.note(`Uploaded ${path.relative(process.cwd(), EXAMPLE)}: ${folder.images.length} photos and a job.json.`);
    progress.note(`It is ${id}.`);

    // 3 The job, to its end, and the word of it
    const record = await watchJob(() => ports.jobs.get(id), jobProgress(progress), { pollMs: POLL_MS, signal });
    requireSuccess(record);
    await requireTold(webhooks, record, signal);

    // 4 What came of it
    const files = await fetchResults(ports, record.job, out);
    stdout.write(`${webhooks.count()} webhooks received, every signature verified.\n`);
    for (const { file, size } of files) stdout.write(`${path.relative(process.cwd(), file)}  ${byteText(size)}\n`);
  } finally {
    progress.end();
    await deployment?.stop();
    await webhooks.close();
  }
}

function requireSuccess({ job }: JobRecord): void {
  if (job.status === 'succeeded') return;
  throw new ServiceError(`The example must succeed, got ${job.status}: ${job.error?.message ?? 'no reason'}`);
}

async function requireTold(webhooks: WebhookWatch, { job }: JobRecord, signal: AbortSignal): Promise<void> {
  const told = await webhooks.end(job.id, signal);
  if (told.type !== 'job.succeeded') throw new ServiceError(`The webhook must be job.succeeded, got ${told.type}.`);
}

/** What goes well is shown by the progress. */
function troubleOnly(progress: Progress): Parameters<typeof startDeployment>[0]['log'] {
  const note = (message: string, about?: Record<string, unknown>) =>
    progress.note(`${message} ${about ? JSON.stringify(about) : ''}`.trim());
  return { info: () => {}, warn: note, error: note };
}

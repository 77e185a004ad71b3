/**
 * One run of the crash campaign: a deployment, a few jobs, and everything that can go wrong with them. What must hold afterwards
 * stands in `faultsOf`.
 */
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { allRecords } from '../../clients/all-records';
import { openPorts } from '../../clients/open-ports';
import type { Ports } from '../../clients/ports';
import { isTerminal, type JobId } from '../../contract/job';
import { isUnsettled, type JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, jobId, manifestKey, resultKey, uploadKey } from '../../contract/keys';
import { ReportSchema } from '../../contract/report';
import { manifest, writeReferenceSet } from '../reference-set';
import { type FlappingReceiver, startFlappingReceiver } from './flapping-receiver';
import { startQueueChaos } from './queue-chaos';
import { type Random, seeded } from './seeded';
import { killWorkers, Serve } from './victims';

export interface CampaignMaterials {
  /** Folder of the model `random`. */
  readonly model: string;
  /** Folder of a set. */
  readonly set: string;
}

export interface RunFigures {
  jobs: number;
  rejected: number;
  servesKilled: number;
  workersKilled: number;
  duplicated: number;
  delayed: number;
  /** Webhooks that the receiver did not take at first. */
  refused: number;
  /** Webhooks that came again although they had been taken. */
  repeated: number;
  /** Videos of which an earlier attempt had done some steps. */
  resumed: number;
  attempts: number;
  seconds: number;
  /** What must not be: one line each. */
  faults: string[];
}

/** Of the videos of each variant (hashWithoutId), from a run in which nothing went wrong. */
export type ExpectedVideos = ReadonlyMap<number, readonly string[]>;

const TENANT = 'campaign';
/** Each variant makes other videos: one or two of them, of several lengths. */
export const VARIANTS = [
  { seed: 1, steps: 100, num_frames: 17, width: 128, height: 128 },
  { seed: 2, steps: 80, num_frames: 33, width: 128, height: 128 },
  { seed: 3, steps: 50, num_frames: 17, width: 128, height: 128, num_outputs: 2 },
] as const;
/** Time for everything, on a machine with much else to do. */
const PATIENCE_MS = 240_000;
const POLL_MS = 100;

/** @param isCalm nothing goes wrong; every variant is made once. */
export async function campaignRun(
  seed: number,
  materials: CampaignMaterials,
  expected: ExpectedVideos,
  isCalm = false,
): Promise<{ figures: RunFigures; videos: ExpectedVideos }> {
  const startedAt = performance.now();
  // How often the receiver and the queues ask depends on the machine: with streams of their own they change no other decision.
  const [random, receiverRandom, queueRandom] = [seeded(3 * seed), seeded(3 * seed + 1), seeded(3 * seed + 2)];
  const home = mkdtempSync(path.join(tmpdir(), 'mv2id-campaign-'));
  cpSync(materials.model, path.join(home, 'buckets', 'models', 'random'), { recursive: true });
  mkdirSync(path.join(home, 'buckets', 'uploads'), { recursive: true });
  const ports = await openPorts({ type: 'local', home });
  const receiver = await startFlappingReceiver(() => ports.secrets.live(), receiverRandom, isCalm ? 0 : 0.3);
  const figures: RunFigures = {
    ...{ jobs: 0, rejected: 0, servesKilled: 0, workersKilled: 0, duplicated: 0, delayed: 0, refused: 0, repeated: 0 },
    ...{ resumed: 0, attempts: 0, seconds: 0, faults: [] },
  };
  let serve: Serve | null = null;
  try {
    serve = await Serve.start(home);
    const chaos = isCalm ? null : startQueueChaos(ports, queueRandom);
    const submitted = await upload(ports, random, materials, receiver, isCalm);
    figures.jobs = submitted.size;
    if (!isCalm) serve = await strike(home, serve, random, figures);
    await ended(ports, submitted, receiver).catch((error: Error) => figures.faults.push(error.message));
    await chaos?.stop();
    figures.duplicated = chaos?.duplicated ?? 0;
    figures.delayed = chaos?.delayed ?? 0;
    // Whatever is still on its way arrives while nothing else happens.
    await quiet(ports, submitted).catch((error: Error) => figures.faults.push(error.message));
    const videos = await examine(ports, submitted, receiver, expected, figures);
    return { figures, videos };
  } finally {
    await serve?.stop();
    await receiver.close();
    await ports.close();
    figures.seconds = (performance.now() - startedAt) / 1000;
    if (figures.faults.length === 0) rmSync(home, { recursive: true, force: true });
    else figures.faults.push(`The home is left in ${home}.`);
  }
}

/** Uploads 1 to 3 sets; some ask for a model that is not there. @returns the variant of each job, or null where it is to be rejected. */
async function upload(
  ports: Ports,
  random: Random,
  { set }: CampaignMaterials,
  receiver: FlappingReceiver,
  isCalm: boolean,
): Promise<Map<JobId, number | null>> {
  const submitted = new Map<JobId, number | null>();
  const count = isCalm ? VARIANTS.length : random.whole(1, 3);
  for (let i = 0; i < count; i++) {
    const variant = isCalm ? i : random.whole(0, VARIANTS.length - 1);
    const isBad = !isCalm && random.chance(0.1);
    const job = { ...manifest(VARIANTS[variant]), webhook: receiver.url, ...(isBad && { model: 'not-there' }) };
    const name = `set-${i + 1}`;
    for (const file of ['front.png', 'side.png']) {
      await ports.buckets.uploads.put(uploadKey(TENANT, name, file), { file: path.join(set, file) });
    }
    const bytes = new TextEncoder().encode(JSON.stringify(job));
    await ports.buckets.uploads.put(manifestKey(TENANT, name), bytes);
    submitted.set(jobId(TENANT, name, bytes), isBad ? null : variant);
    // Somebody's tool uploads it again.
    if (!isCalm && !isBad && random.chance(0.2)) await ports.buckets.uploads.put(manifestKey(TENANT, name), bytes);
  }
  return submitted;
}

/** Kills serve, workers or both, at random moments of the time that the jobs take. A worker is lost at most three times. */
async function strike(home: string, first: Serve, random: Random, figures: RunFigures): Promise<Serve> {
  let serve = first;
  const strikes = random.whole(1, 3);
  for (let i = 0; i < strikes; i++) {
    await wait(random.whole(0, 2500));
    const victim = random.pick(['serve', 'worker', 'both']);
    if (victim !== 'worker') {
      await serve.kill();
      figures.servesKilled++;
    }
    if (victim !== 'serve') figures.workersKilled += killWorkers(home);
    if (victim !== 'worker') {
      await wait(random.whole(0, 300));
      serve = await Serve.start(home);
    }
  }
  return serve;
}

/** Until every job has ended and somebody was told. */
async function ended(ports: Ports, submitted: ReadonlyMap<JobId, unknown>, receiver: FlappingReceiver): Promise<void> {
  await until('every job to end, and its end to be told', async () => {
    for (const id of submitted.keys()) {
      const record = await ports.jobs.get(id);
      if (!record || !isTerminal(record.job.status)) return `${id}: ${record?.job.status ?? 'no record'}`;
      const isTold = receiver.arrivals.some(
        ({ body, isTaken }) => isTaken && body.data.id === id && isTerminal(body.data.status),
      );
      if (!isTold) return `${id}: ${record.job.status}, not told`;
    }
    return null;
  });
}

/** Until Batch has ended too, every job object is published, and no message is left. */
async function quiet(ports: Ports, submitted: ReadonlyMap<JobId, unknown>): Promise<void> {
  await until('nothing to be under way', async () => {
    for (const id of submitted.keys()) {
      const record = await ports.jobs.get(id);
      if (record && isUnsettled(record)) return `${id} is not settled`;
      if (record?.job.attempts.some(({ stopped_at }) => stopped_at === null)) return `${id} has an attempt without end`;
    }
    for (const [name, queue] of Object.entries(ports.queues)) {
      const { visible, inFlight, delayed } = await queue.depth();
      if (visible + inFlight + delayed > 0)
        return `${name}: ${visible} visible, ${inFlight} in flight, ${delayed} delayed`;
    }
    return null;
  });
}

/** What must hold after every run. @returns the videos of each variant. */
async function examine(
  ports: Ports,
  submitted: ReadonlyMap<JobId, number | null>,
  { arrivals, forged }: FlappingReceiver,
  expected: ExpectedVideos,
  figures: RunFigures,
): Promise<ExpectedVideos> {
  const { faults } = figures;
  const videos = new Map<number, string[]>();
  let known = 0;
  for await (const _ of allRecords(ports.jobs, 'by_tenant', TENANT)) known++;
  if (known !== submitted.size) faults.push(`${submitted.size} jobs were submitted, ${known} are known.`);
  if (forged > 0) faults.push(`${forged} webhooks had no good signature.`);
  for (const [id, variant] of submitted) {
    const record = await ports.jobs.get(id);
    if (!record) continue;
    const wanted = variant === null ? 'rejected' : 'succeeded';
    const { status, error } = record.job;
    if (status !== wanted) faults.push(`${id} must be ${wanted}, got ${status}: ${error?.message}`);
    const ends = arrivals.filter(({ body }) => body.data.id === id && isTerminal(body.data.status));
    const ids = new Set(ends.map((arrival) => arrival.id));
    if (ids.size !== 1) faults.push(`${id} must be told by one webhook id, got ${[...ids].join(', ') || 'none'}.`);
    if (ends.some(({ body }) => body.data.status !== status)) faults.push(`${id} was told to be something else.`);
    await examinePublished(ports, record, faults);
    if (variant === null) figures.rejected++;
    else if (status === 'succeeded') videos.set(variant, await examineResults(ports, record, figures));
    const made = variant === null ? undefined : videos.get(variant);
    const unbroken = variant === null ? undefined : expected.get(variant);
    if (made && unbroken && made.join() !== unbroken.join())
      faults.push(`${id} must make the bytes of an unbroken run.`);
  }
  const taken = arrivals.filter(({ isTaken }) => isTaken);
  figures.refused += arrivals.length - taken.length;
  figures.repeated += taken.length - new Set(taken.map(({ id }) => id)).size;
  return videos;
}

/** A video names its job in its metadata, and two jobs that ask for the same make the same apart from that. */
function hashWithoutId(video: Uint8Array, id: string): string {
  const bytes = Buffer.from(video).toString('latin1').replaceAll(id, 'job');
  return createHash('sha256').update(bytes, 'latin1').digest('hex');
}

async function examinePublished(ports: Ports, { job }: JobRecord, faults: string[]): Promise<void> {
  const published = await ports.buckets.results.get(resultKey(job.id, JOB_FILE_NAME));
  const text = published && new TextDecoder().decode(published.body);
  if (text === null || JSON.stringify(JSON.parse(text)) !== JSON.stringify(job)) {
    faults.push(`${job.id} must stand in the results as in the table.`);
  }
}

/** @returns what the videos hash to without their job's id, in order. */
async function examineResults(ports: Ports, { job }: JobRecord, figures: RunFigures): Promise<string[]> {
  const { results } = ports.buckets;
  const videos: string[] = [];
  for (const { key, sha256, content_type } of job.output) {
    const stored = await results.get(key);
    const found = stored && createHash('sha256').update(stored.body).digest('hex');
    if (found !== sha256) figures.faults.push(`${key} must be as the job says, got ${found}.`);
    if (content_type === 'video/mp4' && stored) videos.push(hashWithoutId(stored.body, job.id));
  }
  const report = await results.get(resultKey(job.id, 'report.json'));
  const { resumed_from_step } = ReportSchema.parse(JSON.parse(new TextDecoder().decode(report!.body)));
  if (resumed_from_step > 0) figures.resumed++;
  figures.attempts += job.metrics.attempts;
  for await (const { key } of results.list(resultKey(job.id, 'checkpoint/'))) {
    figures.faults.push(`${key} must be gone after the end.`);
  }
  return videos;
}

async function until(what: string, missing: () => Promise<string | null>): Promise<void> {
  const limit = performance.now() + PATIENCE_MS;
  for (;;) {
    const lack = await missing();
    if (lack === null) return;
    if (performance.now() > limit) throw new Error(`Waited ${PATIENCE_MS / 1000} s for ${what}: ${lack}.`);
    await wait(POLL_MS);
  }
}

export async function makeMaterials(folder: string, writeModel: (dir: string) => string): Promise<CampaignMaterials> {
  return { model: writeModel(path.join(folder, 'model')), set: await writeReferenceSet(path.join(folder, 'set')) };
}

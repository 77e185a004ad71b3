/**
 * Erases a tenant, or one of its sets: for good, as far as this deployment reaches, and so that nothing comes back.
 *
 *   1 record     from now on nothing uploaded up to this moment becomes a job, and the erasure can be carried on by anybody
 *   2 uploads    every version
 *   3 jobs       canceled, their results, deliveries and records removed
 *   4 consents
 *   5 messages   in queues and among dead letters, as far as they can be seen
 *   6 traces     logs, folders of killed workers
 *   7 look       again at everything; what has come meanwhile goes in another round
 *   8 sweeps     an hour and two days later, by reconcile: what a process wrote that died right after
 *
 * Every step may be repeated, and a run that was killed is carried on by the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ERASED_KINDS,
  type ErasedPlace,
  type Erasure,
  type ErasureCertificate,
  ErasureCertificateSchema,
  placeHash,
} from '../../contract/erasure';
import type { JobId } from '../../contract/job';
import { CLOCK_KEY } from '../../contract/keys';
import { allRecords } from '../all-records';
import { inParallel } from '../in-parallel';
import type { Ports } from '../ports';
import { eraseJob, eraseJobData, type JobErasing } from './erase-job';
import { erasePendingMessages } from './pending-messages';
import { consentsOf, jobsOf, takeStock, uploadsPrefix } from './place-data';
import { Removed } from './removed';

export interface ErasureRequest {
  readonly place: ErasedPlace;
  /** The account that asks. */
  readonly requestedBy: string;
  readonly deployment: ErasureCertificate['deployment'];
}

export interface ErasureOptions {
  readonly now?: () => Date;
  /** Before what is left is looked for. */
  readonly wait?: (milliseconds: number) => Promise<unknown>;
}

const HOUR_MS = 3600_000;
const FIRST_SWEEP_MS = HOUR_MS;
/** Longer than any attempt of a job can last. */
const LAST_SWEEP_MS = 48 * HOUR_MS;
/** A run that has not come to its end by then was killed. */
const ABANDONED_MS = HOUR_MS / 4;
/**
 * By how much the time of an upload may lie behind its being there, and how coarse it is: S3 tells times in whole seconds, and its
 * events a little later ones.
 */
const CLOCK = { local: { marginMs: 0, tickMs: 50 }, aws: { marginMs: 2000, tickMs: 1000 } } as const;
const MAX_ROUNDS = 10;
/** An index may lag behind its table, and a worker takes a moment to end. */
const ROUND_WAIT_MS = { local: 100, aws: 1000 } as const;
const AT_ONCE = 16;

/** @returns what is gone and what is not. Throws only where a store or queue does: the erasure then stands as begun. */
export async function erasePlace(
  ports: Ports,
  { place, requestedBy, deployment }: ErasureRequest,
  { now = () => new Date(), wait = sleep }: ErasureOptions = {},
): Promise<ErasureCertificate> {
  const uploadTime = () => (deployment === 'aws' ? storeTime(ports) : now());
  const begun = await beginErasure(ports, place, requestedBy, now(), await uploadTime());
  const removed = new Removed();
  const erasing: JobErasing = { ports, erasure: begun.id, now, removed };
  // Those of a run that was killed: their records may be gone and their files not.
  const ids = await buriedJobs(ports, begun.id);
  let { found: remaining, newest } = await takeStock(ports, place, ids);
  const { marginMs, tickMs } = CLOCK[deployment];
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const time = await uploadTime();
    const until = new Date(Math.max(time.getTime(), newest?.getTime() ?? 0) + marginMs);
    await updateErasure(ports, begun.id, (erasure) => ({
      ...erasure,
      erased_until: later(erasure.erased_until, until),
    }));
    await eraseUntil(place, until, erasing, ids);
    // Looked at from a moment on when whatever comes bears a later time: it is new, and nothing is both left and refused.
    await wait(Math.max(ROUND_WAIT_MS[deployment], until.getTime() + tickMs - time.getTime()));
    ({ found: remaining, newest } = await takeStock(ports, place, ids));
    if (isNothing(remaining)) break;
  }
  const finished = await endErasure(ports, begun.id, removed, isNothing(remaining), now());
  return ErasureCertificateSchema.parse({
    schema_version: 1,
    type: 'mv2id.erasure',
    place,
    place_sha256: finished.id,
    deployment,
    requested_by: finished.requested_by,
    requested_at: finished.requested_at,
    finished_at: now().toISOString(),
    erased_until: finished.erased_until,
    run: finished.runs,
    removed: removed.list(),
    remaining: remaining.counts(),
    is_complete: isNothing(remaining),
    out_of_reach: [...ports.traces.outOfReach],
  } satisfies ErasureCertificate);
}

/** What the bucket takes for now: it is its times that uploads are known by, and our clock may be wrong by minutes. */
async function storeTime({ buckets: { results } }: Ports): Promise<Date> {
  await results.put(CLOCK_KEY, '{}', { contentType: 'application/json' });
  const stored = await results.head(CLOCK_KEY);
  if (!stored) throw new Error(`${CLOCK_KEY} must be there when it has been written, got nothing.`);
  return stored.lastModified;
}

/** Whether a finished erasure is to be looked after. */
export function isSweepDue({ sweep_at }: Erasure, now: Date): boolean {
  return sweep_at !== null && Date.parse(sweep_at) <= now.getTime();
}

/** Begun, and not come to its end for so long that it was killed. */
export function isAbandoned({ status, erased_until }: Erasure, now: Date): boolean {
  return status === 'running' && now.getTime() - Date.parse(erased_until) > ABANDONED_MS;
}

/**
 * Removes what belongs to a finished erasure and is there all the same. Uploads are not looked at: no process of the service writes
 * them, and none need be able to delete them.
 * @returns what that was.
 */
export async function sweepErasure(
  ports: Ports,
  erasure: Erasure,
  now: () => Date = () => new Date(),
): Promise<Removed> {
  const { id, place, erased_until } = erasure;
  const removed = new Removed();
  if (place === null) return removed;
  const erasing: JobErasing = { ports, erasure: id, now, removed };
  await eraseRecords(place, new Date(erased_until), erasing, await buriedJobs(ports, id));
  await updateErasure(ports, id, (stored) => afterSweep(stored, removed, now()));
  return removed;
}

async function buriedJobs({ erasedJobs }: Ports, erasure: string): Promise<Set<JobId>> {
  const ids = new Set<JobId>();
  for await (const { id } of allRecords(erasedJobs, 'by_set', erasure)) ids.add(id);
  return ids;
}

/** @param ids of jobs that were erased before; gets those of the jobs that are there. */
async function eraseUntil(place: ErasedPlace, until: Date, erasing: JobErasing, ids: Set<JobId>): Promise<void> {
  const { ports, removed } = erasing;
  for await (const { key, size } of ports.buckets.uploads.erase(uploadsPrefix(place), { until })) {
    removed.add('uploads', key, size);
  }
  await eraseRecords(place, until, erasing, ids);
  await erasePendingMessages(ports, place, ids, removed);
}

async function eraseRecords(place: ErasedPlace, until: Date, erasing: JobErasing, ids: Set<JobId>): Promise<void> {
  const { ports, removed } = erasing;
  const isMeant = ({ uploaded_at }: { uploaded_at: string }) => Date.parse(uploaded_at) <= until.getTime();
  await inParallel([...ids], AT_ONCE, (id) => eraseJobData(id, erasing));
  await inParallel(jobsOf(ports, place), AT_ONCE, async (record) => {
    if (!isMeant(record)) return;
    ids.add(record.job.id);
    await eraseJob(record, erasing);
  });
  await inParallel(consentsOf(ports, place), AT_ONCE, async (consent) => {
    if (!isMeant(consent)) return;
    await ports.consents.delete(consent.id);
    removed.add('consents', consent.id);
  });
  for (const { kind, name, bytes } of await ports.traces.erase(ids, uploadsPrefix(place))) {
    removed.add(kind, name, bytes);
  }
}

/** @param until the time of uploads that are to be gone. */
async function beginErasure(
  ports: Ports,
  place: ErasedPlace,
  requestedBy: string,
  now: Date,
  until: Date,
): Promise<Erasure> {
  const id = placeHash(place);
  const first: Erasure = {
    id,
    version: 1,
    scope: place.set === null ? 'tenant' : 'set',
    place,
    status: 'running',
    requested_by: requestedBy,
    requested_at: now.toISOString(),
    erased_until: until.toISOString(),
    finished_at: null,
    sweep_at: null,
    runs: 1,
    removed: {},
  };
  if (await ports.erasures.insert(first)) return first;
  return updateErasure(ports, id, (stored) => {
    const isCarriedOn = stored.status === 'running';
    const erased_until = later(stored.erased_until, until);
    if (isCarriedOn) return { ...stored, place, erased_until, runs: stored.runs + 1 };
    return { ...first, version: stored.version, erased_until, removed: stored.removed };
  });
}

function endErasure(ports: Ports, id: string, removed: Removed, isComplete: boolean, now: Date): Promise<Erasure> {
  return updateErasure(ports, id, (stored) => {
    const counted = { ...stored, removed: sum(stored.removed, removed) };
    if (!isComplete) return counted;
    const sweep_at = new Date(now.getTime() + FIRST_SWEEP_MS).toISOString();
    return { ...counted, status: 'done', finished_at: now.toISOString(), sweep_at };
  });
}

/** Once the last sweep is done nobody need know the place any more. */
function afterSweep(stored: Erasure, removed: Removed, now: Date): Erasure {
  // Begun anew meanwhile: it is finished, and looked after, by whoever did.
  if (stored.finished_at === null) return stored;
  const counted = { ...stored, removed: sum(stored.removed, removed) };
  const lastSweep = Date.parse(stored.finished_at) + LAST_SWEEP_MS;
  if (now.getTime() < lastSweep) return { ...counted, sweep_at: new Date(lastSweep).toISOString() };
  return { ...counted, sweep_at: null, place: null };
}

async function updateErasure(ports: Ports, id: string, change: (erasure: Erasure) => Erasure): Promise<Erasure> {
  for (;;) {
    const stored = await ports.erasures.get(id);
    if (!stored) throw new Error(`Erasure ${id} must be in the table, got nothing.`);
    const updated = await ports.erasures.replace(change(stored));
    if (updated) return updated;
  }
}

function isNothing(found: Removed): boolean {
  return ERASED_KINDS.every((kind) => found.count(kind) === 0);
}

function sum(before: Erasure['removed'], removed: Removed): Erasure['removed'] {
  const counts = removed.counts();
  return Object.fromEntries(ERASED_KINDS.map((kind) => [kind, (before[kind] ?? 0) + counts[kind]]));
}

function later(one: string, other: Date): string {
  return Date.parse(one) > other.getTime() ? one : other.toISOString();
}

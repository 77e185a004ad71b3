/**
 * Walks through the uploads bucket, a stretch a run, and begins anew at its end: a bucket may hold more sets than one run can look
 * at. Where it stands is an object in the results bucket.
 *
 * A set that has a job keeps it, so what was uploaded before everything was last found seen is not looked up again: the cost of a
 * sweep is its listing, and one look-up for every upload since.
 */
import { z } from 'zod';
import { type ObjectInfo, PreconditionFailed } from '../clients/object-store';
import { parseUploadKey, SWEEP_KEY, UPLOADS_PREFIX } from '../contract/keys';
import { MANIFEST_FILE_NAME } from '../contract/manifest';
import type { StageContext } from './stage';

/** One part of the bucket, in the order of its keys. */
export interface Stretch {
  /** Every job.json in it, by key. */
  readonly manifests: ReadonlyMap<string, ObjectInfo>;
  /** Whether a key would be listed here if it were there. */
  covers(key: string): boolean;
  /** Whether an earlier sweep has found a job for everything that was uploaded by then. */
  isSettled(uploadedAt: Date): boolean;
  /**
   * The next run goes on behind this stretch.
   * @param oldestUnseen upload time of the first job.json here that has no job; null when each has.
   */
  finish(oldestUnseen: Date | null): Promise<void>;
}

const Time = z.iso.datetime();
const SweepSchema = z.strictObject({
  schema_version: z.literal(1),
  /** Where the next stretch begins; null for the beginning of the bucket. */
  after: z.string().nullable(),
  /** Of the sweep under way, if one is. */
  started_at: Time.nullable(),
  oldest_unseen: Time.nullable(),
  /** Everything uploaded before has its job. */
  settled_until: Time.nullable(),
});
type Sweep = z.output<typeof SweepSchema>;

const FIRST: Sweep = { schema_version: 1, after: null, started_at: null, oldest_unseen: null, settled_until: null };
/** S3's clock and ours differ a little, and what is younger is still on its way by itself. */
const GRACE_MS = 60_000;

/** @param maxKeys how many objects are listed at most. */
export async function nextStretch(context: StageContext, maxKeys: number): Promise<Stretch> {
  const { ports, now, isLocal } = context;
  const stored = await ports.buckets.results.get(SWEEP_KEY);
  const sweep = stored ? SweepSchema.parse(JSON.parse(Buffer.from(stored.body).toString('utf8'))) : FIRST;
  const startedAt = sweep.started_at ?? now().toISOString();

  const manifests = new Map<string, ObjectInfo>();
  let last: string | null = null;
  let listed = 0;
  for await (const object of ports.buckets.uploads.list(UPLOADS_PREFIX, { after: sweep.after })) {
    if (parseUploadKey(object.key)?.file === MANIFEST_FILE_NAME) manifests.set(object.key, object);
    last = object.key;
    listed += 1;
    if (listed === maxKeys) break;
  }
  const isAtEnd = listed < maxKeys;

  return {
    manifests,
    covers: (key) => isBefore(sweep.after, key) && (isAtEnd || !isBefore(last, key)),
    // On one machine a file that is moved into the folder bears the time when it was written, however old.
    isSettled: (uploadedAt) =>
      !isLocal && sweep.settled_until !== null && uploadedAt.getTime() < Date.parse(sweep.settled_until),
    finish: async (oldestUnseen) => {
      const oldest = earliest(sweep.oldest_unseen, oldestUnseen?.toISOString() ?? null);
      const seenAtStart = new Date(Date.parse(startedAt) - GRACE_MS).toISOString();
      const next: Sweep = isAtEnd
        ? { ...FIRST, settled_until: earliest(seenAtStart, oldest) }
        : { ...sweep, after: last, started_at: startedAt, oldest_unseen: oldest };
      await store(next, stored?.etag ?? null, context);
    },
  };
}

/** Two runs at once look at the same stretch; the one that ends first says where it goes on. */
async function store(sweep: Sweep, etag: string | null, { ports }: StageContext): Promise<void> {
  const condition = etag === null ? ({ ifNoneMatch: '*' } as const) : { ifMatch: etag };
  try {
    const body = JSON.stringify(sweep);
    await ports.buckets.results.put(SWEEP_KEY, body, { contentType: 'application/json', ...condition });
  } catch (error) {
    if (!(error instanceof PreconditionFailed)) throw error;
  }
}

/** In the order of a listing: by the bytes of UTF-8. Null stands before every key. */
function isBefore(one: string | null, other: string): boolean {
  return one === null || Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0;
}

function earliest(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

/**
 * Stage 1: a job.json was uploaded or deleted. Uploaded, it becomes a job, `queued` or `rejected`; deleted, its jobs are canceled.
 * An event is only a hint to look: what counts is what lies in the bucket now, so repeated, late and reordered events do no harm.
 */

import { allRecords } from '../clients/all-records';
import { erasureOf } from '../clients/erase/is-erased';
import { withdrawJob } from '../clients/erase/withdraw-job';
import { ObjectTooLarge } from '../clients/object-store';
import type { Consent } from '../contract/consent';
import { UploadEventSchema } from '../contract/events';
import { isTerminal, type JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { jobId, manifestKey, parseUploadKey } from '../contract/keys';
import { MAX_MANIFEST_BYTES } from '../contract/limits';
import { MANIFEST_FILE_NAME, type Manifest, manifestTooLarge, parseManifest, webhookOf } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';
import { rejectionOf } from '../faces/check/check-references';
import { sharedFaces } from '../faces/shared-faces';
import { judgeImages, missingImages, type Place, requireModel } from './check-set';
import { CANCELED, endJob } from './end-job';
import { newRecord, type Verdict } from './new-record';
import { recordConsent, uploaderOf } from './record-consent';
import { RetryLater, type Stage, type StageContext } from './stage';
import { sendSubmitMessages } from './submit-message';
import { literalAddressProblem } from './webhook-address';

/** A job.json as it lies in the bucket. */
interface Upload extends Place {
  /** What its job id is made of: its bytes, or size and etag of one that is too large to be read. */
  readonly identity: Uint8Array;
  /** Null when it is too large. */
  readonly bytes: Uint8Array | null;
  readonly size: number;
  readonly uploadedAt: Date;
}

/** Files that are uploaded in parallel arrive in any order; after this time a missing one is not on its way. */
const IMAGES_ARRIVE_WITHIN_SECONDS = 60;
/** Growing, so that few deliveries cover the whole time: a queue gives a message up after a number of them. */
const IMAGE_RETRY_SECONDS = [2, 5, 10, 20, 30];

/** @throws Error when the message is no upload event; RetryLater while images may be on their way. */
export const validate: Stage = async ({ body, receiveCount }, context) => {
  const event = UploadEventSchema.parse(JSON.parse(body));
  const key = parseUploadKey(event.detail.object.key);
  if (key?.file !== MANIFEST_FILE_NAME) return;
  const time = new Date(event.time);
  if (event['detail-type'] === 'Object Deleted') await cancelJobs(key, time, context);
  else await acceptUpload(key, time, uploaderOf(event), receiveCount, context);
};

async function acceptUpload(
  place: Place,
  time: Date,
  uploadedBy: Consent['uploaded_by'],
  receiveCount: number,
  context: StageContext,
): Promise<void> {
  const { ports, ledger, log } = context;
  const upload = await readUpload(place, time, context);
  // Deleted since: the event of that cancels what there is.
  if (!upload) return;
  const { id, record } = await findJob(upload, context);
  if (record) {
    // An earlier delivery may have died before it had told everybody.
    await ledger.settle(record);
    if (record.job.status === 'queued') await sendSubmitMessages([record], ports.queues.jobs);
    return;
  }
  const verdict = await judge(upload, receiveCount, context);
  const { manifest, rejection } = verdict;
  if (manifest && upload.bytes && !rejection) {
    await recordConsent(ports.consents, { id, ...upload, bytes: upload.bytes, manifest, uploadedBy }, context.now());
  }
  const created = await ledger.create(newRecord({ id, ...upload }, verdict, context.now(), context.retentionDays));
  // An erasure that was done between reading job.json and creating its job has not seen the job.
  const erasure = await erasureOf(ports, place, upload.uploadedAt);
  if (erasure !== null) {
    await withdrawJob(ports, created.record, erasure, context.now());
    return log.info('Upload was erased.', { job_id: id });
  }
  const { status, error } = created.record.job;
  log.info(`Job ${status}.`, { job_id: id, ...place, ...(error && { error: error.message }) });
  if (status !== 'queued') return;
  // A delete that was handled between reading job.json and creating its job has not seen the job.
  if (await ports.buckets.uploads.head(manifestKey(place.tenant, place.set))) {
    await sendSubmitMessages([created.record], ports.queues.jobs);
  } else await endJob(id, CANCELED, context);
}

/** Cancels what was uploaded before the deletion, except the job that the job.json of a later upload stands for. */
async function cancelJobs(place: Place, time: Date, context: StageContext): Promise<void> {
  const upload = await readUpload(place, time, context);
  const kept = upload && (await findJob(upload, context)).id;
  for await (const record of allRecords(context.ports.jobs, 'by_set', `${place.tenant}/${place.set}`)) {
    const isEarlier = Date.parse(record.uploaded_at) <= time.getTime();
    if (!isEarlier || record.id === kept || !isToCancel(record, time)) continue;
    await endJob(record.job.id, CANCELED, context);
    context.log.info('Job canceled.', { job_id: record.id, ...place });
  }
}

/** Open, or canceled since the deletion by a delivery that may have died before it reached Batch. */
function isToCancel({ job }: JobRecord, time: Date): boolean {
  if (!isTerminal(job.status)) return true;
  return job.status === 'canceled' && Date.parse(job.completed_at ?? job.created_at) >= time.getTime();
}

async function readUpload({ tenant, set }: Place, time: Date, context: StageContext): Promise<Upload | null> {
  const key = manifestKey(tenant, set);
  try {
    const object = await context.ports.buckets.uploads.get(key, { maxBytes: MAX_MANIFEST_BYTES });
    if (!object) return null;
    const { body, size, lastModified } = object;
    return { tenant, set, identity: body, bytes: body, size, uploadedAt: later(time, lastModified) };
  } catch (error) {
    if (!(error instanceof ObjectTooLarge)) throw error;
    const { size, etag, lastModified } = error.info;
    const identity = new TextEncoder().encode(`${size} ${etag}`);
    return { tenant, set, identity, bytes: null, size, uploadedAt: later(time, lastModified) };
  }
}

/** S3 tells the time of an object in whole seconds, that of an event in milliseconds. */
function later(one: Date, other: Date): Date {
  return one > other ? one : other;
}

/**
 * The job that an upload stands for, or the id of the one that it is to become. The same bytes uploaded once more mean the same
 * job, unless that one is over without success: then they are a new wish, and a further run.
 */
async function findJob(upload: Upload, { ports }: StageContext): Promise<{ id: JobId; record: JobRecord | null }> {
  for (let run = 0; ; run++) {
    const id = jobId(upload.tenant, upload.set, upload.identity, run);
    const record = await ports.jobs.get(id);
    // A job that was erased is as good as over: its id stays its own, so that what is still under way for it meets no other.
    if (!record && (await ports.erasedJobs.get(id))) continue;
    if (!record || !isOver(record, upload.uploadedAt)) return { id, record };
  }
}

/**
 * Whether an upload asks for another run than this one. A canceled job's job.json was deleted, so the one that is there came later,
 * whatever the clocks say; and what was uploaded when the job's was is the job's, even where the bucket's clock is ahead of ours.
 */
function isOver({ job, uploaded_at }: JobRecord, uploadedAt: Date): boolean {
  if (!isTerminal(job.status) || job.status === 'succeeded') return false;
  if (job.status === 'canceled') return true;
  const endedAt = Math.max(Date.parse(job.completed_at ?? job.created_at), Date.parse(uploaded_at));
  return uploadedAt.getTime() > endedAt;
}

/** @throws RetryLater while images may be on their way. */
async function judge(upload: Upload, receiveCount: number, context: StageContext): Promise<Verdict> {
  const { ports, isLocal } = context;
  let manifest: Manifest | null = null;
  const webhook = upload.bytes && allowedWebhook(webhookOf(upload.bytes, { isLocal }), isLocal);
  try {
    if (!upload.bytes) throw manifestTooLarge(upload.size);
    manifest = parseManifest(upload.bytes, { isLocal });
    requireWebhookAddress(manifest, isLocal);
    await requireModel(manifest.model, ports.buckets.models);
    await requireImages(manifest, upload, receiveCount, context);
    const { images, check } = await judgeImages(manifest, upload, ports, await sharedFaces());
    return { manifest, webhook, images, referenceCheck: check, rejection: rejectionOf(check) };
  } catch (error) {
    if (!(error instanceof JobRejected)) throw error;
    return { manifest, webhook, images: [], referenceCheck: null, rejection: error };
  }
}

function allowedWebhook(webhook: string | null, isLocal: boolean): string | null {
  return webhook !== null && literalAddressProblem(webhook, { isLocal }) === null ? webhook : null;
}

function requireWebhookAddress({ webhook }: Manifest, isLocal: boolean): void {
  const problem = webhook === undefined ? null : literalAddressProblem(webhook, { isLocal });
  if (problem !== null) throw new JobRejected('invalid_manifest', [{ path: 'webhook', message: problem }]);
}

async function requireImages(
  manifest: Manifest,
  upload: Upload,
  receiveCount: number,
  { ports, now }: StageContext,
): Promise<void> {
  const [first, ...rest] = await missingImages(manifest, upload, ports);
  if (!first) return;
  const ageSeconds = (now().getTime() - upload.uploadedAt.getTime()) / 1000;
  const leftSeconds = Math.ceil(IMAGES_ARRIVE_WITHIN_SECONDS - ageSeconds);
  if (leftSeconds <= 0) throw new JobRejected('invalid_image', [first, ...rest]);
  const wait = IMAGE_RETRY_SECONDS[receiveCount - 1] ?? IMAGE_RETRY_SECONDS.at(-1)!;
  throw new RetryLater(Math.min(wait, leftSeconds), first.message);
}

/**
 * Every object key of the three buckets (or folders), built and parsed here and nowhere else.
 *
 *   uploads  sets/<tenant>/<set>/<image>, sets/<tenant>/<set>/job.json
 *   results  jobs/<job id>/video.mp4, poster.jpg, report.html, report.json, job.json, references/<n>-<image>.png,
 *            checkpoint/<file>; service/<file>
 *   models   <model id>/<path in the diffusers layout>
 */
import { createHash } from 'node:crypto';
import { fieldError } from './field-error';
import { type JobId, JobIdSchema } from './job';
import { MANIFEST_FILE_NAME } from './manifest';
import { JobRejected } from './rejection';

/** What an upload key says. */
export interface UploadKey {
  readonly tenant: string;
  readonly set: string;
  readonly file: string;
}

/** What a result key says. `file` may be in a folder: `checkpoint/latents.safetensors`. */
export interface ResultKey {
  readonly jobId: JobId;
  readonly file: string;
}

/** Tenants and sets become folder names, Batch job names and queue groups: the narrowest of their alphabets. */
const NAME = /^[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?$/;
const NAME_RULE = 'lower-case letters, digits, "-" and "_", at most 64, starting and ending with a letter or digit';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** 26 digits of 5 bits: 130 bits of the hash, so that two jobs never meet. */
const JOB_ID_DIGITS = 26;

export const POSTER_FILE_NAME = 'poster.jpg';
export const REPORT_HTML_FILE_NAME = 'report.html';
export const REPORT_JSON_FILE_NAME = 'report.json';
/** The job object in the results bears the manifest's name: one is what was asked, the other what came of it. */
export const JOB_FILE_NAME = 'job.json';
/** Every upload's key starts with it. */
export const UPLOADS_PREFIX = 'sets/';
/** In the results bucket, beside the jobs: how far the uploads have been looked through. */
export const SWEEP_KEY = 'service/uploads-sweep.json';
/** Written to learn what time the bucket has. */
export const CLOCK_KEY = 'service/clock.json';
/** From which day on jobs may be due for removal. */
export const EXPIRY_KEY = 'service/expiry.json';
/** Of every model in the diffusers layout. A model that lacks it is none: it comes last into the bucket, and goes first. */
export const MODEL_INDEX_FILE_NAME = 'model_index.json';
/** `{"<path>": "<sha256>"}` of every other file of a model, where whoever brought the model wrote one. */
export const MODEL_HASHES_FILE_NAME = 'sha256.json';
/** Of a job's results: the references as the model was fed them. */
export const REFERENCES_FOLDER = 'references';
const CHECKPOINT_FOLDER = 'checkpoint';
/** Of an image's name: with the number and the ending within what file systems allow, whatever its script. */
const STEM_CHARACTERS = 60;

/**
 * The same tenant, set and manifest bytes always give the same job, so a repeated or reordered event finds it again.
 * @param run how often these very bytes were asked for again after a run that did not succeed, from 0.
 */
export function jobId(tenant: string, set: string, manifest: Uint8Array, run = 0): JobId {
  const place = `${requireName('tenant', tenant)}/${requireName('set', set)}`;
  const hash = createHash('sha256').update(run === 0 ? `${place}\n` : `${place}/${run}\n`);
  const bits = BigInt(`0x${hash.update(manifest).digest('hex')}`);
  const digit = (i: number) => BASE32[Number((bits >> BigInt(256 - 5 * (i + 1))) & 31n)];
  return JobIdSchema.parse(`job-${Array.from({ length: JOB_ID_DIGITS }, (_, i) => digit(i)).join('')}`);
}

export function uploadKey(tenant: string, set: string, file: string): string {
  return `sets/${requireName('tenant', tenant)}/${requireName('set', set)}/${file}`;
}

export function manifestKey(tenant: string, set: string): string {
  return uploadKey(tenant, set, MANIFEST_FILE_NAME);
}

/** Null when the key is not one of an upload: a notification about it is nobody's job. */
export function parseUploadKey(key: string): UploadKey | null {
  const [folder, tenant, set, file, ...more] = key.split('/');
  if (folder !== 'sets' || !tenant || !set || !file || more.length > 0) return null;
  return NAME.test(tenant) && NAME.test(set) ? { tenant, set, file } : null;
}

export function resultKey(id: JobId, file: string): string {
  return `jobs/${id}/${file}`;
}

/** @param index which output of the job, from 0. The first keeps the plain name: nearly every job has one. */
export function videoFileName(index = 0): string {
  return index === 0 ? 'video.mp4' : `video-${index + 1}.mp4`;
}

export function posterFileName(index = 0): string {
  return index === 0 ? POSTER_FILE_NAME : `poster-${index + 1}.jpg`;
}

/** @param number which of the references that the model was fed, from 1. @param image its file in the set, with its ending. */
export function referenceFileName(number: number, image: string): string {
  const stem = image.slice(0, image.lastIndexOf('.'));
  return `${REFERENCES_FOLDER}/${number}-${Array.from(stem).slice(0, STEM_CHARACTERS).join('')}.png`;
}

export function checkpointKey(id: JobId, file: string): string {
  return resultKey(id, `${CHECKPOINT_FOLDER}/${file}`);
}

export function parseResultKey(key: string): ResultKey | null {
  const [folder, id, ...rest] = key.split('/');
  const parsed = JobIdSchema.safeParse(id);
  const file = rest.join('/');
  return folder === 'jobs' && parsed.success && file !== '' ? { jobId: parsed.data, file } : null;
}

/**
 * The name of a result that people are given: a file beside job.json, or a reference in its folder. Null for a checkpoint, and for
 * what would lead out of the job.
 */
export function deliveredName(file: string): string | null {
  const prefix = `${REFERENCES_FOLDER}/`;
  const name = file.startsWith(prefix) ? file.slice(prefix.length) : file;
  return name === '' || name.includes('/') || name.startsWith('.') ? null : name;
}

/** @param path inside the model directory, such as `transformer/config.json`. */
export function modelKey(modelId: string, path: string): string {
  return `${modelId}/${path}`;
}

/** @throws JobRejected when the name cannot be a tenant or a set. */
function requireName(field: 'tenant' | 'set', name: string): string {
  if (!NAME.test(name)) throw new JobRejected('invalid_setting', [fieldError(field, NAME_RULE, name)]);
  return name;
}

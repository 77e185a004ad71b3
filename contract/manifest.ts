/**
 * job.json, schema version 1: what somebody writes beside the reference images to ask for a video. Strict: an unknown key is an
 * error, because a misspelt setting that is silently ignored costs GPU time. It names no bucket, no prefix and no address but the
 * webhook's, so a manifest can reach nothing but its own set.
 *
 * Under `input` only the prompt is required. What is left out is decided by the model (`defaults` in its
 * reference_conditioning.json), so a set runs on any model.
 */
import { z } from 'zod';
import { type FieldError, fieldError, fieldErrors, mustBe } from './field-error';
import { JOB_EVENT_TYPES } from './job';
import * as limits from './limits';
import { ERROR_CODES } from './reference-check';
import { JobRejected } from './rejection';

export const MANIFEST_FILE_NAME = 'job.json';

/** Where the head of a reference is turned to, as its uploader sees it; left and right are the subject's own. */
export const VIEWS = ['front', 'left_45', 'left_profile', 'right_45', 'right_profile', 'up', 'down', 'back'] as const;

/** What is done to the images before a model sees them: the person cut out onto white, or nothing but the fitting into the video. */
export const PREPARATIONS = ['cut_out', 'as_uploaded'] as const;

/** A plain file name of an image: no folder, no leading dot, no control character. */
const FILE_NAME = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._()@+=,-]*\.([pP][nN][gG]|[jJ][pP][eE]?[gG]|[wW][eE][bB][pP])$/u;
const MODEL_ID = /^[a-z0-9][a-z0-9._-]{0,99}$/;
const SHA256 = /^[0-9a-f]{64}$/;
/** The parser of URLs would forgive a missing slash, spaces and line breaks. */
const HTTPS = /^[hH][tT][tT][pP][sS]:\/\//;
/** As the parser of URLs writes them. */
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

const ImageSchema = z.strictObject({
  file: z
    .string()
    .max(limits.MAX_FILE_NAME_LENGTH)
    .regex(FILE_NAME)
    .meta({
      rule: `a plain file name of at most ${limits.MAX_FILE_NAME_LENGTH} characters ending in .png, .jpg, .jpeg or .webp`,
    }),
  sha256: z.string().regex(SHA256).optional().meta({ rule: '64 lower-case hexadecimal digits' }),
  view: z.enum(VIEWS).optional(),
});

const ReferenceSetSchema = z.strictObject({
  subject: text(1, limits.MAX_SUBJECT_LENGTH),
  consent: z.strictObject({
    confirmed: z.literal(true).meta({ rule: 'true (the subject agreed to this use of the photos)' }),
    reference: text(1, limits.MAX_CONSENT_REFERENCE_LENGTH),
  }),
  images: z
    .array(ImageSchema)
    .min(limits.MIN_REFERENCE_IMAGES)
    .max(limits.MAX_REFERENCE_IMAGES)
    .meta({ rule: `a list of ${limits.MIN_REFERENCE_IMAGES} to ${limits.MAX_REFERENCE_IMAGES} images` }),
  /** In place of the model's own. */
  preparation: z.enum(PREPARATIONS).optional(),
  /** Findings about the photos that the uploader knows and wants to go on with. */
  accept: z.array(z.enum(ERROR_CODES)).max(ERROR_CODES.length).optional(),
});

const InputSchema = z.strictObject({
  prompt: text(1, limits.MAX_PROMPT_LENGTH),
  negative_prompt: text(0, limits.MAX_PROMPT_LENGTH).optional(),
  seed: wholeNumber(0, limits.MAX_SEED).optional(),
  width: wholeNumber(limits.MIN_SIDE, limits.MAX_SIDE).optional(),
  height: wholeNumber(limits.MIN_SIDE, limits.MAX_SIDE).optional(),
  num_frames: wholeNumber(limits.MIN_NUM_FRAMES, limits.MAX_NUM_FRAMES).optional(),
  fps: wholeNumber(limits.MIN_FPS, limits.MAX_FPS).optional(),
  steps: wholeNumber(limits.MIN_STEPS, limits.MAX_STEPS).optional(),
  guidance: z.strictObject({ text: guidanceScale().optional(), image: guidanceScale().optional() }).optional(),
  num_outputs: wholeNumber(1, limits.MAX_NUM_OUTPUTS).optional(),
});

export const ManifestSchema = z.strictObject({
  schema_version: z.literal(1),
  model: z
    .string()
    .regex(MODEL_ID)
    .meta({ rule: 'a model id (lower-case letters, digits, ".", "_" and "-", at most 100)' }),
  input: InputSchema,
  reference_set: ReferenceSetSchema,
  webhook: z
    .string()
    .max(limits.MAX_WEBHOOK_URL_LENGTH)
    .refine(isWebhookUrl)
    .optional()
    .meta({
      rule: `an https address without user name or fragment, of at most ${limits.MAX_WEBHOOK_URL_LENGTH} characters`,
      pattern: HTTPS.source,
    }),
  webhook_events_filter: z.array(z.enum(JOB_EVENT_TYPES)).max(JOB_EVENT_TYPES.length).optional(),
  policy: z
    .strictObject({
      execution_timeout_seconds: wholeNumber(
        limits.MIN_EXECUTION_TIMEOUT_SECONDS,
        limits.MAX_EXECUTION_TIMEOUT_SECONDS,
      ).optional(),
      ttl_seconds: wholeNumber(limits.MIN_TTL_SECONDS, limits.MAX_TTL_SECONDS).optional(),
      priority: z.enum(['low', 'normal']).optional(),
    })
    .optional(),
  metadata: z
    .record(z.string(), z.json())
    .refine((metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= limits.MAX_METADATA_BYTES)
    .optional()
    .meta({ rule: `an object of at most ${limits.MAX_METADATA_BYTES} bytes as JSON` }),
  retention_days: wholeNumber(limits.MIN_RETENTION_DAYS, limits.MAX_RETENTION_DAYS).optional(),
});

/** As it is taken on one machine, where a receiver may listen on the loopback interface without a certificate. */
export const LocalManifestSchema = ManifestSchema.extend({
  webhook: z
    .string()
    .max(limits.MAX_WEBHOOK_URL_LENGTH)
    .refine((value) => isWebhookUrl(value) || isLoopbackUrl(value))
    .optional()
    .meta({
      rule: `an https address, or an http one of this machine, without user name or fragment, of at most ${limits.MAX_WEBHOOK_URL_LENGTH} characters`,
    }),
});

export type Manifest = z.output<typeof ManifestSchema>;
export type ManifestInput = Manifest['input'];
export type ReferenceImage = Manifest['reference_set']['images'][number];
export type View = (typeof VIEWS)[number];
export type Preparation = (typeof PREPARATIONS)[number];

export interface ManifestOptions {
  /** One machine: the webhook may be plain http on the loopback interface. */
  readonly isLocal?: boolean;
}

/**
 * The manifest in the bytes of a job.json.
 * @throws JobRejected `invalid_manifest`, with every field that is wrong.
 */
export function parseManifest(bytes: Uint8Array, { isLocal = false }: ManifestOptions = {}): Manifest {
  const json = parseJson(bytes);
  const schema = isLocal ? LocalManifestSchema : ManifestSchema;
  const errors = [...fieldErrors(schema, json, MANIFEST_FILE_NAME)];
  if (errors.length === 0) errors.push(...longFileNames(json as Manifest), ...repeatedFiles(json as Manifest));
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);
  return json as Manifest;
}

/**
 * The webhook of a job.json that may be wrong in every other respect, so that even its rejection is told.
 * @returns null when there is none, or none that is allowed.
 */
export function webhookOf(bytes: Uint8Array, { isLocal = false }: ManifestOptions = {}): string | null {
  const schema = z.looseObject({ webhook: (isLocal ? LocalManifestSchema : ManifestSchema).shape.webhook });
  try {
    return schema.parse(parseJson(bytes)).webhook ?? null;
  } catch {
    return null;
  }
}

/** The rejection of a job.json that is not even read. */
export function manifestTooLarge(size: number): JobRejected {
  const error = fieldError(MANIFEST_FILE_NAME, `at most ${limits.MAX_MANIFEST_BYTES} bytes`, size);
  return new JobRejected('invalid_manifest', [error]);
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength > limits.MAX_MANIFEST_BYTES) throw manifestTooLarge(bytes.byteLength);
  const text = decodeText(bytes);
  const depth = nestingDepth(text);
  if (depth > limits.MAX_MANIFEST_DEPTH)
    throw rejectText(`nested at most ${limits.MAX_MANIFEST_DEPTH} deep`, `${depth}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw rejectText('JSON in UTF-8', onOneLine((error as SyntaxError).message));
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw rejectText('JSON in UTF-8', 'bytes that are not UTF-8');
  }
}

/** How many brackets are open at once, at most. Asked before anything reads the value, because readers call themselves. */
function nestingDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{\]}]/gs)) {
    if (token === '[' || token === '{') depth += 1;
    else if (token === ']' || token === '}') depth -= 1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** The parser quotes the text it stumbled over. */
function onOneLine(reason: string): string {
  return reason
    .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/\.$/, '')
    .trim();
}

function rejectText(rule: string, got: string): JobRejected {
  return new JobRejected('invalid_manifest', [mustBe(MANIFEST_FILE_NAME, rule, got)]);
}

/** File systems count bytes: 128 characters of most scripts outside Europe are too many. */
function longFileNames({ reference_set }: Manifest): FieldError[] {
  return reference_set.images.flatMap(({ file }, i) => {
    if (Buffer.byteLength(file) <= limits.MAX_FILE_NAME_BYTES) return [];
    return [
      fieldError(`reference_set.images[${i}].file`, `at most ${limits.MAX_FILE_NAME_BYTES} bytes in UTF-8`, file),
    ];
  });
}

/** The same view twice adds cost and no cue, and nearly always means that another file was meant. */
function repeatedFiles(manifest: Manifest): FieldError[] {
  const { images } = manifest.reference_set;
  return images.flatMap(({ file }, i) => {
    const first = images.findIndex((image) => image.file === file);
    if (first === i) return [];
    const rule = `a file that no other view names (reference_set.images[${first}] does)`;
    return [fieldError(`reference_set.images[${i}].file`, rule, file)];
  });
}

function text(minLength: 0 | 1, maxLength: number) {
  return z
    .string()
    .refine((value) => value.trim().length >= minLength && value.length <= maxLength)
    .meta({
      rule:
        minLength === 0
          ? `a text of at most ${maxLength} characters`
          : `a text of ${minLength} to ${maxLength} characters`,
      // For JSON Schema, which cannot read the check above. It counts an emoji as one character, where we count two.
      maxLength,
      ...(minLength > 0 && { pattern: '\\S' }),
    });
}

function wholeNumber(least: number, most: number) {
  return z
    .int()
    .min(least)
    .max(most)
    .meta({ rule: `a whole number from ${least} to ${most}` });
}

function guidanceScale() {
  const { MIN_GUIDANCE, MAX_GUIDANCE } = limits;
  return z
    .number()
    .min(MIN_GUIDANCE)
    .max(MAX_GUIDANCE)
    .meta({ rule: `a number from ${MIN_GUIDANCE} to ${MAX_GUIDANCE}` });
}

function isWebhookUrl(value: string): boolean {
  return HTTPS.test(value) && plainUrl(value) !== null;
}

function isLoopbackUrl(value: string): boolean {
  const url = plainUrl(value);
  return url?.protocol === 'http:' && LOOPBACK.test(url.hostname);
}

/** Null when it cannot be read, or has a part that a webhook's has not. */
function plainUrl(value: string): URL | null {
  if (!URL.canParse(value)) return null;
  const url = new URL(value);
  return url.username === '' && url.password === '' && url.hash === '' ? url : null;
}

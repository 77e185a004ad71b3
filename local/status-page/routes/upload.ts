/**
 * How the form's set gets into the uploads bucket: first it is checked as a whole (`POST /sets/check`), then every photo is put
 * (`PUT /sets/<tenant>/<set>/<file>`), and job.json comes last (`POST /sets`), because it is what submits. So a broken connection leaves
 * photos that nobody reads, never half a job.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { PreconditionFailed } from '../../../clients/object-store';
import { type FieldError, fieldError, fieldErrors, mustBe } from '../../../contract/field-error';
import { jobId, manifestKey, uploadKey } from '../../../contract/keys';
import { MAX_IMAGE_BYTES, MAX_MANIFEST_BYTES } from '../../../contract/limits';
import { MANIFEST_FILE_NAME, ManifestSchema } from '../../../contract/manifest';
import { JobRejected } from '../../../contract/rejection';
import type { PageContext } from '../page-context';
import { limitSize, TooManyBytes } from '../size-limit';
import { manifestBytes, type Submission, SubmissionSchema, setName } from '../submission';
import { UPLOADED } from './job';

const ImageFileSchema = ManifestSchema.shape.reference_set.shape.images.element.shape.file;
/** The fields of the form and a job.json, with room for JSON's own characters. */
const MAX_SUBMISSION_BYTES = 4 * MAX_MANIFEST_BYTES;

export function uploadRoutes(context: PageContext): Hono {
  const limit = bodyLimit({
    maxSize: MAX_SUBMISSION_BYTES,
    onError: (c) => refuse(c, 413, mustBe(MANIFEST_FILE_NAME, `at most ${MAX_MANIFEST_BYTES} bytes`, 'more')),
  });
  return new Hono()
    .post('/sets/check', limit, async (c) => {
      const { tenant, set } = await checked(context, await c.req.text());
      return c.json({ tenant, set });
    })
    .post('/sets', limit, async (c) => {
      const { tenant, set, bytes, submission } = await checked(context, await c.req.text());
      await requirePhotos(context, tenant, set, submission);
      await putManifest(context, tenant, set, bytes);
      return c.json({ location: `/jobs/${jobId(tenant, set, bytes)}?${UPLOADED}` }, 201);
    })
    .put('/sets/:tenant/:set/:file', async (c) => {
      const { tenant, set, file } = c.req.param();
      requireImageName(file);
      const key = uploadKey(tenant, set, file);
      await requireNewSet(context, tenant, set);
      try {
        await putImage(context, key, c.req.raw.body);
      } catch (error) {
        if (!(error instanceof TooManyBytes)) throw error;
        return refuse(c, 413, mustBe(file, `at most ${MAX_IMAGE_BYTES} bytes`, 'more'));
      }
      return c.body(null, 204);
    });
}

/** @throws JobRejected with everything that is wrong. */
async function checked(context: PageContext, body: string) {
  const submission = parseSubmission(body);
  const tenant = submission.tenant.trim();
  const set = setName(submission, context.now());
  const bytes = allErrors([() => requireNames(tenant, set), () => manifestBytes(submission)]);
  await requireNewSet(context, tenant, set);
  return { tenant, set, bytes, submission };
}

function parseSubmission(body: string): Submission {
  const input = parseJson(body);
  const [first, ...rest] = fieldErrors(SubmissionSchema, input, 'form');
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);
  return input as Submission;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** @throws JobRejected when the name cannot be a tenant or a set. */
function requireNames(tenant: string, set: string): void {
  allErrors([() => uploadKey(tenant, 'set', MANIFEST_FILE_NAME), () => uploadKey('tenant', set, MANIFEST_FILE_NAME)]);
}

/** The result of the last, or the errors of all together. */
function allErrors<T>(parts: readonly [...(() => unknown)[], () => T]): T {
  const errors: FieldError[] = [];
  let result: unknown;
  for (const part of parts) {
    try {
      result = part();
    } catch (error) {
      if (!(error instanceof JobRejected)) throw error;
      errors.push(...error.details);
    }
  }
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);
  return result as T;
}

function requireImageName(file: string): void {
  const [first] = fieldErrors(ImageFileSchema, file, 'file');
  if (first) throw new JobRejected('invalid_manifest', [first]);
}

/** A photo that a running job reads does not change under it, and no job is replaced by accident. */
async function requireNewSet({ ports }: PageContext, tenant: string, set: string): Promise<void> {
  if (await ports.buckets.uploads.head(manifestKey(tenant, set))) throw setIsTaken(set);
}

function setIsTaken(set: string): JobRejected {
  return new JobRejected('invalid_setting', [fieldError('set', 'a name that no uploaded set has yet', set)]);
}

async function requirePhotos(
  { ports }: PageContext,
  tenant: string,
  set: string,
  { images }: Submission,
): Promise<void> {
  const errors: FieldError[] = [];
  for (const [i, { file }] of images.entries()) {
    const info = await ports.buckets.uploads.head(uploadKey(tenant, set, file));
    if (!info) errors.push(mustBe(`reference_set.images[${i}].file`, 'uploaded before job.json', 'nothing'));
  }
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_image', [first, ...rest]);
}

async function putManifest({ ports }: PageContext, tenant: string, set: string, bytes: Uint8Array): Promise<void> {
  try {
    const options = { contentType: 'application/json', ifNoneMatch: '*' } as const;
    await ports.buckets.uploads.put(manifestKey(tenant, set), bytes, options);
  } catch (error) {
    throw error instanceof PreconditionFailed ? setIsTaken(set) : error;
  }
}

/** Through a temporary file: a photo is never held in memory, and is in the bucket whole or not at all. */
async function putImage({ ports }: PageContext, key: string, body: ReadableStream<Uint8Array> | null): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'mv2id-upload-'));
  try {
    const file = path.join(folder, 'image');
    const source = body ? Readable.fromWeb(body as NodeReadableStream) : Readable.from([]);
    await pipeline(source, limitSize(MAX_IMAGE_BYTES), createWriteStream(file));
    await ports.buckets.uploads.put(key, { file });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuse(c: Context, status: 413, error: FieldError) {
  return c.json({ errors: [error] }, status);
}

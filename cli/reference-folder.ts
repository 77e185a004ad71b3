/** A reference set on this machine, judged by the rules of the service before anything is sent. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { fieldErrors, mustBe } from '../contract/field-error';
import {
  MANIFEST_FILE_NAME,
  type Manifest,
  type ManifestOptions,
  ManifestSchema,
  parseManifest,
  type ReferenceImage,
} from '../contract/manifest';
import { JobRejected } from '../contract/rejection';
import type { ImageToCheck } from '../faces/check/read-image';
import { readImageFile, requireDecodes, requireImageHeader } from '../faces/reference-image';

const IMAGE_NAME = /\.(png|jpe?g|webp)$/i;

export interface ReferenceFolder {
  readonly manifest: Manifest;
  /** Of job.json; the job id derives from them. */
  readonly manifestBytes: Uint8Array;
  /** In the order of the manifest's, every one of them decodes. */
  readonly images: readonly ImageToCheck[];
}

/**
 * @param webhook in place of the one in job.json.
 * @throws JobRejected with the messages that the service would give.
 */
export async function readReferenceFolder(
  folder: string,
  { webhook, ...options }: ManifestOptions & { readonly webhook?: string },
): Promise<ReferenceFolder> {
  const own = await readManifestFile(folder);
  const manifestBytes = webhook === undefined ? own : withWebhook(own, webhook);
  const manifest = parseManifest(manifestBytes, options);
  return { manifest, manifestBytes, images: await readImages(folder, manifest.reference_set.images) };
}

/**
 * The images of a folder that has no job.json yet, in the order of their names. Null where there is a job.json, or no folder.
 * @throws JobRejected of an image that the service would not take.
 */
export async function readLooseImages(folder: string): Promise<readonly ImageToCheck[] | null> {
  const names = await readdir(folder).catch(() => [MANIFEST_FILE_NAME]);
  if (names.includes(MANIFEST_FILE_NAME)) return null;
  const files = names.filter((name) => IMAGE_NAME.test(name) && !name.startsWith('.')).sort();
  const images = files.map((file) => ({ file }));
  if (images.length > 0) requireNameable(images);
  return readImages(folder, images);
}

/** @throws JobRejected when a job.json could not name these images, or so many. */
function requireNameable(images: readonly ReferenceImage[]): void {
  const schema = z.object({ reference_set: z.object({ images: ManifestSchema.shape.reference_set.shape.images }) });
  const [first, ...rest] = fieldErrors(schema, { reference_set: { images } }, MANIFEST_FILE_NAME);
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);
}

/** The images of a set, in the order that they are named. @throws JobRejected `invalid_image` for the first that is not taken. */
export async function readImages(folder: string, images: readonly ReferenceImage[]): Promise<ImageToCheck[]> {
  const read: ImageToCheck[] = [];
  for (const [i, image] of images.entries()) {
    const field = `reference_set.images[${i}]`;
    const bytes = await readImageFile(folder, image, field);
    await requireImageHeader(bytes, image, field);
    await requireDecodes(bytes, image, field);
    read.push({ image, bytes });
  }
  return read;
}

/** The bytes of a set's job.json. @throws JobRejected when there are none to read. */
export async function readManifestFile(folder: string): Promise<Uint8Array> {
  return readFile(path.join(folder, MANIFEST_FILE_NAME)).catch((error: NodeJS.ErrnoException) => {
    const message = mustBe(MANIFEST_FILE_NAME, `a readable file in ${folder}`, `${error.code}`);
    throw new JobRejected('invalid_manifest', [message]);
  });
}

/** What is no JSON stays as it is: the parser says what is wrong with it. */
function withWebhook(bytes: Uint8Array, webhook: string): Uint8Array {
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return bytes;
    return new TextEncoder().encode(`${JSON.stringify({ ...json, webhook }, null, 2)}\n`);
  } catch {
    return bytes;
  }
}

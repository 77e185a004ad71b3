/**
 * Whether a set can be generated from: its model is there, and every image is, decodes, is the one that job.json means, and shows a
 * face. What was found is frozen by size and sha256, so that a set that changes afterwards is noticed.
 */
import { createHash } from 'node:crypto';
import { type ObjectStore, ObjectTooLarge } from '../clients/object-store';
import type { Ports } from '../clients/ports';
import { type FieldError, fieldError } from '../contract/field-error';
import type { JobRecord } from '../contract/job-record';
import { MODEL_INDEX_FILE_NAME, modelKey, uploadKey } from '../contract/keys';
import { MAX_IMAGE_BYTES } from '../contract/limits';
import type { Manifest, ReferenceImage } from '../contract/manifest';
import type { ReferenceCheck } from '../contract/reference-check';
import { JobRejected } from '../contract/rejection';
import { judgeReferences } from '../faces/check/check-references';
import { type ReadImage, readImage } from '../faces/check/read-image';
import type { FaceReader } from '../faces/face-reader';
import { missingImage, requireDecodes, requireImageBytes, requireImageHeader } from '../faces/reference-image';

export interface Place {
  readonly tenant: string;
  readonly set: string;
}

type FrozenImage = JobRecord['images'][number];

/** @throws JobRejected `invalid_model` when the bucket has no such model. */
export async function requireModel(model: string, models: ObjectStore): Promise<void> {
  if (await models.head(modelKey(model, MODEL_INDEX_FILE_NAME))) return;
  throw new JobRejected('invalid_model', [fieldError('model', 'the id of a model in the models bucket', model)]);
}

/** The images that are not there, as errors. They may be on their way: uploads arrive in any order. */
export async function missingImages(manifest: Manifest, place: Place, ports: Ports): Promise<FieldError[]> {
  const errors: FieldError[] = [];
  for (const [i, image] of manifest.reference_set.images.entries()) {
    const found = await ports.buckets.uploads.head(imageKey(place, image));
    if (!found) errors.push(...missingImage(image, fieldOf(i), 'missing').details);
  }
  return errors;
}

/** The images of a set as they were when it was judged, and what was seen in them. */
export interface JudgedSet {
  readonly images: FrozenImage[];
  readonly check: ReferenceCheck;
}

/**
 * Decodes every image and looks at its faces, one after the other: memory holds one at a time.
 * @throws JobRejected `invalid_image` with the errors of all of them; Error when one has disappeared meanwhile.
 */
export async function judgeImages(
  manifest: Manifest,
  place: Place,
  ports: Ports,
  faces: FaceReader,
): Promise<JudgedSet> {
  const { images, accept = [] } = manifest.reference_set;
  const frozen: FrozenImage[] = [];
  const read: ReadImage[] = [];
  const errors: FieldError[] = [];
  for (const [i, image] of images.entries()) {
    try {
      const bytes = await fetchImage(image, fieldOf(i), place, ports.buckets.uploads);
      frozen.push(freeze(image, bytes));
      // Either decodes it; what cannot be generated from need not be looked at.
      if (errors.length === 0) read.push(await readImage({ image, bytes }, i, faces));
      else await requireDecodes(bytes, image, fieldOf(i));
    } catch (error) {
      if (!(error instanceof JobRejected)) throw error;
      errors.push(...error.details);
    }
  }
  const [first, ...rest] = errors;
  if (first) throw new JobRejected('invalid_image', [first, ...rest]);
  return { images: frozen, check: judgeReferences(read, accept, faces) };
}

async function fetchImage(
  image: ReferenceImage,
  field: string,
  place: Place,
  uploads: ObjectStore,
): Promise<Uint8Array> {
  const key = imageKey(place, image);
  const object = await uploads.get(key, { maxBytes: MAX_IMAGE_BYTES }).catch((error) => {
    if (error instanceof ObjectTooLarge) requireImageBytes(error.info.size, image, field);
    throw error;
  });
  if (!object) throw new Error(`${key} must stay where it is while it is read, got nothing.`);
  await requireImageHeader(object.body, image, field);
  return object.body;
}

function freeze({ file }: ReferenceImage, bytes: Uint8Array): FrozenImage {
  return { file, size: bytes.byteLength, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function imageKey({ tenant, set }: Place, { file }: ReferenceImage): string {
  return uploadKey(tenant, set, file);
}

function fieldOf(index: number): string {
  return `reference_set.images[${index}]`;
}

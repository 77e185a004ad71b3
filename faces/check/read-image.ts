/** What the rules look at: a picture of a set, and the faces in it. */
import { createHash } from 'node:crypto';
import type { ReferenceImage } from '../../contract/manifest';
import { readAnyWayUp } from '../any-way-up';
import type { FaceReader, FaceReading } from '../face-reader';
import { type Pixels, readPixels } from '../pixels';
import { incompleteImage } from '../reference-image';
import { type FaceSigns, readSigns } from './signs';
import { SECOND_FACE_SHARE } from './thresholds';

export interface ImageToCheck {
  readonly image: ReferenceImage;
  /** Of a file whose header is good. */
  readonly bytes: Uint8Array;
}

export interface ReadImage {
  readonly image: ReferenceImage;
  /** `reference_set.images[2]` */
  readonly field: string;
  readonly sha256: string;
  /** Pixels of the file for each pixel that was looked at. */
  readonly scale: number;
  /** The largest; null where there is none. */
  readonly face: FaceReading | null;
  /** Faces that count, the main one among them. */
  readonly faces: readonly FaceReading[];
  /** Of the main face; null where there is none, or its detector gives too little of it. */
  readonly signs: FaceSigns | null;
  /** Mean difference of the largest and the smallest channel, 0..255. */
  readonly chroma: number;
}

/** @param index of the image in job.json. @throws JobRejected `invalid_image` when its data are damaged or end early. */
export async function readImage({ image, bytes }: ImageToCheck, index: number, reader: FaceReader): Promise<ReadImage> {
  const field = `reference_set.images[${index}]`;
  const picture = await readPixels(bytes).catch((error: Error) => {
    throw incompleteImage(image, field, error);
  });
  const found = await readAnyWayUp(picture, reader);
  const face = found[0] ?? null;
  const width = face?.box.width ?? 0;
  return {
    image,
    field,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    scale: picture.scale,
    face,
    faces: found.filter(({ box }) => box.width >= SECOND_FACE_SHARE * width),
    signs: face && readSigns(picture, face),
    chroma: meanChroma(picture),
  };
}

function meanChroma({ data }: Pixels): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 3) {
    const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
    sum += Math.max(r, g, b) - Math.min(r, g, b);
  }
  return sum / (data.length / 3);
}

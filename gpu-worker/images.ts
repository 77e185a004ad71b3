/**
 * Reference images, from any file a person has to what the VAE reads: upright (EXIF), sRGB, on white, letterboxed to the video's
 * size (as Phantom-Wan does: Lanczos, fitted inside, centred), values -1..1.
 */
import sharp from 'sharp';
import type { ReferenceImage } from '../contract/manifest';
import type { Pixels } from '../faces/pixels';
import { DECODING, incompleteImage, readImageFile, requireImageHeader } from '../faces/reference-image';

export interface Size {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

const WHITE = { r: 255, g: 255, b: 255 };

/**
 * The bytes of one view of the set.
 * @param field path of the image in job.json, for messages: `reference_set.images[2]`.
 * @throws JobRejected `invalid_image` when the file is missing, too large, animated, too small or not the one that job.json means.
 */
export async function readReferenceFile(setFolder: string, image: ReferenceImage, field: string): Promise<Buffer> {
  const bytes = await readImageFile(setFolder, image, field);
  await requireImageHeader(bytes, image, field);
  return bytes;
}

/** One view of the set as it was uploaded, ready for the VAE. @throws JobRejected `invalid_image`, also for damaged data. */
export async function readReferenceImage(
  setFolder: string,
  image: ReferenceImage,
  field: string,
  size: Size,
): Promise<Float32Array> {
  const bytes = await readReferenceFile(setFolder, image, field);
  const picture = await letterbox(bytes, size).catch((error: Error) => {
    throw incompleteImage(image, field, error);
  });
  return toPlanes(picture);
}

/** The picture, upright and on white, fitted into exactly `size`. */
export async function letterbox(bytes: Uint8Array, { width, height }: Size): Promise<Pixels> {
  const data = await sharp(bytes, DECODING)
    .autoOrient()
    .toColourspace('srgb')
    .flatten({ background: WHITE })
    .resize({ width, height, fit: 'contain', position: 'centre', background: WHITE, kernel: 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer();
  return { data, width, height };
}

/** What the VAE reads: float32 [3, height, width], RGB, -1..1. */
export function toPlanes({ data, width, height }: Pixels): Float32Array {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * area + at] = data[3 * at + channel]! / 127.5 - 1;
    }
  }
  return planes;
}

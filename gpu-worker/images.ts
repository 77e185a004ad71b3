/**
 * Reference images, from any file a person has to what the VAE reads: upright (EXIF), sRGB, on white, letterboxed to the video's
 * size (as Phantom-Wan and Mv2ID do: Lanczos, fitted inside, centred), values -1..1.
 */
import sharp from 'sharp';
import type { ReferenceImage } from '../contract/manifest';
import { DECODING, incompleteImage, readImageFile, requireImageHeader } from '../faces/reference-image';

export interface Size {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

const WHITE = { r: 255, g: 255, b: 255 };

/**
 * One view of the set, ready for the VAE: float32 [3, height, width], RGB, -1..1.
 * @param field path of the image in job.json, for messages: `reference_set.images[2]`.
 * @throws JobRejected `invalid_image` when the file is missing, too large, animated, broken or too small.
 */
export async function readReferenceImage(
  setFolder: string,
  image: ReferenceImage,
  field: string,
  size: Size,
): Promise<Float32Array> {
  const bytes = await readImageFile(setFolder, image, field);
  await requireImageHeader(bytes, image, field);
  return letterbox(bytes, size).catch((error: Error) => {
    throw incompleteImage(image, field, error);
  });
}

/** The picture, upright and on white, fitted into exactly `size`. */
export async function letterbox(bytes: Uint8Array, size: Size): Promise<Float32Array> {
  const { data } = await sharp(bytes, DECODING)
    .autoOrient()
    .toColourspace('srgb')
    .flatten({ background: WHITE })
    .resize({ ...size, fit: 'contain', position: 'centre', background: WHITE, kernel: 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return toPlanes(data, size);
}

/** Interleaved bytes [height, width, 3] to planes [3, height, width] of -1..1. */
function toPlanes(pixels: Buffer, { width, height }: Size): Float32Array {
  const area = width * height;
  const planes = new Float32Array(3 * area);
  for (let at = 0; at < area; at++) {
    for (let channel = 0; channel < 3; channel++) {
      planes[channel * area + at] = pixels[3 * at + channel]! / 127.5 - 1;
    }
  }
  return planes;
}

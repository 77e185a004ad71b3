/**
 * Reference images, from any file a person has to what the VAE reads: upright (EXIF), sRGB, on white, letterboxed to the video's
 * size (as Phantom-Wan and Mv2ID do: Lanczos, fitted inside, centred), values -1..1.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { mustBe } from '../contract/field-error';
import { MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MIN_IMAGE_SIDE } from '../contract/limits';
import type { ReferenceImage } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';

export interface Size {
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

const FORMATS: readonly string[] = ['png', 'jpeg', 'webp'];
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
  await requireUsable(bytes, image.file, `${field}.file`);
  return letterbox(bytes, size).catch((error: Error) => {
    throw rejectImage(`${field}.file`, 'a complete image', `${image.file} (${decoderReason(error)})`);
  });
}

/** The picture, upright and on white, fitted into exactly `size`. */
export async function letterbox(bytes: Uint8Array, size: Size): Promise<Float32Array> {
  const { data } = await sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS, failOn: 'warning' })
    .autoOrient()
    .toColourspace('srgb')
    .flatten({ background: WHITE })
    .resize({ ...size, fit: 'contain', position: 'centre', background: WHITE, kernel: 'lanczos3' })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return toPlanes(data, size);
}

async function readImageFile(setFolder: string, image: ReferenceImage, field: string): Promise<Buffer> {
  const file = path.join(setFolder, image.file);
  const { size } = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw rejectImage(`${field}.file`, 'a file beside job.json', `${image.file} (${error.code})`);
  });
  if (size > MAX_IMAGE_BYTES) {
    throw rejectImage(`${field}.file`, `at most ${MAX_IMAGE_BYTES} bytes`, `${image.file} (${size} bytes)`);
  }
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw rejectImage(`${field}.file`, 'a readable file', `${image.file} (${error.code})`);
  });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (image.sha256 !== undefined && image.sha256 !== sha256) {
    throw rejectImage(`${field}.sha256`, `that of ${image.file} (${sha256})`, image.sha256);
  }
  return bytes;
}

async function requireUsable(bytes: Buffer, file: string, field: string): Promise<void> {
  const metadata = await readMetadata(bytes).catch((error: Error) => {
    throw rejectImage(field, 'a PNG, JPEG or WebP image', `${file} (${decoderReason(error)})`);
  });
  const { format, pages = 1, autoOrient } = metadata;
  if (!FORMATS.includes(format)) throw rejectImage(field, 'a PNG, JPEG or WebP image', `${file} (${format})`);
  if (pages > 1 || (format === 'png' && isAnimatedPng(bytes))) {
    throw rejectImage(field, 'a still image', `${file} (animated)`);
  }
  const { width, height } = autoOrient;
  if (Math.min(width, height) < MIN_IMAGE_SIDE) {
    throw rejectImage(field, `at least ${MIN_IMAGE_SIDE} pixels wide and high`, `${file} (${width} x ${height})`);
  }
  if (width * height > MAX_IMAGE_PIXELS) {
    throw rejectImage(field, `at most ${MAX_IMAGE_PIXELS} pixels`, `${file} (${width} x ${height})`);
  }
}

async function readMetadata(bytes: Buffer): Promise<Metadata> {
  return sharp(bytes, { limitInputPixels: false }).metadata();
}

/** An animated PNG has an acTL chunk before its first IDAT; the decoder would silently show its first frame. */
function isAnimatedPng(bytes: Buffer): boolean {
  const signatureLength = 8;
  const chunkOverhead = 12; // length, type and checksum, 4 bytes each
  for (let at = signatureLength; at + chunkOverhead <= bytes.length; at += chunkOverhead + bytes.readUInt32BE(at)) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (type === 'acTL') return true;
    if (type === 'IDAT') return false;
  }
  return false;
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

/** The decoder's words on one line, without the name of its buffer. */
function decoderReason(error: Error): string {
  return error.message
    .replaceAll(/\s+/g, ' ')
    .replace(/^Input (buffer|file) /, '')
    .replace(/\.$/, '')
    .trim();
}

function rejectImage(field: string, rule: string, got: string): JobRejected {
  return new JobRejected('invalid_image', [mustBe(field, rule, got)]);
}

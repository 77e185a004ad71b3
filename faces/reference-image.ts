/**
 * What a reference image must be before anybody uses it, wherever its bytes come from: validation asks for the objects of a set,
 * the worker and the command line for the files of a folder, and all of them say the same words about the same fault.
 *
 * Only files with the signature of a PNG, JPEG or WebP reach a decoder. An SVG is never rendered, so what it refers to is never
 * fetched, and no other parser of the decoder's library is ever fed with what a stranger uploaded.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { mustBe } from '../contract/field-error';
import { MAX_IMAGE_BYTES, MAX_IMAGE_PIXELS, MIN_IMAGE_SIDE } from '../contract/limits';
import type { ReferenceImage } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';

// The decoder's library would keep its last images open, in case that they are asked for again, and with a progressive JPEG all that it
// has decoded of it: eight large ones are gigabytes; and a video's frames add up. Nothing here reads the same picture twice in the same way.
sharp.cache(false);

/** The upright image, in pixels. */
export interface ImageSize {
  readonly width: number;
  readonly height: number;
}

/** A format by the bytes at an offset. The first three are taken; the others are known only to say what was found. */
const SIGNATURES: readonly { format: string; at: number; bytes: string }[] = [
  { format: 'png', at: 0, bytes: '\x89PNG\r\n\x1a\n' },
  { format: 'jpeg', at: 0, bytes: '\xff\xd8\xff' },
  { format: 'webp', at: 8, bytes: 'WEBP' },
  { format: 'gif', at: 0, bytes: 'GIF8' },
  { format: 'heif', at: 4, bytes: 'ftyp' },
  { format: 'tiff', at: 0, bytes: 'II*\0' },
  { format: 'tiff', at: 0, bytes: 'MM\0*' },
  { format: 'pdf', at: 0, bytes: '%PDF' },
];
const FORMATS: readonly string[] = ['png', 'jpeg', 'webp'];
/** An SVG's root element may follow a declaration and comments. */
const SVG_ROOT = /<svg[\s>]/i;
const SVG_ROOT_WITHIN_BYTES = 4096;

/** Limits of every decoding: a warning about damaged data is an error. */
export const DECODING = { limitInputPixels: MAX_IMAGE_PIXELS, failOn: 'warning', sequentialRead: true } as const;
/** Everything is decoded and only this is kept, so a large image costs no more memory than a strip of it. */
const KEPT_SIDE = 16;

/**
 * The bytes of an image beside job.json.
 * @param field path of the image in job.json, for messages: `reference_set.images[2]`.
 * @throws JobRejected `invalid_image` when it is missing, a link, not a file, too large or unreadable.
 */
export async function readImageFile(setFolder: string, image: ReferenceImage, field: string): Promise<Buffer> {
  const file = await openImageFile(path.join(setFolder, image.file), image, field);
  try {
    const status = await file.stat();
    if (!status.isFile() && !status.isDirectory()) throw notPlain(image, field, 'not a file');
    requireImageBytes(status.size, image, field);
    return await file.readFile().catch((error: NodeJS.ErrnoException) => {
      throw rejectImage(`${field}.file`, 'a readable file', `${image.file} (${error.code})`);
    });
  } finally {
    await file.close();
  }
}

/** @throws JobRejected `invalid_image` when there are more bytes than a photo has: asked before they are read. */
export function requireImageBytes(size: number, image: ReferenceImage, field: string): void {
  if (size > MAX_IMAGE_BYTES) {
    throw rejectImage(`${field}.file`, `at most ${MAX_IMAGE_BYTES} bytes`, `${image.file} (${size} bytes)`);
  }
}

/**
 * Judges an image by its bytes and its header, without decoding it.
 * @throws JobRejected `invalid_image` when it is not the one that job.json means, or of another format, animated, too small or of
 *   too many pixels.
 */
export async function requireImageHeader(bytes: Uint8Array, image: ReferenceImage, field: string): Promise<ImageSize> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  requireImageBytes(buffer.length, image, field);
  requireStatedSha256(buffer, image, field);
  requireFormat(buffer, image, field);
  const metadata = await readMetadata(buffer).catch((error: Error) => {
    throw notAnImage(image, field, decoderReason(error));
  });
  const { format, pages = 1, autoOrient } = metadata;
  if (pages > 1 || (format === 'png' && isAnimatedPng(buffer))) {
    throw rejectImage(`${field}.file`, 'a still image', `${image.file} (animated)`);
  }
  const { width, height } = autoOrient;
  const size = `${image.file} (${width} x ${height})`;
  if (Math.min(width, height) < MIN_IMAGE_SIDE) {
    throw rejectImage(`${field}.file`, `at least ${MIN_IMAGE_SIDE} pixels wide and high`, size);
  }
  if (width * height > MAX_IMAGE_PIXELS) {
    throw rejectImage(`${field}.file`, `at most ${MAX_IMAGE_PIXELS} pixels`, size);
  }
  return { width, height };
}

/**
 * Decodes an image whose header is good, to its last row, in bounded memory.
 * @throws JobRejected `invalid_image` when its data are damaged or end early.
 */
export async function requireDecodes(bytes: Uint8Array, image: ReferenceImage, field: string): Promise<void> {
  const whole = { width: KEPT_SIDE, height: KEPT_SIDE, fit: 'fill', fastShrinkOnLoad: false } as const;
  await sharp(bytes, DECODING)
    .resize(whole)
    .raw()
    .toBuffer()
    .catch((error: Error) => {
      throw incompleteImage(image, field, error);
    });
}

/** The rejection of an image whose data the decoder does not take. */
export function incompleteImage(image: ReferenceImage, field: string, error: Error): JobRejected {
  return rejectImage(`${field}.file`, 'a complete image', `${image.file} (${decoderReason(error)})`);
}

/** The rejection of an image that is not there. `reason` stands behind its name. */
export function missingImage(image: ReferenceImage, field: string, reason: string): JobRejected {
  return rejectImage(`${field}.file`, 'a file beside job.json', `${image.file} (${reason})`);
}

/** A link is not followed, because it may lead out of the set; and opening a pipe does not wait for its writer. */
async function openImageFile(name: string, image: ReferenceImage, field: string): Promise<FileHandle> {
  return open(name, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ELOOP') throw notPlain(image, field, 'symbolic link');
      throw missingImage(image, field, String(error.code));
    },
  );
}

function requireStatedSha256(bytes: Buffer, image: ReferenceImage, field: string): void {
  if (image.sha256 === undefined) return;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (image.sha256 !== sha256) throw rejectImage(`${field}.sha256`, `that of ${image.file} (${sha256})`, image.sha256);
}

function requireFormat(bytes: Buffer, image: ReferenceImage, field: string): void {
  if (bytes.length === 0) throw notAnImage(image, field, 'Input Buffer is empty');
  const found = SIGNATURES.find((signature) => startsWith(bytes, signature.at, signature.bytes))?.format;
  if (found !== undefined && FORMATS.includes(found)) return;
  const isSvg = SVG_ROOT.test(bytes.toString('latin1', 0, SVG_ROOT_WITHIN_BYTES));
  throw notAnImage(image, field, found ?? (isSvg ? 'svg' : 'contains unsupported image format'));
}

function startsWith(bytes: Buffer, at: number, text: string): boolean {
  return bytes.toString('latin1', at, at + text.length) === text;
}

/** The limit of pixels is not the decoder's here: a header that exceeds it is to be told with its size. */
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

/** The decoder's words on one line, without the name of its buffer. */
function decoderReason(error: Error): string {
  return error.message
    .replaceAll(/\s+/g, ' ')
    .replace(/^Input (buffer|file) /, '')
    .replace(/\.$/, '')
    .trim();
}

function notAnImage(image: ReferenceImage, field: string, got: string): JobRejected {
  return rejectImage(`${field}.file`, 'a PNG, JPEG or WebP image', `${image.file} (${got})`);
}

function notPlain(image: ReferenceImage, field: string, got: string): JobRejected {
  return rejectImage(`${field}.file`, 'a plain file', `${image.file} (${got})`);
}

function rejectImage(field: string, rule: string, got: string): JobRejected {
  return new JobRejected('invalid_image', [mustBe(field, rule, got)]);
}

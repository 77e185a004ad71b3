/** A file on this machine as it is sent: cut into parts, each with its hash, so that what has arrived is known again. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

export interface FilePart {
  /** From 1. */
  readonly number: number;
  /** Bytes from the start of the file. */
  readonly start: number;
  readonly size: number;
  /** Base64, as S3 writes it. */
  readonly sha256: string;
}

export interface FileInParts {
  /** On this machine. */
  readonly file: string;
  /** Bytes. */
  readonly size: number;
  /** Of the whole file: 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** In their order; one for a small or an empty file. */
  readonly parts: readonly FilePart[];
}

export interface CutOptions {
  /** Told after every part: how many bytes it has. */
  readonly onRead?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

const MIB = 1024 * 1024;
/** Small enough that eight of them in memory are nothing, large enough that requests do not count. */
const PART_BYTES = 8 * MIB;
/** Of one upload to S3. */
const MAX_PARTS = 10_000;

/** The file was another one when it was hashed than it is now. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged';
  constructor(file: string) {
    super(`${file} must stay as it is while it is sent, got another content.`);
  }
}

/** Bytes of every part but the last; the same for files of the same size, or what was sent would be worth nothing. */
export function partBytes(size: number): number {
  return Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MIB) * MIB);
}

/** Reads the file once, in memory of one part. @throws the system's error; the signal's reason; FileChanged when it shrinks meanwhile. */
export async function cutFile(file: string, { onRead, signal }: CutOptions = {}): Promise<FileInParts> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const full = partBytes(size);
    const buffer = Buffer.allocUnsafe(Math.min(full, size));
    const whole = createHash('sha256');
    const parts: FilePart[] = [];
    for (let start = 0; start === 0 || start < size; start += full) {
      signal?.throwIfAborted();
      const bytes = await readPart(handle, file, { start, size: Math.min(full, size - start) }, buffer);
      whole.update(bytes);
      const sha256 = createHash('sha256').update(bytes).digest('base64');
      parts.push({ number: parts.length + 1, start, size: bytes.length, sha256 });
      onRead?.(bytes.length);
    }
    return { file, size, sha256: whole.digest('hex'), parts };
  } finally {
    await handle.close();
  }
}

/**
 * Reads a part into the beginning of `buffer`. @returns that part of it.
 * @throws FileChanged when the file is shorter than it was.
 */
export async function readPart(
  handle: FileHandle,
  file: string,
  { start, size }: Pick<FilePart, 'start' | 'size'>,
  buffer: Buffer,
): Promise<Buffer> {
  for (let read = 0; read < size; ) {
    const { bytesRead } = await handle.read(buffer, read, size - read, start + read);
    if (bytesRead === 0) throw new FileChanged(file);
    read += bytesRead;
  }
  return buffer.subarray(0, size);
}

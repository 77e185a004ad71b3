/**
 * Large files in S3, as multipart uploads. S3 checks every part by its SHA-256 and tells these hashes again, of unfinished uploads
 * and of whole objects: what has arrived is recognised by its content, whoever has sent it. (@aws-sdk/lib-storage always begins a
 * new upload, and forgets the one that was interrupted.)
 */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type MultipartUpload,
  NoSuchKey,
  NotFound,
  type Part,
  PutObjectCommand,
  paginateListParts,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { FileChanged, type FileInParts, type FilePart, readPart } from '../file-parts';
import type { LargeFiles, SendOptions } from '../large-files';

interface Unfinished {
  readonly upload: { readonly Bucket: string; readonly Key: string; readonly UploadId: string | undefined };
  /** By number. */
  readonly arrived: Map<number, CompletedPart>;
}

/** Parts under way at the same time; each takes its size in memory. */
const CONCURRENCY = 8;
/** When an upload disappears under our hands: somebody has aborted it, or completed it with another content. */
const MAX_ROUNDS = 3;

export class S3LargeFiles implements LargeFiles {
  /** @param client is asked for when it is first needed. */
  constructor(
    private readonly client: () => S3Client,
    private readonly bucket: string,
  ) {}

  async holds(key: string, file: FileInParts): Promise<boolean> {
    const head = new HeadObjectCommand({ Bucket: this.bucket, Key: key, ChecksumMode: 'ENABLED' });
    const found = await this.client()
      .send(head)
      .catch((error: unknown) => {
        if (error instanceof NotFound) return null;
        throw error;
      });
    return found?.ContentLength === file.size && found.ChecksumSHA256 === objectChecksum(file);
  }

  async send(key: string, file: FileInParts, options: SendOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    try {
      await (file.parts.length === 1 ? this.put(key, file, options) : this.sendInParts(key, file, options));
    } catch (error) {
      // The SDK's own error does not say why it was stopped.
      signal?.throwIfAborted();
      throw error;
    }
  }

  async readRange(key: string, start: number, length: number): Promise<Uint8Array | null> {
    const Range = `bytes=${start}-${start + length - 1}`;
    try {
      const { Body } = await this.client().send(new GetObjectCommand({ Bucket: this.bucket, Key: key, Range }));
      return Body ? await Body.transformToByteArray() : new Uint8Array();
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      // The object ends before the range begins.
      if (error instanceof S3ServiceException && error.name === 'InvalidRange') return new Uint8Array();
      throw error;
    }
  }

  private async put(key: string, file: FileInParts, { onArrived, signal }: SendOptions): Promise<void> {
    const handle = await open(file.file);
    try {
      const part = file.parts[0]!;
      const Body = await readPart(handle, file.file, part, Buffer.allocUnsafe(part.size));
      const command = new PutObjectCommand({ Bucket: this.bucket, Key: key, Body, ChecksumSHA256: part.sha256 });
      await this.client().send(command, { abortSignal: signal }).catch(explained(file.file));
      onArrived?.(part.size, 'sent');
    } finally {
      await handle.close();
    }
  }

  private async sendInParts(key: string, file: FileInParts, options: SendOptions): Promise<void> {
    for (let round = 1; ; round++) {
      try {
        return await this.goOn(key, file, options);
      } catch (error) {
        if (!isNoSuchUpload(error)) throw error;
        // Also after a completion whose answer was lost.
        if (await this.holds(key, file)) return;
        if (round === MAX_ROUNDS) throw error;
      }
    }
  }

  private async goOn(key: string, file: FileInParts, options: SendOptions): Promise<void> {
    const { onArrived, signal } = options;
    const { upload, arrived } = (await this.unfinished(key, file)) ?? (await this.begin(key));
    for (const number of arrived.keys()) onArrived?.(file.parts[number - 1]!.size, 'found');

    const missing = file.parts.filter(({ number }) => !arrived.has(number));
    const handle = await open(file.file);
    try {
      await inParallel(CONCURRENCY, missing, signal, () => {
        // One a line of work, used again and again: memory stays the same however large the file is.
        const buffer = Buffer.allocUnsafe(file.parts[0]!.size);
        return async (part, abortSignal) => {
          const Body = await readPart(handle, file.file, part, buffer);
          const { number: PartNumber, sha256: ChecksumSHA256 } = part;
          const command = new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumSHA256 });
          const { ETag } = await this.client().send(command, { abortSignal }).catch(explained(file.file));
          arrived.set(PartNumber, { PartNumber, ChecksumSHA256, ETag });
          onArrived?.(part.size, 'sent');
        };
      });
    } finally {
      await handle.close();
    }
    const Parts = file.parts.map(({ number }) => arrived.get(number)!);
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    const { ChecksumSHA256 } = await this.client().send(complete);
    if (ChecksumSHA256 === objectChecksum(file) || (await this.holds(key, file))) return;
    throw new Error(`${key} must be in the bucket as it was sent, got another object.`);
  }

  /** The newest upload of the key that can be gone on with, among the first thousand. */
  private async unfinished(key: string, file: FileInParts): Promise<Unfinished | null> {
    const list = new ListMultipartUploadsCommand({ Bucket: this.bucket, Prefix: key });
    const { Uploads = [] } = await this.client().send(list);
    const own = Uploads.filter((upload) => upload.Key === key).sort((one, other) => time(other) - time(one));
    for (const { UploadId, ChecksumAlgorithm } of own) {
      const upload = { Bucket: this.bucket, Key: key, UploadId };
      const arrived = await this.arrivedParts(upload, file);
      // Some emulators do not tell the algorithm; then only its parts do.
      if (ChecksumAlgorithm === 'SHA256' || (ChecksumAlgorithm === undefined && arrived.size > 0)) {
        return { upload, arrived };
      }
    }
    return null;
  }

  private async begin(key: string): Promise<Unfinished> {
    const { UploadId } = await this.client().send(
      new CreateMultipartUploadCommand({ Bucket: this.bucket, Key: key, ChecksumAlgorithm: 'SHA256' }),
    );
    if (UploadId === undefined) throw new Error(`${key} must get an upload id, got none.`);
    return { upload: { Bucket: this.bucket, Key: key, UploadId }, arrived: new Map() };
  }

  /** Those that are the file's own, by size and hash; any other is sent again over it. */
  private async arrivedParts(upload: Unfinished['upload'], file: FileInParts): Promise<Map<number, CompletedPart>> {
    const arrived = new Map<number, CompletedPart>();
    for await (const { Parts } of paginateListParts({ client: this.client() }, upload)) {
      for (const { PartNumber = 0, Size, ChecksumSHA256, ETag } of (Parts ?? []) as Part[]) {
        const part: FilePart | undefined = file.parts[PartNumber - 1];
        if (part?.size !== Size || part?.sha256 !== ChecksumSHA256) continue;
        arrived.set(PartNumber, { PartNumber, ChecksumSHA256, ETag });
      }
    }
    return arrived;
  }
}

/** Of an object that was put in one request its SHA-256; else, after S3's way, that of its parts' hashes and their number. */
function objectChecksum({ parts }: FileInParts): string {
  const [first] = parts;
  if (parts.length === 1) return first!.sha256;
  const hash = createHash('sha256');
  for (const { sha256 } of parts) hash.update(Buffer.from(sha256, 'base64'));
  return `${hash.digest('base64')}-${parts.length}`;
}

/**
 * Works on the items with several lines at a time.
 * @param makeLine makes what one line does with an item.
 * @throws the first error, when no line works any more.
 */
async function inParallel<T>(
  lines: number,
  items: readonly T[],
  signal: AbortSignal | undefined,
  makeLine: () => (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController();
  const either = signal ? AbortSignal.any([signal, failure.signal]) : failure.signal;
  const waiting = items.values();
  const run = async () => {
    const work = makeLine();
    try {
      for (const item of waiting) {
        either.throwIfAborted();
        await work(item, either);
      }
    } catch (error) {
      failure.abort(error);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lines, items.length) }, run));
  signal?.throwIfAborted();
  failure.signal.throwIfAborted();
}

/** S3 has compared a part with its hash. */
function explained(file: string): (error: unknown) => never {
  return (error) => {
    const isOther = error instanceof S3ServiceException && ['BadDigest', 'InvalidDigest'].includes(error.name);
    throw isOther ? new FileChanged(file) : error;
  };
}

function isNoSuchUpload(error: unknown): boolean {
  return error instanceof S3ServiceException && error.name === 'NoSuchUpload';
}

function time({ Initiated }: MultipartUpload): number {
  return Initiated?.getTime() ?? 0;
}

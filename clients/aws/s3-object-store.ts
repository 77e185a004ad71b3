/** A bucket in S3. */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandInput,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  type PutObjectCommandInput,
  paginateListObjectsV2,
  type S3Client,
  type ObjectVersion as S3ObjectVersion,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import {
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  ObjectTooLarge,
  type ObjectVersion,
  PreconditionFailed,
  type PutOptions,
  type StoredObject,
} from '../object-store';

type PutBody = Parameters<ObjectStore['put']>[1];

/** S3 takes up to 5 GiB in one request. Nothing here is larger: shards of model weights are cut at 5 GB or less. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
/** Signature version 4. */
const MAX_LINK_SECONDS = 7 * 24 * 3600;
/** Tries of a request that the SDK cannot repeat itself: it has no second copy of a stream, and takes a 409 for final. */
const MAX_TRIES = 5;
const FIRST_WAIT_MS = 100;
const CONNECTION_ERRORS = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);
/** Of one DeleteObjects request. */
const MAX_DELETED_AT_ONCE = 1000;
/** User metadata of a conditional write, by which it is known again. */
const WRITE_ID = 'write-id';

export interface S3ObjectStoreOptions {
  readonly now?: () => Date;
  /** Waits between tries. */
  readonly wait?: (milliseconds: number) => Promise<unknown>;
}

export class S3ObjectStore implements ObjectStore {
  private readonly now: () => Date;
  private readonly wait: (milliseconds: number) => Promise<unknown>;

  /** @param client is asked for when it is first needed. */
  constructor(
    private readonly client: () => S3Client,
    private readonly bucket: string,
    options: S3ObjectStoreOptions = {},
  ) {
    this.now = options.now ?? (() => new Date());
    this.wait = options.wait ?? sleep;
  }

  /** `lastModified` is this machine's time: S3 does not tell its own in answer to a write. */
  async put(key: string, body: PutBody, options: PutOptions = {}): Promise<ObjectInfo> {
    const size = await sizeOf(key, body);
    const isConditional = options.ifNoneMatch !== undefined || options.ifMatch !== undefined;
    const writeId = isConditional ? randomUUID() : null;
    const input: PutObjectCommandInput = {
      Bucket: this.bucket,
      Key: key,
      ContentLength: size,
      ContentType: options.contentType,
      IfNoneMatch: options.ifNoneMatch,
      // S3 quotes etags; ours are without.
      IfMatch: options.ifMatch === undefined ? undefined : `"${options.ifMatch}"`,
      Metadata: writeId === null ? undefined : { [WRITE_ID]: writeId },
    };
    const etag = await this.repeatedly(async () => {
      try {
        return (await this.client().send(new PutObjectCommand({ ...input, Body: bodyOf(body) }))).ETag;
      } catch (error) {
        // An If-Match on a key that has been deleted is a 404.
        const isOther = hasStatus(error, 412) || (options.ifMatch !== undefined && error instanceof NoSuchKey);
        if (!isOther || writeId === null) throw error;
        return await this.ownEarlierWrite(key, writeId);
      }
    });
    return { key, size, etag: unquoted(key, etag), lastModified: this.now() };
  }

  async get(key: string, options: { readonly maxBytes?: number } = {}): Promise<StoredObject | null> {
    return this.repeatedly(async () => {
      const object = await this.open(key);
      if (!object) return null;
      const { info, stream } = object;
      if (options.maxBytes !== undefined && info.size > options.maxBytes) {
        stream.destroy();
        throw new ObjectTooLarge(info, options.maxBytes);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      return { ...info, body: new Uint8Array(Buffer.concat(chunks)) };
    });
  }

  async download(key: string, file: string): Promise<ObjectInfo | null> {
    const part = `${file}.${randomUUID()}.part`;
    try {
      return await this.repeatedly(async () => {
        const object = await this.open(key);
        if (!object) return null;
        await pipeline(object.stream, createWriteStream(part, { flush: true }));
        await rename(part, file);
        return object.info;
      });
    } finally {
      await rm(part, { force: true });
    }
  }

  /** A bucket that does not exist answers like a missing object: an answer to HEAD has no body that would tell. */
  async head(key: string): Promise<ObjectInfo | null> {
    const answer = await this.headObject(key);
    return answer && infoOf(key, answer);
  }

  async *list(prefix: string, { after }: ListOptions = {}): AsyncIterable<ObjectInfo> {
    const input = { Bucket: this.bucket, Prefix: prefix, StartAfter: after ?? undefined };
    const pages = paginateListObjectsV2({ client: this.client() }, input);
    for await (const { Contents } of pages) {
      for (const { Key, Size, ETag, LastModified } of Contents ?? []) {
        if (Key === undefined) throw new Error(`A listing of ${prefix} must name its keys, got an entry without.`);
        yield infoOf(Key, { ContentLength: Size, ETag, LastModified });
      }
    }
  }

  async delete(key: string): Promise<void> {
    await this.client().send(new DeleteObjectCommand({ Bucket: this.bucket, Key: key }));
  }

  /** A store that knows nothing of versions may answer with none: then its objects are listed. */
  async *listVersions(prefix: string): AsyncGenerator<ObjectVersion> {
    let isEmpty = true;
    for await (const page of this.versionPages(prefix)) {
      if (page.length > 0) isEmpty = false;
      yield* page;
    }
    if (!isEmpty) return;
    for await (const { key, size, lastModified } of this.list(prefix)) {
      yield { key, versionId: null, size, lastModified };
    }
  }

  /** A page of a listing goes in one request. What then stands in a plain listing goes too: not every store knows versions. */
  async *erase(prefix: string, { until }: { readonly until?: Date } = {}): AsyncGenerator<ObjectVersion> {
    const isMeant = ({ lastModified }: { lastModified: Date }) => !until || lastModified <= until;
    for await (const page of this.versionPages(prefix)) {
      const meant = page.filter(isMeant);
      await this.deleteVersions(meant);
      yield* meant;
    }
    for await (const { key, size, lastModified } of this.list(prefix)) {
      if (!isMeant({ lastModified })) continue;
      await this.delete(key);
      yield { key, versionId: null, size, lastModified };
    }
  }

  /**
   * @param expiresInSeconds 1 to 604,800. A link signed with a role's temporary credentials also ends when they do.
   * @throws Error when it is out of that range.
   */
  async presign(key: string, expiresInSeconds: number): Promise<{ url: string; expiresAt: Date }> {
    if (!(Number.isInteger(expiresInSeconds) && expiresInSeconds >= 1 && expiresInSeconds <= MAX_LINK_SECONDS)) {
      throw new Error(
        `expiresInSeconds must be a whole number from 1 to ${MAX_LINK_SECONDS}, got ${expiresInSeconds}.`,
      );
    }
    const signingDate = this.now();
    const url = await getSignedUrl(this.client(), new GetObjectCommand({ Bucket: this.bucket, Key: key }), {
      expiresIn: expiresInSeconds,
      signingDate,
    });
    return { url, expiresAt: new Date(signingDate.getTime() + 1000 * expiresInSeconds) };
  }

  /** The SDK has no paginator of its own for this. */
  private async *versionPages(prefix: string): AsyncGenerator<ObjectVersion[]> {
    let from: Pick<ListObjectVersionsCommandInput, 'KeyMarker' | 'VersionIdMarker'> = {};
    for (;;) {
      const input = { Bucket: this.bucket, Prefix: prefix, ...from };
      const answer = await this.client().send(new ListObjectVersionsCommand(input));
      const entries = [...(answer.Versions ?? []), ...(answer.DeleteMarkers ?? [])];
      yield entries.map((entry) => objectVersion(prefix, entry));
      if (!answer.IsTruncated) return;
      from = { KeyMarker: answer.NextKeyMarker, VersionIdMarker: answer.NextVersionIdMarker };
    }
  }

  private async deleteVersions(versions: readonly ObjectVersion[]): Promise<void> {
    for (let i = 0; i < versions.length; i += MAX_DELETED_AT_ONCE) {
      const Objects = versions.slice(i, i + MAX_DELETED_AT_ONCE).map(({ key, versionId }) => ({
        Key: key,
        ...(versionId !== null && { VersionId: versionId }),
      }));
      const command = new DeleteObjectsCommand({ Bucket: this.bucket, Delete: { Objects, Quiet: true } });
      const [first, ...more] = (await this.client().send(command)).Errors ?? [];
      if (!first) continue;
      const reason = `${first.Code ?? 'an unknown error'}: ${first.Message ?? 'no message'}`;
      throw new Error(`${first.Key} must be deleted for good, got ${reason} (and ${more.length} more).`);
    }
  }

  private async open(key: string): Promise<{ info: ObjectInfo; stream: Readable } | null> {
    let answer: GetObjectCommandOutput;
    try {
      answer = await this.client().send(new GetObjectCommand({ Bucket: this.bucket, Key: key }));
    } catch (error) {
      if (error instanceof NoSuchKey) return null;
      throw error;
    }
    if (!answer.Body) throw new Error(`${key} must come with a body, got none.`);
    // On Node the body is always a Readable; the type also knows the browser's streams.
    return { info: infoOf(key, answer), stream: answer.Body as Readable };
  }

  private async headObject(key: string): Promise<HeadObjectCommandOutput | null> {
    try {
      return await this.client().send(new HeadObjectCommand({ Bucket: this.bucket, Key: key }));
    } catch (error) {
      if (error instanceof NotFound) return null;
      throw error;
    }
  }

  /**
   * When the answer to a conditional write is lost, its repeat meets the object it has written itself.
   * @returns that object's etag. @throws PreconditionFailed when the object is somebody else's.
   */
  private async ownEarlierWrite(key: string, writeId: string): Promise<string | undefined> {
    const found = await this.headObject(key);
    if (found?.Metadata?.[WRITE_ID] !== writeId) throw new PreconditionFailed(key);
    return found.ETag;
  }

  private async repeatedly<T>(run: () => Promise<T>): Promise<T> {
    for (let tryNumber = 1; ; tryNumber++) {
      try {
        return await run();
      } catch (error) {
        if (tryNumber === MAX_TRIES || !isWorthRepeating(error)) throw error;
        await this.wait(FIRST_WAIT_MS * 2 ** (tryNumber - 1) * (0.5 + Math.random() / 2));
      }
    }
  }
}

async function sizeOf(key: string, body: PutBody): Promise<number> {
  if (typeof body === 'string') return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.byteLength;
  const { size } = await stat(body.file);
  if (size > MAX_PUT_BYTES)
    throw new Error(`${key} must be at most ${MAX_PUT_BYTES} bytes in one upload, got ${size}.`);
  return size;
}

/** A stream is used up by a try, so each try opens its own. */
function bodyOf(body: PutBody): PutObjectCommandInput['Body'] {
  return typeof body === 'string' || body instanceof Uint8Array ? body : createReadStream(body.file);
}

/**
 * 409: another conditional write was under way. Else whatever broke on the way and the SDK has not repeated itself: an upload from
 * a stream, or a body that broke off while it was read.
 */
function isWorthRepeating(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (hasStatus(error, 409)) return error.name === 'ConditionalRequestConflict';
  const { $metadata, code } = error as Partial<Pick<S3ServiceException, '$metadata'>> & { readonly code?: unknown };
  if (($metadata?.attempts ?? 1) > 1) return false;
  return ($metadata?.httpStatusCode ?? 0) >= 500 || CONNECTION_ERRORS.has(String(code));
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === status;
}

function infoOf(
  key: string,
  answer: Pick<HeadObjectCommandOutput, 'ContentLength' | 'ETag' | 'LastModified'>,
): ObjectInfo {
  const { ContentLength: size, ETag, LastModified: lastModified } = answer;
  if (size === undefined || lastModified === undefined) {
    throw new Error(`${key} must come with its size and time, got neither or one.`);
  }
  return { key, size, etag: unquoted(key, ETag), lastModified };
}

function objectVersion(
  prefix: string,
  { Key, VersionId, Size, LastModified }: Pick<S3ObjectVersion, 'Key' | 'VersionId' | 'Size' | 'LastModified'>,
): ObjectVersion {
  if (Key === undefined || LastModified === undefined) {
    throw new Error(`A listing of the versions of ${prefix} must name keys and times, got an entry without.`);
  }
  return { key: Key, versionId: VersionId ?? null, size: Size ?? 0, lastModified: LastModified };
}

function unquoted(key: string, etag: string | undefined): string {
  if (etag === undefined) throw new Error(`${key} must come with an etag, got none.`);
  return etag.replaceAll('"', '');
}

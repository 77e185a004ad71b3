/**
 * S3 as documented, in memory and in this process, for what the npm emulators lack: unfinished uploads that can be listed, and
 * checksums that are compared and told again. Anything else fails.
 */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';

interface PlayedObject {
  readonly body: Buffer;
  /** As S3 tells it: of the object, or of its parts with their number. */
  readonly checksum: string | undefined;
  readonly changedAt: Date;
}

interface PlayedUpload {
  readonly key: string;
  readonly algorithm: string | undefined;
  readonly initiated: Date;
  readonly parts: Map<number, Buffer>;
}

export interface PlayedS3 {
  readonly mock: ReturnType<typeof mockClient>;
  readonly objects: Map<string, PlayedObject>;
  readonly uploads: Map<string, PlayedUpload>;
  /** Called before a part is taken; may throw in its place. */
  beforePart: (partNumber: number, key: string) => void | Promise<void>;
  /** Called before an upload becomes an object. */
  beforeComplete: (key: string) => void | Promise<void>;
  restore(): void;
}

/** Parts of a page of ListParts: small, so that there are pages. */
const PAGE = 2;

/** Every S3Client of this process meets it until `restore`. Buckets are all one. */
export function playS3(): PlayedS3 {
  const mock = mockClient(S3Client);
  const objects: PlayedS3['objects'] = new Map();
  const uploads: PlayedS3['uploads'] = new Map();
  let seconds = 0;
  const now = () => {
    seconds += 1;
    return new Date(seconds * 1000);
  };
  const played: PlayedS3 = {
    mock,
    objects,
    uploads,
    beforePart: () => {},
    beforeComplete: () => {},
    restore: () => mock.restore(),
  };
  const upload = (id: string | undefined) => {
    const found = uploads.get(id ?? '');
    if (!found) throw failure('NoSuchUpload', 404);
    return found;
  };
  const put = (key: string, body: Buffer, checksum: string | undefined) => {
    objects.set(key, { body, checksum, changedAt: now() });
    return { ETag: etagOf(body) };
  };

  mock.on(PutObjectCommand).callsFake(async ({ Key, Body, ChecksumSHA256, IfMatch }) => {
    const body = Buffer.from(Body);
    if (IfMatch !== undefined && !objects.has(Key)) {
      throw new NoSuchKey({ message: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
    }
    requireDigest(body, ChecksumSHA256);
    return put(Key, body, ChecksumSHA256);
  });
  mock.on(HeadObjectCommand).callsFake(async ({ Key, ChecksumMode }) => {
    const found = objects.get(Key);
    if (!found) throw new NotFound({ message: 'NotFound', $metadata: { httpStatusCode: 404 } });
    const ChecksumSHA256 = ChecksumMode === 'ENABLED' ? found.checksum : undefined;
    return { ...about(found), ChecksumSHA256 };
  });
  mock.on(GetObjectCommand).callsFake(async ({ Key, Range }) => {
    const found = objects.get(Key);
    if (!found) throw new NoSuchKey({ message: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
    const [, from = '0', to = String(found.body.length)] = /^bytes=(\d+)-(\d+)$/.exec(Range ?? '') ?? [];
    if (Range && Number(from) >= found.body.length) throw failure('InvalidRange', 416);
    const body = found.body.subarray(Number(from), Number(to) + 1);
    return { ...about(found), ContentLength: body.length, Body: streamOf(body) };
  });
  mock.on(DeleteObjectCommand).callsFake(async ({ Key }) => {
    objects.delete(Key);
    return {};
  });
  mock.on(ListObjectsV2Command).callsFake(async ({ Prefix = '' }) => ({
    Contents: [...objects.keys()]
      .filter((key) => key.startsWith(Prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((Key) => ({ Key, Size: objects.get(Key)!.body.length, ...about(objects.get(Key)!) })),
  }));

  mock.on(CreateMultipartUploadCommand).callsFake(async ({ Key, ChecksumAlgorithm }) => {
    const UploadId = randomUUID();
    const initiated = now();
    uploads.set(UploadId, { key: Key, algorithm: ChecksumAlgorithm, initiated, parts: new Map() });
    return { UploadId };
  });
  mock.on(UploadPartCommand).callsFake(async ({ UploadId, PartNumber, Key, Body, ChecksumSHA256 }) => {
    // The sender may use its memory again as soon as it has an answer.
    const body = Buffer.from(Body);
    await played.beforePart(PartNumber, Key);
    requireDigest(body, ChecksumSHA256);
    upload(UploadId).parts.set(PartNumber, body);
    return { ETag: etagOf(body), ChecksumSHA256 };
  });
  mock.on(ListMultipartUploadsCommand).callsFake(async ({ Prefix = '' }) => ({
    Uploads: [...uploads]
      .filter(([, { key }]) => key.startsWith(Prefix))
      .map(([UploadId, { key, algorithm, initiated }]) => ({
        Key: key,
        UploadId,
        Initiated: initiated,
        ChecksumAlgorithm: algorithm,
      })),
  }));
  mock.on(ListPartsCommand).callsFake(async ({ UploadId, PartNumberMarker }) => {
    const numbers = [...upload(UploadId).parts.keys()].sort((a, b) => a - b);
    const left = numbers.filter((number) => number > Number(PartNumberMarker ?? 0));
    const page = left.slice(0, PAGE);
    return {
      Parts: page.map((PartNumber) => {
        const body = upload(UploadId).parts.get(PartNumber)!;
        const ChecksumSHA256 = upload(UploadId).algorithm === 'SHA256' ? sha256(body) : undefined;
        return { PartNumber, Size: body.length, ETag: etagOf(body), ChecksumSHA256 };
      }),
      IsTruncated: left.length > page.length,
      NextPartNumberMarker: String(page.at(-1) ?? ''),
    };
  });
  mock.on(CompleteMultipartUploadCommand).callsFake(async ({ UploadId, Key, MultipartUpload }) => {
    await played.beforeComplete(Key);
    const { parts } = upload(UploadId);
    const listed: { PartNumber: number; ETag: string; ChecksumSHA256: string }[] = MultipartUpload.Parts;
    const bodies = listed.map(({ PartNumber, ETag, ChecksumSHA256 }, i) => {
      const body = parts.get(PartNumber);
      if (!body || PartNumber !== i + 1 || ETag !== etagOf(body)) throw failure('InvalidPart', 400);
      requireDigest(body, ChecksumSHA256);
      return body;
    });
    uploads.delete(UploadId);
    const digests = Buffer.concat(bodies.map((body) => createHash('sha256').update(body).digest()));
    const ChecksumSHA256 = `${sha256(digests)}-${bodies.length}`;
    return { ...put(Key, Buffer.concat(bodies), ChecksumSHA256), ChecksumSHA256 };
  });
  mock.on(AbortMultipartUploadCommand).callsFake(async ({ UploadId }) => {
    upload(UploadId);
    uploads.delete(UploadId);
    return {};
  });
  return played;
}

export function failure(name: string, httpStatusCode: number): S3ServiceException {
  return new S3ServiceException({ name, message: name, $fault: 'client', $metadata: { httpStatusCode } });
}

function requireDigest(body: Buffer, checksum: string | undefined): void {
  if (checksum !== undefined && checksum !== sha256(body)) throw failure('BadDigest', 400);
}

function about({ body, changedAt }: PlayedObject) {
  return { ContentLength: body.length, ETag: etagOf(body), LastModified: changedAt };
}

/** As the SDK hands it out on Node. */
function streamOf(body: Buffer) {
  return Object.assign(Readable.from([body]), { transformToByteArray: async () => new Uint8Array(body) });
}

function sha256(body: Buffer): string {
  return createHash('sha256').update(body).digest('base64');
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

/** Large files in S3: what an interrupted upload keeps, and what happens to an upload under our hands. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { S3LargeFiles } from '../../../clients/aws/s3-large-files';
import { S3ObjectStore } from '../../../clients/aws/s3-object-store';
import { cutFile, type FileInParts } from '../../../clients/file-parts';
import { useEmulatedCredentials } from '../../emulators/emulator';
import { connect } from '../../emulators/harnesses';
import { startNpmEmulators } from '../../emulators/npm-emulators';
import { createBucket } from '../../emulators/resources';
import { describeLargeFiles, hashOf, LARGE_BYTES } from '../large-files.contract';
import { failure, type PlayedS3, playS3 } from './played-s3';

// First, before every client of this process meets the played one. fauxqs tells no checksums, and makes an empty object of parts that are
// named with theirs.
describeLargeFiles(
  'npm emulators',
  async () => {
    const emulators = await startNpmEmulators();
    const { clients, name, close } = connect(emulators);
    await createBucket(clients, name);
    return {
      files: new S3LargeFiles(clients.s3, name),
      store: new S3ObjectStore(clients.s3, name),
      close: async () => {
        await close();
        await emulators.stop();
      },
    };
  },
  { without: ['parts', 'checksums'] },
);

function openPlayed() {
  useEmulatedCredentials();
  const s3 = playS3();
  const client = new S3Client({ region: 'eu-central-1' });
  const close = async () => s3.restore();
  return { s3, files: new S3LargeFiles(() => client, 'b'), store: new S3ObjectStore(() => client, 'b'), close };
}

describeLargeFiles('S3 as documented', async () => openPlayed());

describe('an interrupted upload', () => {
  const KEY = 'm/weights.safetensors';
  let folder: string;
  let content: Buffer;
  let file: FileInParts;
  let played: ReturnType<typeof openPlayed>;
  let s3: PlayedS3;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'mv2id-s3-large-'));
    content = randomBytes(LARGE_BYTES);
    file = await cut('weights', content);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => {
    played = openPlayed();
    s3 = played.s3;
  });
  afterEach(() => played.close());

  async function cut(name: string, bytes: Buffer): Promise<FileInParts> {
    const whole = path.join(folder, name);
    writeFileSync(whole, bytes);
    return cutFile(whole);
  }

  /** Sends the file; `how` tells in which order parts were sent or found. */
  async function send(cutten: FileInParts = file, signal?: AbortSignal): Promise<string[]> {
    const how: string[] = [];
    await played.files.send(KEY, cutten, { onArrived: (_bytes, kind) => how.push(kind), ...(signal && { signal }) });
    return how;
  }

  function breakAtPart(broken: number, error: Error): void {
    s3.beforePart = (number) => {
      if (number === broken) throw error;
    };
  }

  const sentParts = () => s3.mock.commandCalls(UploadPartCommand).map(({ args }) => args[0].input.PartNumber);

  test('goes on with what has arrived', async () => {
    breakAtPart(3, failure('InternalError', 500));
    await expect(send()).rejects.toThrow('InternalError');
    expect(s3.objects.has(KEY)).toBe(false);
    const [[, upload] = [undefined, undefined]] = [...s3.uploads];
    expect([...upload!.parts.keys()].sort()).toEqual([1, 2, 4]);

    s3.beforePart = () => {};
    s3.mock.resetHistory();
    expect((await send()).sort()).toEqual(['found', 'found', 'found', 'sent']);
    expect(sentParts()).toEqual([3]);
    expect(s3.mock.commandCalls(CreateMultipartUploadCommand)).toEqual([]);
    expect(hashOf(s3.objects.get(KEY)!.body)).toBe(hashOf(content));
    expect(s3.uploads.size).toBe(0);
  });

  test('sends again what is not the part of this file: its content counts, not its number', async () => {
    breakAtPart(4, failure('InternalError', 500));
    await expect(send()).rejects.toThrow('InternalError');
    s3.beforePart = () => {};
    const changed = Buffer.from(content);
    changed[9_000_000]! ^= 1; // in the second part
    s3.mock.resetHistory();
    await send(await cut('changed', changed));
    expect(sentParts().sort()).toEqual([2, 4]);
    expect(hashOf(s3.objects.get(KEY)!.body)).toBe(hashOf(changed));
  });

  test('is left alone when it cannot tell what it has, or is for another key', async () => {
    s3.uploads.set('crc', { key: KEY, algorithm: 'CRC64NVME', initiated: new Date(9e12), parts: new Map() });
    s3.uploads.set('longer', { key: `${KEY}.json`, algorithm: 'SHA256', initiated: new Date(9e12), parts: new Map() });
    expect(await send()).toEqual(['sent', 'sent', 'sent', 'sent']);
    expect([...s3.uploads.keys()]).toEqual(['crc', 'longer']);
  });

  test('of several the newest goes on', async () => {
    const part = (n: number) => content.subarray(8 * 1024 * 1024 * (n - 1), 8 * 1024 * 1024 * n);
    const initiated = (day: number) => new Date(Date.UTC(2026, 0, day));
    s3.uploads.set('old', { key: KEY, algorithm: 'SHA256', initiated: initiated(1), parts: new Map([[1, part(1)]]) });
    s3.uploads.set('new', { key: KEY, algorithm: 'SHA256', initiated: initiated(2), parts: new Map([[2, part(2)]]) });
    expect((await send()).sort()).toEqual(['found', 'sent', 'sent', 'sent']);
    expect([...s3.uploads.keys()]).toEqual(['old']);
  });

  test('stops at once, and what was under way may still arrive', async () => {
    const stop = new AbortController();
    s3.beforePart = () => stop.abort(new Error('stopped'));
    await expect(send(file, stop.signal)).rejects.toThrow('stopped');
    expect(s3.objects.has(KEY)).toBe(false);
    expect(s3.uploads.size).toBe(1);
  });

  test('that somebody else has completed is done', async () => {
    let isFirst = true;
    s3.beforeComplete = async () => {
      if (!isFirst) return;
      isFirst = false;
      await send();
    };
    await send();
    expect(hashOf(s3.objects.get(KEY)!.body)).toBe(hashOf(content));
  });

  test('that somebody has aborted begins anew, but not for ever', async () => {
    let aborted = 0;
    s3.beforePart = () => {
      if (aborted++ === 0) s3.uploads.clear();
    };
    await send();
    expect(hashOf(s3.objects.get(KEY)!.body)).toBe(hashOf(content));
    s3.objects.clear();
    s3.beforePart = () => s3.uploads.clear();
    await expect(send()).rejects.toThrow('NoSuchUpload');
  });

  test('is not taken for done when something else is in the bucket', async () => {
    s3.mock.on(CompleteMultipartUploadCommand).resolves({});
    s3.mock.on(HeadObjectCommand).resolves({ ContentLength: LARGE_BYTES, ChecksumSHA256: 'other' });
    await expect(send()).rejects.toThrow(`${KEY} must be in the bucket as it was sent, got another object.`);
  });

  test('a file that changed since it was hashed is refused by its checksum', async () => {
    const whole = path.join(folder, 'changing');
    writeFileSync(whole, content);
    const before = await cutFile(whole);
    writeFileSync(whole, randomBytes(LARGE_BYTES));
    await expect(send(before)).rejects.toThrow(`${whole} must stay as it is while it is sent`);
    writeFileSync(whole, content.subarray(0, 100));
    await expect(send(before)).rejects.toThrow(`${whole} must stay as it is while it is sent`);
    expect(s3.objects.has(KEY)).toBe(false);
  });
});

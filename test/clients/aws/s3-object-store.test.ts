import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { mockClient } from 'aws-sdk-client-mock';
import { S3ObjectStore } from '../../../clients/aws/s3-object-store';
import { PreconditionFailed } from '../../../clients/object-store';
import { useEmulatedCredentials } from '../../emulators/emulator';
import { openObjectStore } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeObjectStore } from '../object-store.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

// fauxqs answers 200 to conditions and ignores them, and sorts keys as a person would.
const without = ['conditional-writes', 'concurrent-conditional-writes', 'byte-order'] as const;
describeObjectStore('npm emulators', () => openObjectStore(emulators), { without });

describe('answers that no emulator gives', () => {
  useEmulatedCredentials();
  const client = new S3Client({ region: 'eu-central-1' });
  const mock = mockClient(client);
  const waits: number[] = [];
  const store = new S3ObjectStore(() => client, 'bucket', { wait: async (milliseconds) => waits.push(milliseconds) });
  beforeEach(() => {
    mock.reset();
    waits.length = 0;
  });

  test('conditions are quoted as S3 quotes etags', async () => {
    mock.on(PutObjectCommand).resolves({ ETag: '"new"' });
    expect(await store.put('key', 'body', { ifMatch: 'old' })).toMatchObject({ etag: 'new' });
    await store.put('key', 'body', { ifNoneMatch: '*' });
    const inputs = mock.commandCalls(PutObjectCommand).map(({ args }) => args[0].input);
    expect(inputs.map(({ IfMatch, IfNoneMatch }) => [IfMatch, IfNoneMatch])).toEqual([
      ['"old"', undefined],
      [undefined, '*'],
    ]);
  });

  test('a write that collides with another is tried again, from the start of its file', async () => {
    const file = __filename;
    const read: string[] = [];
    let tries = 0;
    mock.on(PutObjectCommand).callsFake(async ({ Body }) => {
      read.push(await text(Body));
      if (++tries < 3) throw failure('ConditionalRequestConflict', 409);
      return { ETag: '"e"' };
    });
    await store.put('key', { file }, { ifNoneMatch: '*' });
    expect(read).toEqual([1, 2, 3].map(() => readFileSync(file, 'utf8')));
    expect(waits).toHaveLength(2);
  });

  test('who is always met with a conflict gives up', async () => {
    mock.on(PutObjectCommand).rejects(failure('ConditionalRequestConflict', 409));
    await expect(store.put('key', 'body', { ifNoneMatch: '*' })).rejects.toThrow('ConditionalRequestConflict');
    expect(mock.commandCalls(PutObjectCommand)).toHaveLength(5);
  });

  test('a file that S3 could not take is sent again; what the SDK has repeated itself is not', async () => {
    mock.on(PutObjectCommand).rejectsOnce(failure('SlowDown', 503)).resolves({ ETag: '"e"' });
    expect(await store.put('key', { file: __filename })).toMatchObject({ etag: 'e' });
    mock.reset();
    const repeated = Object.assign(failure('SlowDown', 503), { $metadata: { httpStatusCode: 503, attempts: 5 } });
    mock.on(PutObjectCommand).rejects(repeated);
    await expect(store.put('key', 'body')).rejects.toThrow('SlowDown');
    expect(mock.commandCalls(PutObjectCommand)).toHaveLength(1);
  });

  test('a write whose answer was lost knows its own object again', async () => {
    mock.on(PutObjectCommand).callsFake(({ Metadata }) => {
      mock.on(HeadObjectCommand).resolves({ ETag: '"own"', Metadata });
      throw failure('PreconditionFailed', 412);
    });
    expect(await store.put('key', 'body', { ifNoneMatch: '*' })).toMatchObject({ etag: 'own' });
  });

  test("another's object is a failed precondition", async () => {
    mock.on(PutObjectCommand).rejects(failure('PreconditionFailed', 412));
    mock.on(HeadObjectCommand).resolves({ ETag: '"theirs"', Metadata: { 'write-id': 'theirs' } });
    await expect(store.put('key', 'body', { ifNoneMatch: '*' })).rejects.toThrow(PreconditionFailed);
  });

  test('what is forbidden or broken is not taken for missing', async () => {
    mock.on(GetObjectCommand).rejects(failure('AccessDenied', 403));
    mock.on(HeadObjectCommand).rejects(failure('AccessDenied', 403));
    mock.on(PutObjectCommand).rejects(failure('AccessDenied', 403));
    await expect(store.get('key')).rejects.toThrow('AccessDenied');
    await expect(store.head('key')).rejects.toThrow('AccessDenied');
    await expect(store.put('key', 'body')).rejects.toThrow('AccessDenied');
    mock.on(GetObjectCommand).rejects(failure('NoSuchBucket', 404));
    await expect(store.get('key')).rejects.toThrow('NoSuchBucket');
    expect(waits).toEqual([]);
  });

  test('a download that breaks off is tried again and leaves no part behind', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-s3-'));
    let tries = 0;
    mock.on(GetObjectCommand).callsFake(() => ({
      ContentLength: 6,
      ETag: '"e"',
      LastModified: new Date(0),
      Body: ++tries === 1 ? brokenAfter('abc') : Readable.from([Buffer.from('abc'), Buffer.from('def')]),
    }));
    const file = path.join(folder, 'file');
    expect(await store.download('key', file)).toMatchObject({ size: 6 });
    expect(readFileSync(file, 'utf8')).toBe('abcdef');
    mock.on(GetObjectCommand).callsFake(() => ({
      ContentLength: 6,
      ETag: '"e"',
      LastModified: new Date(0),
      Body: brokenAfter('xyz'),
    }));
    await expect(store.download('key', file)).rejects.toThrow('connection lost');
    expect([readdirSync(folder), readFileSync(file, 'utf8')]).toEqual([['file'], 'abcdef']);
    rmSync(folder, { recursive: true });
  });

  test('a file that is too large for one upload is refused before anything is sent', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-s3-'));
    const file = path.join(folder, 'sparse');
    writeFileSync(file, '');
    truncateSync(file, 5 * 1024 ** 3 + 1);
    await expect(store.put('key', { file })).rejects.toThrow('key must be at most 5368709120 bytes');
    expect(mock.calls()).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  test('a link may last a week and no longer', async () => {
    await expect(store.presign('key', 604_801)).rejects.toThrow('from 1 to 604800, got 604801.');
    await expect(store.presign('key', 0)).rejects.toThrow('got 0.');
  });
});

function failure(name: string, httpStatusCode: number): S3ServiceException {
  return new S3ServiceException({ name, message: name, $fault: 'client', $metadata: { httpStatusCode } });
}

function brokenAfter(content: string): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from(content);
      throw Object.assign(new Error('connection lost'), { code: 'ECONNRESET' });
    })(),
  );
}

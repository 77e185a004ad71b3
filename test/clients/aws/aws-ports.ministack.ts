/**
 * The contract suites against ministack, which shows what the npm emulators cannot: conditional writes, groups, Secrets Manager,
 * and every service behind one endpoint. `npm run test:emulators` runs this file; see docs/emulators.md.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { S3LargeFiles } from '../../../clients/aws/s3-large-files';
import { S3ObjectStore } from '../../../clients/aws/s3-object-store';
import { cutFile } from '../../../clients/file-parts';
import { createDeployment } from '../../emulators/aws-deployment';
import type { Emulator } from '../../emulators/emulator';
import { connect, openJobQueue, openObjectStore, openRecordTable, openWebhookSecrets } from '../../emulators/harnesses';
import { startMinistack } from '../../emulators/ministack';
import { createBucket } from '../../emulators/resources';
import { describeJobQueue } from '../job-queue.contract';
import { describeLargeFiles, LARGE_BYTES } from '../large-files.contract';
import { describeObjectStore } from '../object-store.contract';
import { describeRecordTable } from '../record-table.contract';
import { describeWebhookSecrets } from '../webhook-secrets.contract';
import { describeAwsPorts } from './aws-ports.contract';

const executable = process.env.MV2ID_MINISTACK;
if (!executable) throw new Error('MV2ID_MINISTACK must be the path of the ministack executable, got nothing.');

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startMinistack(executable);
});
afterAll(() => emulator.stop());

describeObjectStore('ministack', () => openObjectStore(emulator));
describeLargeFiles('ministack', async () => {
  const { clients, name, close } = connect(emulator);
  await createBucket(clients, name);
  return { files: new S3LargeFiles(clients.s3, name), store: new S3ObjectStore(clients.s3, name), close };
});
describeRecordTable('ministack', () => openRecordTable(emulator));
// It keeps groups, but serves messages in their order whosever they are.
describeJobQueue('ministack', () => openJobQueue(emulator), { without: ['fair-groups'] });
describeWebhookSecrets('ministack', () => openWebhookSecrets(emulator));
describeAwsPorts('ministack', () => createDeployment(emulator));

test('a bucket that keeps versions forgets all of them, and what marks them as deleted', async () => {
  const { clients, name, close } = connect(emulator);
  await createBucket(clients, name);
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await clients.s3().send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration }));
  const store = new S3ObjectStore(clients.s3, name);
  for (const body of ['one', 'two', 'three']) await store.put('sets/anna/1/a', body);
  await store.put('sets/anna/1/deleted', 'x');
  await store.delete('sets/anna/1/deleted');
  await store.put('sets/anna/2/b', 'kept');
  const erased: string[] = [];
  for await (const { key, versionId, size } of store.erase('sets/anna/1/')) {
    expect(versionId).not.toBeNull();
    erased.push(`${key} ${size}`);
  }
  expect(erased.sort()).toEqual([
    'sets/anna/1/a 3',
    'sets/anna/1/a 3',
    'sets/anna/1/a 5',
    'sets/anna/1/deleted 0',
    'sets/anna/1/deleted 1',
  ]);
  const left: string[] = [];
  for await (const { key } of store.listVersions('')) left.push(key);
  expect(left).toEqual(['sets/anna/2/b']);
  await close();
});

test('a link serves only what was signed, and only until it expires', async () => {
  const { clients, name, close } = connect(emulator);
  await createBucket(clients, name);
  const store = new S3ObjectStore(clients.s3, name);
  await store.put('mine', 'mine');
  await store.put('theirs', 'theirs');
  const link = await store.presign('mine', 60);
  expect((await fetch(link.url)).status).toBe(200);
  expect((await fetch(link.url.replace('/mine?', '/theirs?'))).status).toBe(403);
  const longAgo = new S3ObjectStore(clients.s3, name, { now: () => new Date(Date.now() - 61_000) });
  expect((await fetch((await longAgo.presign('mine', 60)).url)).status).toBe(403);
  await close();
});

test('an upload that was interrupted goes on with the parts that have arrived', async () => {
  const { clients, name, close } = connect(emulator);
  await createBucket(clients, name);
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-ministack-large-'));
  writeFileSync(path.join(folder, 'file'), randomBytes(LARGE_BYTES));
  const file = await cutFile(path.join(folder, 'file'));
  const files = new S3LargeFiles(clients.s3, name);
  const stop = new AbortController();
  const interrupted = files.send('m/file', file, {
    signal: stop.signal,
    onArrived: () => stop.abort(new Error('stopped')),
  });
  await expect(interrupted).rejects.toThrow('stopped');
  expect(await files.holds('m/file', file)).toBe(false);
  const how: string[] = [];
  await files.send('m/file', file, { onArrived: (_bytes, kind) => how.push(kind) });
  expect(how).toHaveLength(file.parts.length);
  expect(how[0]).toBe('found');
  expect(await files.holds('m/file', file)).toBe(true);
  rmSync(folder, { recursive: true });
  await close();
});

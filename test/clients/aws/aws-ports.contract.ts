/** A whole deployment through openAwsPorts: that every port reaches its own resource, and that the parts meet over the wire. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openAwsPorts } from '../../../clients/aws/aws-ports';
import { JobLedger } from '../../../clients/job-ledger';
import type { Ports } from '../../../clients/ports';
import { type AwsDeployment, QUEUE_NAMES } from '../../../contract/deployment';
import { type Job, JobIdSchema } from '../../../contract/job';
import { JOB_FILE_NAME, resultKey } from '../../../contract/keys';
import { batchJob } from '../batch-job';

const ID = JobIdSchema.parse(`job-${'a'.repeat(26)}`);
const TIME = '2026-11-23T12:00:00.000Z';
/** More than one chunk of any stream, and no multiple of one. */
const LARGE_BYTES = 5_000_001;

/** JSON that DynamoDB has no attributes for, and characters that SQS does not carry. */
const ODD_METADATA = {
  '': 1e300,
  tiny: 5e-324,
  deep: JSON.parse(`${'['.repeat(50)}${']'.repeat(50)}`),
  text: 'emoji 😀, non-characters \ufffe\uffff, half a pair \ud83d, control \u0001',
};

export function describeAwsPorts(name: string, deployment: () => Promise<AwsDeployment>): void {
  describe(`ports of a deployment: ${name}`, () => {
    let ports: Ports;
    let folder: string;

    beforeEach(async () => {
      ports = await openAwsPorts(await deployment());
      folder = mkdtempSync(path.join(tmpdir(), 'mv2id-ports-'));
    });
    afterEach(async () => {
      await ports.close();
      rmSync(folder, { recursive: true });
    });

    test('a job goes through its states: table, published job object and webhook messages agree', async () => {
      const ledger = new JobLedger(ports, () => new Date(TIME));
      const { isNew } = await ledger.create({ ...newRecord(), job: { ...newJob(), metadata: ODD_METADATA } });
      expect(isNew).toBe(true);
      expect((await ledger.create(newRecord())).isNew).toBe(false);
      for (const status of ['submitted', 'processing', 'failed'] as const) await ledger.change(ID, () => ({ status }));

      const stored = await ports.jobs.get(ID);
      expect(stored).toMatchObject({ pending_events: [], job: { status: 'failed', metadata: ODD_METADATA } });
      const published = await ports.buckets.results.get(resultKey(ID, JOB_FILE_NAME));
      expect(JSON.parse(Buffer.from(published?.body ?? []).toString())).toEqual(stored?.job);
      expect((await ports.jobs.query('by_tenant', 'anna')).records).toEqual([stored]);
      expect((await ports.jobs.query('by_unsettled', 'unsettled')).records).toEqual([]);

      const messages = await ports.queues.webhooks.receive({ max: 10, visibilitySeconds: 60 });
      const events = messages.map(({ body }) => JSON.parse(body).event);
      expect(events.map(({ webhook_id }) => webhook_id).sort()).toEqual([`evt_${ID}_failed`, `evt_${ID}_started`]);
      expect(events.every(({ job }) => job.metadata.text === ODD_METADATA.text)).toBe(true);
    });

    test('every queue and bucket is its own', async () => {
      for (const queue of QUEUE_NAMES) {
        await ports.queues[queue].send([{ body: queue }]);
        await ports.deadLetters[queue].send([{ body: `dead ${queue}` }]);
      }
      for (const queue of QUEUE_NAMES) {
        const bodies = async (from: typeof ports.queues) =>
          (await from[queue].receive({ max: 10, visibilitySeconds: 60 })).map(({ body }) => body);
        expect(await bodies(ports.queues)).toEqual([queue]);
        expect(await bodies(ports.deadLetters)).toEqual([`dead ${queue}`]);
      }
      for (const bucket of ['uploads', 'results', 'models'] as const) await ports.buckets[bucket].put('key', bucket);
      for (const bucket of ['uploads', 'results', 'models'] as const) {
        expect(Buffer.from((await ports.buckets[bucket].get('key'))?.body ?? []).toString()).toBe(bucket);
      }
    });

    test('a large file is streamed up and down, byte for byte', async () => {
      const source = path.join(folder, 'source');
      const bytes = Buffer.alloc(LARGE_BYTES, 'weights, ');
      writeFileSync(source, bytes);
      const put = await ports.buckets.models.put('tiny/model.safetensors', { file: source });
      expect(put.size).toBe(LARGE_BYTES);
      const target = path.join(folder, 'target');
      expect(await ports.buckets.models.download('tiny/model.safetensors', target)).toMatchObject({ etag: put.etag });
      expect(readFileSync(target).equals(bytes)).toBe(true);
    });

    test('a link serves the object to somebody without credentials', async () => {
      const key = 'jobs/1/a video+ünd more.mp4';
      await ports.buckets.results.put(key, 'video', { contentType: 'video/mp4' });
      const before = Date.now();
      const link = await ports.buckets.results.presign(key, 3600);
      expect((link?.expiresAt.getTime() ?? 0) - before).toBeGreaterThanOrEqual(3600_000);
      const answer = await fetch(link?.url ?? '');
      expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
        200,
        'video/mp4',
        'video',
      ]);
    });

    test('a Batch job is found again under the job it runs', async () => {
      const id = await ports.batch.submit({ jobId: ID, shareIdentifier: 'anna-1', priority: 10, timeoutSeconds: 60 });
      expect(await batchJob(ports.batch, id)).toMatchObject({ jobId: id, jobName: ID });
      expect(await batchJob(ports.batch, '00000000-0000-0000-0000-000000000000')).toBeNull();
    });

    test('a bucket that does not exist is an error, not an empty one', async () => {
      const { buckets, ...rest } = await deployment();
      const elsewhere = await openAwsPorts({ ...rest, buckets: { ...buckets, results: 'no-such-bucket' } });
      await expect(elsewhere.buckets.results.get('key')).rejects.toThrow();
      await expect(elsewhere.buckets.results.list('')[Symbol.asyncIterator]().next()).rejects.toThrow();
      await elsewhere.close();
    });
  });
}

function newRecord() {
  return {
    id: ID,
    job: newJob(),
    manifest: null,
    webhook: 'https://example.org/hook',
    images: [],
    uploaded_at: TIME,
    batch_job_id: null,
    attempt: 0,
    last_error: null,
  };
}

function newJob(): Job {
  return {
    schema_version: 1,
    id: ID,
    status: 'queued',
    tenant: 'anna',
    set: 'first',
    model: 'mv2id-tiny',
    progress: { percent: 0, step: 0, total_steps: 0, eta_seconds: null },
    input: null,
    reference_check: null,
    output: [],
    error: null,
    metrics: {
      queue_time: null,
      predict_time: null,
      total_time: null,
      attempts: 0,
      gpu_seconds: null,
      estimated_cost_usd: null,
    },
    attempts: [],
    metadata: {},
    created_at: TIME,
    submitted_at: null,
    started_at: null,
    completed_at: null,
    data_removed_at: null,
  };
}

import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import type { JobState } from '../../contract/job';
import { JobSchema } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { JOB_FILE_NAME, jobId, resultKey, uploadKey } from '../../contract/keys';
import { RetryLater } from '../../lambdas/stage';
import { validate } from '../../lambdas/validate';
import { batchJob } from '../clients/batch-job';
import { ada, photo } from '../faces/photos';
import { manifest } from '../reference-set';
import {
  drainJobs,
  drainWebhooks,
  image,
  MANIFEST_KEY,
  openTestContext,
  overriding,
  PLACE,
  stageMessage,
  type TestContext,
  uploadEvent,
  uploadImages,
  uploadManifest,
  withPorts,
} from './factories';

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

function created(time = context.now(), receiveCount = 1) {
  return validate(stageMessage(uploadEvent('Object Created', time), receiveCount), context);
}

function deleted(time = context.now()) {
  return validate(stageMessage(uploadEvent('Object Deleted', time)), context);
}

async function jobsOfSet(): Promise<readonly JobRecord[]> {
  const { records } = await context.ports.jobs.query('by_set', `${PLACE.tenant}/${PLACE.set}`, { order: 'oldest' });
  return records;
}

async function onlyJob(): Promise<JobRecord> {
  const jobs = await jobsOfSet();
  expect(jobs).toHaveLength(1);
  return jobs[0]!;
}

/** Uploads a whole set and has it validated. @returns its job. */
async function submitted(job: unknown = manifest()): Promise<JobRecord> {
  await uploadImages(context);
  const bytes = await uploadManifest(context, job);
  await created();
  const record = await context.ports.jobs.get(jobId(PLACE.tenant, PLACE.set, bytes));
  return record!;
}

describe('the consent of a set that is taken', () => {
  const UPLOADER = { requester: '123456789012', 'source-ip-address': '198.51.100.7' };
  const createdBy = (uploader: Partial<typeof UPLOADER>) => {
    const event = uploadEvent('Object Created', context.now());
    return validate(stageMessage({ ...event, detail: { ...event.detail, ...uploader } }), context);
  };

  test('is recorded: whose, by whom, when, and of which manifest', async () => {
    await uploadImages(context);
    const bytes = await uploadManifest(context);
    await createdBy(UPLOADER);
    const { job, uploaded_at } = await onlyJob();
    expect(await context.ports.consents.get(job.id)).toEqual({
      id: job.id,
      version: 1,
      tenant: 'acme',
      set: 'ada',
      subject: 'Test',
      reference: 'drawn by a test',
      manifest_sha256: createHash('sha256').update(bytes).digest('hex'),
      uploaded_by: { requester: '123456789012', source_ip: '198.51.100.7' },
      uploaded_at,
      recorded_at: context.now().toISOString(),
    });
  });

  test('stands before the job does', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    const seen: number[] = [];
    const jobs = overriding(context.ports.jobs, {
      insert: async (record) => {
        seen.push((await context.ports.consents.query('by_set', 'acme/ada')).records.length);
        return context.ports.jobs.insert(record);
      },
    });
    await validate(stageMessage(uploadEvent('Object Created', context.now())), withPorts(context, { jobs }));
    expect(seen).toEqual([1]);
  });

  test('is recorded once, as it was first told, also when nobody tells the uploader', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    await createdBy({});
    context.clock.move(60);
    await createdBy(UPLOADER);
    const { records } = await context.ports.consents.query('by_tenant', 'acme');
    expect(records).toMatchObject([{ version: 1, uploaded_by: { requester: null, source_ip: null } }]);
  });

  test('is not recorded of a set that is rejected', async () => {
    await submitted({ ...manifest(), model: 'unknown' });
    expect((await onlyJob()).job.status).toBe('rejected');
    expect((await context.ports.consents.query('by_tenant', 'acme')).records).toEqual([]);
  });

  test.each([
    ['is missing', undefined, 'reference_set.consent must be'],
    [
      'is not confirmed',
      { confirmed: false, reference: 'form 1' },
      'reference_set.consent.confirmed must be true (the subject agreed to this use of the photos), got false.',
    ],
    ['names no form', { confirmed: true }, 'reference_set.consent.reference must be'],
  ])('that %s rejects the set', async (_what, consent, message) => {
    const { reference_set, ...rest } = manifest();
    await submitted({ ...rest, reference_set: { ...reference_set, consent } });
    const { job } = await onlyJob();
    expect(job).toMatchObject({ status: 'rejected', error: { code: 'invalid_manifest' } });
    expect(job.error?.message).toContain(message);
  });
});

async function move(record: JobRecord, ...states: JobState[]): Promise<void> {
  for (const status of states) await context.ledger.change(record.job.id, () => ({ status }));
}

describe('a set that is uploaded', () => {
  test('becomes a queued job with its images frozen, a message to submit and a job object', async () => {
    const job = await submitted({ ...manifest(), metadata: { case: 7 } });
    const bytes = await image();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(job).toMatchObject({
      webhook: null,
      batch_job_id: null,
      attempt: 0,
      images: ['front.png', 'side.png'].map((file) => ({ file, size: bytes.length, sha256 })),
      job: { status: 'queued', tenant: 'acme', set: 'ada', model: 'random', metadata: { case: 7 }, error: null },
    });
    expect(await drainJobs(context)).toEqual([{ schema_version: 1, job_id: job.id }]);
    const published = await context.ports.buckets.results.get(resultKey(job.job.id, JOB_FILE_NAME));
    expect(JobSchema.parse(JSON.parse(Buffer.from(published!.body).toString()))).toEqual(job.job);
  });

  test('an image that arrives causes nothing, and neither do keys that are no upload', async () => {
    await uploadImages(context);
    for (const key of ['sets/acme/ada/front.png', 'sets/acme/job.json', 'sets/ACME/ada/job.json', 'job.json']) {
      await validate(stageMessage(uploadEvent('Object Created', context.now(), key)), context);
    }
    expect(await drainJobs(context)).toEqual([]);
    expect((await context.ports.jobs.query('by_unsettled', 'unsettled')).records).toEqual([]);
  });

  test('the same job.json twice is one job', async () => {
    const job = await submitted();
    await created();
    context.clock.move(5);
    await uploadManifest(context);
    await created();
    expect(await onlyJob()).toEqual(job);
  });

  test('two different job.json are two jobs', async () => {
    const one = await submitted();
    const other = await submitted(manifest({ seed: 8 }));
    expect((await jobsOfSet()).map(({ id }) => id).sort()).toEqual([one.id, other.id].sort());
  });

  test('a message that is no upload event fails', async () => {
    await expect(validate(stageMessage('not JSON'), context)).rejects.toThrow(SyntaxError);
    await expect(validate(stageMessage({ source: 'aws.ec2' }), context)).rejects.toThrow(/source/);
  });

  test('a webhook that this machine may call is kept, on one machine only', async () => {
    const webhook = 'http://127.0.0.1:8080/hook';
    expect(await submitted({ ...manifest(), webhook })).toMatchObject({ webhook, job: { status: 'queued' } });
    context = { ...(await openTestContext()), isLocal: false };
    expect(await submitted({ ...manifest(), webhook })).toMatchObject({
      webhook: null,
      job: { status: 'rejected', error: { code: 'invalid_manifest', details: [{ path: 'webhook' }] } },
    });
  });
});

describe('crashes', () => {
  test('between the record and its message: the next delivery sends it', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    const lost = overriding(context.ports.queues.jobs, { send: () => Promise.reject(new Error('killed')) });
    const crashing = withPorts(context, { queues: { ...context.ports.queues, jobs: lost } });
    const message = stageMessage(uploadEvent('Object Created', context.now()));
    await expect(validate(message, crashing)).rejects.toThrow('killed');
    const { id } = await onlyJob();
    await validate(message, context);
    expect(await drainJobs(context)).toEqual([{ schema_version: 1, job_id: id }]);
    await onlyJob();
  });

  test('between the record and its events: the next delivery tells of the rejection, under the same id', async () => {
    await uploadManifest(context, { webhook: 'https://example.com/hook' });
    const lost = overriding(context.ports.queues.webhooks, { send: () => Promise.reject(new Error('killed')) });
    const crashing = withPorts(context, { queues: { ...context.ports.queues, webhooks: lost } });
    const message = stageMessage(uploadEvent('Object Created', context.now()));
    await expect(validate(message, crashing)).rejects.toThrow('killed');
    await validate(message, context);
    const { id } = await onlyJob();
    const sent = await drainWebhooks(context);
    expect(sent.map(({ event }) => event.webhook_id)).toEqual([`evt_${id}_rejected`]);
  });

  test('between canceling and Batch: the next delivery of the deletion stops the Batch job', async () => {
    const job = await submitted();
    const submission = { jobId: job.job.id, shareIdentifier: 'acme', priority: 0, timeoutSeconds: 60 };
    const batchJobId = await context.ports.batch.submit(submission);
    await context.ledger.change(job.job.id, () => ({ status: 'submitted', record: { batch_job_id: batchJobId } }));
    await context.ports.buckets.uploads.delete(MANIFEST_KEY);
    const deaf = { ...context.ports.batch, terminate: () => Promise.reject(new Error('killed')) };
    const message = stageMessage(uploadEvent('Object Deleted', context.now()));
    await expect(validate(message, withPorts(context, { batch: deaf }))).rejects.toThrow('killed');
    expect((await onlyJob()).job.status).toBe('canceled');
    await validate(message, context);
    expect(await batchJob(context.ports.batch, batchJobId)).toMatchObject({ status: 'FAILED' });
  });
});

describe('a set that is wrong', () => {
  async function rejection(job?: unknown): Promise<JobRecord['job']['error']> {
    await uploadManifest(context, job);
    await created();
    const record = await onlyJob();
    expect(record.job.status).toBe('rejected');
    expect(record.job.completed_at).not.toBeNull();
    expect(await drainJobs(context)).toEqual([]);
    return record.job.error;
  }

  test('job.json with mistakes: every field is named, and the webhook told', async () => {
    const job = { ...manifest({ steps: 0, prompt: '' }), webhook: 'https://example.com/hook', webhok: 1 };
    expect(await rejection(job)).toMatchObject({
      code: 'invalid_manifest',
      retryable: false,
      details: [{ path: 'input.prompt' }, { path: 'input.steps' }, { path: 'webhok' }],
    });
    expect(await drainWebhooks(context)).toMatchObject([
      { url: 'https://example.com/hook', event: { type: 'job.rejected', job: { status: 'rejected' } } },
    ]);
  });

  test('job.json of nothing but mistakes stays small', async () => {
    const keys = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1]));
    const error = await rejection({ ...manifest(), ...keys });
    expect(error?.details).toHaveLength(20);
    expect(error?.message).toMatch(/\(and 4999 more\)$/);
  });

  test('job.json of 10 MB is not read', async () => {
    const large = Buffer.alloc(10 * 1024 * 1024, ' ');
    expect(await rejection(large)).toMatchObject({
      code: 'invalid_manifest',
      message: 'job.json must be at most 65536 bytes, got 10485760.',
    });
    await created();
    await onlyJob();
  });

  test('a model that is not there', async () => {
    await uploadImages(context);
    expect(await rejection({ ...manifest(), model: 'none' })).toMatchObject({
      code: 'invalid_model',
      message: 'model must be the id of a model in the models bucket, got "none".',
    });
  });

  test('images that are no use: each is named', async () => {
    const { uploads } = context.ports.buckets;
    await uploads.put(uploadKey('acme', 'ada', 'front.png'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    await uploads.put(uploadKey('acme', 'ada', 'side.png'), (await image()).subarray(0, 100));
    expect(await rejection()).toMatchObject({
      code: 'invalid_image',
      details: [
        {
          path: 'reference_set.images[0].file',
          message: 'reference_set.images[0].file must be a PNG, JPEG or WebP image, got front.png (svg).',
        },
        { path: 'reference_set.images[1].file', message: expect.stringContaining('got side.png (') },
      ],
    });
  });

  test('an image of too many bytes is not read', async () => {
    await uploadImages(context, PLACE, ['front.png']);
    await context.ports.buckets.uploads.put(uploadKey('acme', 'ada', 'side.png'), Buffer.alloc(33 * 1024 * 1024));
    expect(await rejection()).toMatchObject({
      message: 'reference_set.images[1].file must be at most 33554432 bytes, got side.png (34603008 bytes).',
    });
  });

  test('a decompression bomb', async () => {
    await uploadImages(context, PLACE, ['front.png']);
    const bomb = sharp({ create: { width: 9000, height: 9000, channels: 3, background: 'white' } }).png();
    await context.ports.buckets.uploads.put(uploadKey('acme', 'ada', 'side.png'), await bomb.toBuffer());
    expect(await rejection()).toMatchObject({ message: expect.stringContaining('at most 64000000 pixels') });
  });

  test('another sha256 than stated', async () => {
    await uploadImages(context);
    const job = manifest();
    const images = [{ file: 'front.png' }, { file: 'side.png', sha256: '0'.repeat(64) }];
    const error = await rejection({ ...job, reference_set: { ...job.reference_set, images } });
    expect(error?.details).toMatchObject([{ path: 'reference_set.images[1].sha256' }]);
  });

  test.each(['../../../etc/passwd.png', 'a/../../b.png', '/etc/passwd.png', 'C:\\a.png', '..png'])(
    'the file name %p leads nowhere',
    async (file) => {
      const job = manifest();
      const error = await rejection({ ...job, reference_set: { ...job.reference_set, images: [{ file }] } });
      expect(error?.details).toMatchObject([{ path: 'reference_set.images[0].file' }]);
    },
  );

  test('a file name that no file system holds', async () => {
    const job = manifest();
    const images = [{ file: `${'頭'.repeat(120)}.png` }];
    const error = await rejection({ ...job, reference_set: { ...job.reference_set, images } });
    expect(error?.message).toMatch(/^reference_set\.images\[0\]\.file must be at most 255 bytes in UTF-8, got /);
  });

  test.each([
    'https://127.0.0.1/hook',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/hook',
    'https://10.0.0.1/hook',
  ])('a webhook at %s, which gets nothing', async (webhook) => {
    context = { ...context, isLocal: false };
    expect(await rejection({ ...manifest(), webhook })).toMatchObject({
      code: 'invalid_manifest',
      details: [{ path: 'webhook' }],
    });
    expect(await drainWebhooks(context)).toEqual([]);
  });
});

describe('the faces of a set', () => {
  const uploadPhotos = async (files: readonly string[]) => {
    for (const file of files) {
      await context.ports.buckets.uploads.put(
        uploadKey(PLACE.tenant, PLACE.set, path.basename(file)),
        readFileSync(file),
      );
    }
  };
  const asked = (files: readonly string[], accept?: readonly string[]) => ({
    ...manifest(),
    reference_set: {
      ...manifest().reference_set,
      images: files.map((file) => ({ file: path.basename(file) })),
      accept,
    },
  });
  const judged = async (files: readonly string[], accept?: readonly string[]) => {
    await uploadPhotos(files);
    await uploadManifest(context, asked(files, accept));
    await created();
    return (await onlyJob()).job;
  };

  test('are told with the job that is taken: angles, and what could be better', async () => {
    const job = await judged([ada(0), ada(60)]);
    expect(job.status).toBe('queued');
    expect(job.error).toBeNull();
    expect(job.reference_check!.images.map(({ file, faces }) => [file, faces])).toEqual([
      ['yaw+000.png', 1],
      ['yaw+060.png', 1],
    ]);
    expect(job.reference_check!.findings).toContainEqual(
      expect.objectContaining({ code: 'one_sided', severity: 'warning', file: null }),
    );
  });

  test('of two people reject the set; the webhook says who and why', async () => {
    const files = [ada(-60), ada(0), photo('obama')];
    await uploadPhotos(files);
    await uploadManifest(context, { ...asked(files), webhook: 'https://example.com/hook' });
    await created();
    const { job } = await onlyJob();
    expect(job).toMatchObject({
      status: 'rejected',
      error: { code: 'invalid_reference_set', retryable: false, details: [{ path: 'reference_set.images[2].file' }] },
    });
    expect(job.error!.message).toMatch(
      /^reference_set\.images\[2\]\.file must be of the same person as the other views .* got obama\.jpg \(0\.\d\d\)\./,
    );
    expect(job.reference_check!.images).toHaveLength(3);
    const [event] = (await onlyJob()).pending_events.concat();
    const sent = event?.job ?? job;
    expect(sent.reference_check!.findings[0]).toMatchObject({ code: 'different_person', file: 'obama.jpg' });
  });

  test("are the uploader's to accept", async () => {
    const job = await judged([ada(0), photo('obama')], ['different_person']);
    expect(job.status).toBe('queued');
    expect(job.reference_check!.findings).toContainEqual(
      expect.objectContaining({ code: 'different_person', severity: 'warning', accepted: true }),
    );
  });

  test('are asked for: a picture without one is rejected', async () => {
    await uploadImages(context);
    const { accept: _, ...reference_set } = manifest().reference_set;
    await uploadManifest(context, { ...manifest(), reference_set });
    await created();
    const { job } = await onlyJob();
    expect(job.status).toBe('rejected');
    expect(job.error!.details.map(({ message }) => message)).toEqual([
      'reference_set.images[0].file must be a photo of one face, got front.png (no face). If it is right all the same, add "no_face" to reference_set.accept.',
      'reference_set.images[1].file must be a photo of one face, got side.png (no face). If it is right all the same, add "no_face" to reference_set.accept.',
    ]);
  });

  test('are not looked at in a photo that ends early, which is told like any other broken image', async () => {
    await uploadPhotos([ada(0)]);
    const photoBytes = readFileSync(photo('obama'));
    const place = uploadKey(PLACE.tenant, PLACE.set, 'cut.jpg');
    await context.ports.buckets.uploads.put(place, photoBytes.subarray(0, photoBytes.length / 2));
    await uploadManifest(context, asked([ada(0), 'cut.jpg']));
    await created();
    expect((await onlyJob()).job.error).toMatchObject({
      code: 'invalid_image',
      details: [
        {
          path: 'reference_set.images[1].file',
          message: expect.stringMatching(/must be a complete image, got cut\.jpg/),
        },
      ],
    });
  });

  test('are not looked at where an image is broken', async () => {
    await uploadPhotos([ada(0)]);
    await context.ports.buckets.uploads.put(uploadKey(PLACE.tenant, PLACE.set, 'b.png'), Buffer.from('no image'));
    await uploadManifest(context, asked([ada(0), 'b.png']));
    await created();
    expect((await onlyJob()).job).toMatchObject({
      status: 'rejected',
      error: { code: 'invalid_image' },
      reference_check: null,
    });
  });
});

describe('images that are not there yet', () => {
  test('are waited for: job.json before its images', async () => {
    await uploadManifest(context);
    const time = context.now();
    await expect(created(time)).rejects.toThrow(RetryLater);
    expect(await jobsOfSet()).toEqual([]);
    context.clock.move(20);
    await expect(created(time, 4)).rejects.toMatchObject({ seconds: 20 });
    await uploadImages(context);
    await created(time, 5);
    expect((await onlyJob()).job.status).toBe('queued');
  });

  test('the waiting takes few deliveries and ends after a minute', async () => {
    await uploadManifest(context);
    const time = context.now();
    let deliveries = 0;
    for (let waited = 0; ; ) {
      deliveries++;
      const error = await created(time, deliveries).then(
        () => null,
        (thrown: RetryLater) => thrown,
      );
      if (!error) break;
      waited += error.seconds;
      context.clock.move(error.seconds);
      expect(waited).toBeLessThanOrEqual(61);
    }
    expect(deliveries).toBeLessThanOrEqual(6);
    expect((await onlyJob()).job.error).toMatchObject({
      code: 'invalid_image',
      details: [
        { message: 'reference_set.images[0].file must be a file beside job.json, got front.png (missing).' },
        { message: 'reference_set.images[1].file must be a file beside job.json, got side.png (missing).' },
      ],
    });
  });

  test('behind a symbolic link there is none', async () => {
    await uploadImages(context, PLACE, ['front.png']);
    await uploadManifest(context);
    const elsewhere = path.join(context.home, 'elsewhere.png');
    writeFileSync(elsewhere, await image());
    symlinkSync(elsewhere, path.join(context.home, 'buckets/uploads/sets/acme/ada/side.png'));
    const time = context.now();
    context.clock.move(90);
    await created(time);
    expect((await onlyJob()).job.error?.message).toContain('got side.png (missing)');
  });
});

describe('asked for again', () => {
  test('a job that failed gets a further run, once for every upload', async () => {
    const first = await submitted();
    const uploadTime = context.now();
    context.clock.move(10);
    await move(first, 'failed');
    // The event of the first upload, once more.
    await created(uploadTime);
    await onlyJob();
    context.clock.move(10);
    const again = context.now();
    await created(again);
    await created(again);
    const jobs = await jobsOfSet();
    const bytes = Buffer.from(JSON.stringify(manifest()));
    expect(jobs.map(({ id }) => id)).toEqual([first.id, jobId('acme', 'ada', bytes, 1)]);
    expect(jobs.map(({ job }) => job.status)).toEqual(['failed', 'queued']);
  });

  test('a rejected job, once its images are there', async () => {
    await uploadManifest(context);
    const time = context.now();
    context.clock.move(90);
    await created(time);
    await uploadImages(context);
    await created(time);
    expect((await jobsOfSet()).map(({ job }) => job.status)).toEqual(['rejected']);
    context.clock.move(1);
    await created();
    expect((await jobsOfSet()).map(({ job }) => job.status)).toEqual(['rejected', 'queued']);
  });

  test('a job that succeeded does not run again', async () => {
    const job = await submitted();
    await move(job, 'submitted', 'processing', 'succeeded');
    context.clock.move(100);
    await created();
    await onlyJob();
  });
});

describe('job.json deleted', () => {
  async function remove(): Promise<void> {
    context.clock.move(1);
    await context.ports.buckets.uploads.delete(MANIFEST_KEY);
    await deleted();
  }

  test('before validation: nothing happens', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    await context.ports.buckets.uploads.delete(MANIFEST_KEY);
    await created();
    await deleted();
    expect(await jobsOfSet()).toEqual([]);
  });

  test('while validation runs: the job is canceled at once', async () => {
    await uploadImages(context);
    await uploadManifest(context);
    const { uploads } = context.ports.buckets;
    // Deleted, and its deletion handled, after the last image was read and before the job is there.
    const jobs = {
      ...context.ports.jobs,
      get: (id: string) => context.ports.jobs.get(id),
      query: context.ports.jobs.query.bind(context.ports.jobs),
      replace: (record: JobRecord) => context.ports.jobs.replace(record),
      insert: async (record: JobRecord) => {
        await uploads.delete(MANIFEST_KEY);
        await deleted();
        return context.ports.jobs.insert(record);
      },
    };
    await validate(
      stageMessage(uploadEvent('Object Created', context.now())),
      withPorts(context, { jobs: jobs as typeof context.ports.jobs }),
    );
    expect((await onlyJob()).job.status).toBe('canceled');
    expect(await drainJobs(context)).toEqual([]);
  });

  test.each<JobState[][]>([[[]], [['submitted']], [['submitted', 'starting']], [['submitted', 'processing']]])(
    'during %p: canceled, its Batch job stopped, one event',
    async (states) => {
      const job = await submitted({ ...manifest(), webhook: 'https://example.com/hook' });
      await move(job, ...states);
      await remove();
      await deleted();
      expect((await onlyJob()).job).toMatchObject({ status: 'canceled', error: null });
      const types = (await drainWebhooks(context)).map(({ event }) => event.type);
      expect(types.filter((type) => type === 'job.canceled')).toHaveLength(1);
    },
  );

  test('after the run: nothing changes', async () => {
    const job = await submitted();
    await move(job, 'submitted', 'processing', 'succeeded');
    await remove();
    expect((await onlyJob()).job.status).toBe('succeeded');
  });

  test('every job of the set is canceled, and none of another', async () => {
    await submitted();
    await submitted(manifest({ seed: 8 }));
    const other = { tenant: 'acme', set: 'eve' };
    await uploadImages(context, other);
    const bytes = await uploadManifest(context, manifest(), other);
    await validate(stageMessage(uploadEvent('Object Created', context.now(), 'sets/acme/eve/job.json')), context);
    await remove();
    expect((await jobsOfSet()).map(({ job }) => job.status)).toEqual(['canceled', 'canceled']);
    expect((await context.ports.jobs.get(jobId('acme', 'eve', bytes)))?.job.status).toBe('queued');
  });

  test('and uploaded again: a further run, which a late event of the deletion leaves alone', async () => {
    const first = await submitted();
    await remove();
    const deletedAt = context.now();
    context.clock.move(1);
    await uploadManifest(context);
    await created();
    await deleted(deletedAt);
    const jobs = await jobsOfSet();
    expect(jobs.map(({ id, job }) => [id === first.id, job.status])).toEqual([
      [true, 'canceled'],
      [false, 'queued'],
    ]);
  });

  test('and uploaded again while the deletion is handled: a further run, though the cancel came last', async () => {
    const first = await submitted();
    context.clock.move(1);
    const uploadedAgainAt = context.now();
    context.clock.move(1);
    await context.ledger.change(first.job.id, () => ({ status: 'canceled' }));
    await created(uploadedAgainAt);
    expect((await jobsOfSet()).map(({ job }) => job.status)).toEqual(['canceled', 'queued']);
  });

  test('and uploaded again before the deletion is handled: the job goes on', async () => {
    const job = await submitted();
    context.clock.move(1);
    const deletedAt = context.now();
    context.clock.move(1);
    await created();
    await deleted(deletedAt);
    expect(await onlyJob()).toEqual(job);
  });
});

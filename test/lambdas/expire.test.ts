import { JobSchema } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';
import { EXPIRY_KEY, JOB_FILE_NAME, manifestKey, resultKey } from '../../contract/keys';
import type { Manifest } from '../../contract/manifest';
import { expire } from '../../lambdas/expire';
import { validate } from '../../lambdas/validate';
import { manifest } from '../reference-set';
import {
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

const DAY = 24 * 3600;
const FILES = [
  'poster.jpg',
  'references/1-front.png',
  'report.html',
  'report.json',
  'video.mp4',
  'checkpoint/state.mv2id',
];

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

async function taken(changes: Partial<Manifest> = {}, set = 'ada', stage = context): Promise<JobRecord> {
  const place = { ...PLACE, set };
  await uploadImages(context, place);
  await uploadManifest(context, { ...manifest(), ...changes }, place);
  await validate(
    stageMessage(uploadEvent('Object Created', context.now(), manifestKey(place.tenant, place.set))),
    stage,
  );
  const { records } = await context.ports.jobs.query('by_set', `${place.tenant}/${place.set}`);
  return records[0]!;
}

async function finished(changes: Partial<Manifest> = {}, set = 'ada', stage = context): Promise<JobRecord> {
  const { job } = await taken(changes, set, stage);
  for (const file of FILES) await context.ports.buckets.results.put(resultKey(job.id, file), 'x');
  await context.ledger.change(job.id, () => ({ status: 'submitted' }));
  const output = [
    {
      url: null,
      key: resultKey(job.id, 'video.mp4'),
      content_type: 'video/mp4',
      size: 1,
      sha256: 'a'.repeat(64),
      width: 64,
      height: 64,
      duration_seconds: 1,
      expires_at: null,
    },
  ];
  return (await context.ledger.change(job.id, () => ({ status: 'succeeded', job: { output } })))!;
}

async function resultsOf({ job }: JobRecord): Promise<string[]> {
  const files: string[] = [];
  for await (const { key } of context.ports.buckets.results.list(resultKey(job.id, ''))) {
    files.push(key.slice(resultKey(job.id, '').length));
  }
  return files.sort();
}

async function jobOf({ id }: JobRecord) {
  return (await context.ports.jobs.get(id))?.job;
}

test('results go when the days of their job.json are over, not before; the job object stays and says so', async () => {
  const record = await finished({ retention_days: 2 });
  context.clock.move(2 * DAY - 60);
  expect(await expire(context)).toEqual({ emptied: 0, forgotten: 0, failures: 0 });
  expect(await resultsOf(record)).toEqual([...FILES, JOB_FILE_NAME].sort());
  context.clock.move(120);
  expect(await expire(context)).toEqual({ emptied: 1, forgotten: 0, failures: 0 });
  expect(await resultsOf(record)).toEqual([JOB_FILE_NAME]);
  const job = await jobOf(record);
  expect(job).toMatchObject({ status: 'succeeded', output: [], data_removed_at: context.now().toISOString() });
  const published = await context.ports.buckets.results.get(resultKey(record.job.id, JOB_FILE_NAME));
  expect(JobSchema.parse(JSON.parse(Buffer.from(published!.body).toString()))).toEqual(job);
  expect(await expire(context)).toEqual({ emptied: 0, forgotten: 0, failures: 0 });
});

test('a job without days of its own keeps its results for those of the deployment, or for ever', async () => {
  const kept = await finished({}, 'kept');
  const own = await finished({ retention_days: 5 }, 'own', { ...context, retentionDays: 1 });
  const default_ = await finished({}, 'default', { ...context, retentionDays: 1 });
  context.clock.move(DAY + 60);
  await expire(context);
  expect((await jobOf(default_))?.data_removed_at).not.toBeNull();
  expect((await jobOf(own))?.data_removed_at).toBeNull();
  context.clock.move(1000 * DAY);
  await expire(context);
  expect((await jobOf(kept))?.data_removed_at).toBeNull();
});

test('a job that is not over is left alone, however old', async () => {
  const record = await taken({ retention_days: 1 });
  context.clock.move(40 * DAY);
  expect(await expire(context)).toEqual({ emptied: 0, forgotten: 0, failures: 0 });
  expect((await jobOf(record))?.status).toBe('queued');
});

test('a month later nothing is left of the job but its consent, once its upload is gone too', async () => {
  const record = await finished({ retention_days: 1 });
  context.clock.move(DAY + 60);
  await expire(context);
  context.clock.move(30 * DAY + 60);
  expect(await expire(context)).toEqual({ emptied: 0, forgotten: 0, failures: 0 });
  expect(await jobOf(record)).toBeDefined();
  await context.ports.buckets.uploads.delete(manifestKey(PLACE.tenant, PLACE.set));
  // It is looked for again after a week.
  context.clock.move(7 * DAY + 60);
  expect(await expire(context)).toEqual({ emptied: 0, forgotten: 1, failures: 0 });
  expect(await jobOf(record)).toBeUndefined();
  expect(await resultsOf(record)).toEqual([]);
  expect(await context.ports.consents.get(record.id)).toMatchObject({
    subject: record.manifest?.reference_set.subject,
  });
});

test('a later job.json of the set keeps an earlier job no longer than its time', async () => {
  const record = await finished({ retention_days: 1 });
  context.clock.move(31 * DAY + 120);
  await expire(context);
  context.clock.move(30 * DAY + 120);
  const { uploads } = context.ports.buckets;
  const later = overriding(uploads, {
    head: async (key) => {
      const info = await uploads.head(key);
      return info && { ...info, lastModified: context.now() };
    },
  });
  const report = await expire(withPorts(context, { buckets: { ...context.ports.buckets, uploads: later } }));
  expect(report.forgotten).toBe(1);
  expect(await jobOf(record)).toBeUndefined();
});

test('nothing is missed when nobody ran it for months', async () => {
  await expire(context);
  const record = await finished({ retention_days: 3 });
  context.clock.move(200 * DAY);
  expect((await expire(context)).emptied).toBe(1);
  expect((await jobOf(record))?.output).toEqual([]);
});

test('one job that fails holds up no other, and is found again, also days later', async () => {
  const failing = await finished({ retention_days: 1 }, 'failing');
  const other = await finished({ retention_days: 1 }, 'other');
  context.clock.move(6 * DAY);
  const { results } = context.ports.buckets;
  const broken = overriding(results, {
    delete: async (key) => {
      if (key.includes(failing.id)) throw new Error('no');
      return results.delete(key);
    },
  });
  const report = await expire(withPorts(context, { buckets: { ...context.ports.buckets, results: broken } }));
  expect(report).toEqual({ emptied: 1, forgotten: 0, failures: 1 });
  expect((await jobOf(other))?.output).toEqual([]);
  context.clock.move(10 * DAY);
  expect(await expire(context)).toMatchObject({ emptied: 1, failures: 0 });
});

test('who dies between the files and the record leaves a job object, and a job that is found again', async () => {
  const record = await finished({ retention_days: 1 });
  context.clock.move(DAY + 60);
  const jobs = overriding(context.ports.jobs, { replace: () => Promise.reject(new Error('killed')) });
  expect(await expire(withPorts(context, { jobs }))).toEqual({ emptied: 0, forgotten: 0, failures: 1 });
  expect(await resultsOf(record)).toEqual([JOB_FILE_NAME]);
  expect((await expire(context)).emptied).toBe(1);
});

test('a run that may do no more leaves the rest to the next', async () => {
  for (const set of ['a', 'b', 'c']) await finished({ retention_days: 1 }, set);
  context.clock.move(DAY + 60);
  expect((await expire(context, 2)).emptied).toBe(2);
  context.clock.move(5 * DAY);
  expect((await expire(context, 2)).emptied).toBe(1);
});

test('a run asks for the days since the last one, and for no more', async () => {
  const days: string[] = [];
  const jobs = overriding(context.ports.jobs, {
    query: async (index, value, options) => {
      if (index === 'by_expiry') days.push(value);
      return context.ports.jobs.query(index, value, options);
    },
  });
  const watched = withPorts(context, { jobs });
  await expire(watched);
  expect(days.length).toBeGreaterThan(365);
  days.length = 0;
  context.clock.move(DAY);
  await expire(watched);
  const today = context.now().toISOString().slice(0, 10);
  expect(days).toHaveLength(3);
  expect(days.at(-1)).toBe(today);
  expect(await context.ports.buckets.results.head(EXPIRY_KEY)).not.toBeNull();
});

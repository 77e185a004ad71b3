/** An erasure over real local ports: what goes, what stays, and that nothing comes back whoever is at work meanwhile. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { erasePlace, isAbandoned, sweepErasure } from '../../../clients/erase/erasure';
import { takeStock } from '../../../clients/erase/place-data';
import { namesHash } from '../../../clients/erase/removed';
import { JobLedger } from '../../../clients/job-ledger';
import type { Ports } from '../../../clients/ports';
import { ErasureCertificateSchema, placeHash } from '../../../contract/erasure';
import type { DeliverMessage } from '../../../contract/events';
import type { JobRecord } from '../../../contract/job-record';
import {
  checkpointKey,
  JOB_FILE_NAME,
  manifestKey,
  referenceFileName,
  resultKey,
  uploadKey,
} from '../../../contract/keys';
import { expire } from '../../../lambdas/expire';
import { createNotify } from '../../../lambdas/notify';
import { submit } from '../../../lambdas/submit';
import { sweepErasures } from '../../../lambdas/sweep-erasures';
import { track } from '../../../lambdas/track';
import { validate } from '../../../lambdas/validate';
import {
  batchEvent,
  drainJobs,
  drainWebhooks,
  openTestContext,
  overriding,
  PLACE,
  stageMessage,
  type TestContext,
  uploadEvent,
  uploadImages,
  uploadManifest,
  withPorts,
} from '../../lambdas/factories';
import { manifest } from '../../reference-set';
import { batchJob } from '../batch-job';

const WEBHOOK = 'https://receiver.example.com/hook';
const OTHER = { tenant: 'acme', set: 'ben' };
const STRANGER = { tenant: 'stranger', set: 'ada' };
const HOUR = 3600;

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

/** Uploads a set and has it validated. */
async function taken(place = PLACE, prompt = 'Ada turns'): Promise<JobRecord> {
  await uploadImages(context, place);
  await uploadManifest(context, { ...manifest({ prompt }), webhook: WEBHOOK }, place);
  await validate(created(place), context);
  const { records } = await context.ports.jobs.query('by_set', `${place.tenant}/${place.set}`);
  return records[0]!;
}

function created(place = PLACE) {
  return stageMessage(uploadEvent('Object Created', context.now(), manifestKey(place.tenant, place.set)));
}

/** As a worker leaves it, with a checkpoint that it has not removed. */
async function finished(place = PLACE): Promise<JobRecord> {
  const { job } = await taken(place);
  const { ports, ledger, now } = context;
  await submit(stageMessage({ schema_version: 1, job_id: job.id }), context);
  for (const { id } of await ports.batchStore.takeNext(1, now())) {
    await ports.batchStore.endAttempt(id, { exitCode: 0, statusReason: 'done', reason: null }, 'SUCCEEDED', now());
  }
  await ports.buckets.results.put(resultKey(job.id, 'video.mp4'), 'a video');
  await ports.buckets.results.put(checkpointKey(job.id, 'state.mv2id'), 'latents');
  await ports.buckets.results.put(resultKey(job.id, referenceFileName(1, 'front.png')), 'a face');
  await ledger.change(job.id, () => ({ status: 'processing' }));
  return (await ledger.change(job.id, () => ({ status: 'succeeded' })))!;
}

function erase(place: { tenant: string; set: string | null } = PLACE, ports: Ports = context.ports) {
  const request = { place, requestedBy: 'ada@desk', deployment: 'local' } as const;
  return erasePlace(ports, request, { now: context.now, wait: async () => {} });
}

/** Everything that is left of a place, wherever. */
async function left(place: { tenant: string; set: string | null } = PLACE, ids: JobRecord['job']['id'][] = []) {
  const counts = (await takeStock(context.ports, place, ids)).found.counts();
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

async function keysOf(bucket: 'uploads' | 'results', prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of context.ports.buckets[bucket].list(prefix)) keys.push(key);
  return keys;
}

async function webhooksOf({ job }: JobRecord): Promise<DeliverMessage[]> {
  return (await drainWebhooks(context)).filter(({ event }) => event.job.id === job.id);
}

describe('an erasure', () => {
  test('of a set removes its uploads, results, job, delivery, consent, messages and traces, and no other set’s', async () => {
    const gone = await finished();
    const kept = await finished(OTHER);
    const log = context.ports.home.log(gone.batch_job_id!, 1);
    mkdirSync(context.ports.home.logs, { recursive: true });
    writeFileSync(log, 'a line');
    const [message] = await webhooksOf(gone);
    // An event in the queue, and one that the stage has taken and its receiver refuses.
    await context.ports.queues.webhooks.send([{ body: JSON.stringify(message) }]);
    const refusing = createNotify({ resolve: async () => [{ address: '203.0.113.7', family: 4 }], timeoutMs: 1 });
    await refusing(stageMessage(message), context).catch(() => {});
    await context.ports.deadLetters.webhooks.send([
      { body: JSON.stringify(message) },
      { body: 'nobody can read this' },
    ]);
    expect(await left()).toMatchObject({ uploads: 3, jobs: 1, results: 4, deliveries: 1, consents: 1, logs: 1 });

    const certificate = await erase();

    expect(certificate.is_complete).toBe(true);
    expect(await left(PLACE, [gone.job.id])).toEqual({});
    expect(await keysOf('uploads', 'sets/acme/ada/')).toEqual([]);
    expect(await keysOf('results', resultKey(gone.job.id, ''))).toEqual([]);
    expect(existsSync(log)).toBe(false);
    expect(await batchJob(context.ports.batch, gone.batch_job_id!)).toBeNull();
    expect(await webhooksOf(gone)).toEqual([]);
    const letters = await context.ports.deadLetters.webhooks.receive({ max: 10, visibilitySeconds: 10 });
    expect(letters.map(({ body }) => body)).toEqual(['nobody can read this']);

    expect(await left(OTHER)).toMatchObject({ uploads: 3, jobs: 1, results: 4, consents: 1 });
    expect((await context.ports.jobs.get(kept.id))?.job.status).toBe('succeeded');
  });

  test('of a tenant removes all of its sets, and no other tenant’s', async () => {
    const gone = [await finished(), await finished(OTHER)];
    await finished(STRANGER);
    const certificate = await erase({ tenant: 'acme', set: null });
    expect(certificate.is_complete).toBe(true);
    expect(
      await left(
        { tenant: 'acme', set: null },
        gone.map(({ job }) => job.id),
      ),
    ).toEqual({});
    expect(await left({ tenant: 'stranger', set: null })).toMatchObject({ uploads: 3, jobs: 1, consents: 1 });
  });

  test('cancels what runs, and stops it in Batch', async () => {
    const { job } = await taken();
    await submit(stageMessage({ schema_version: 1, job_id: job.id }), context);
    const { batch_job_id } = (await context.ports.jobs.get(job.id))!;
    const terminate = jest.spyOn(context.ports.batch, 'terminate');
    await erase();
    expect(terminate).toHaveBeenCalledWith(batch_job_id, 'the data was erased');
    expect(await context.ports.jobs.get(job.id)).toBeNull();
  });

  test('says in its certificate what is gone, with a hash that a list of one’s own can be compared with', async () => {
    const { job } = await finished();
    const certificate = ErasureCertificateSchema.parse(await erase());
    expect(certificate).toMatchObject({
      place: PLACE,
      place_sha256: placeHash(PLACE),
      requested_by: 'ada@desk',
      run: 1,
      is_complete: true,
    });
    const uploads = ['front.png', 'job.json', 'side.png'].map((file) => uploadKey('acme', 'ada', file));
    expect(certificate.removed.find(({ kind }) => kind === 'uploads')).toMatchObject({
      count: 3,
      names_sha256: namesHash(uploads),
    });
    const jobs = certificate.removed.find(({ kind }) => kind === 'jobs');
    expect(jobs).toMatchObject({ count: 1, names_sha256: namesHash([job.id]) });
    expect(Object.values(certificate.remaining).every((count) => count === 0)).toBe(true);
    expect(certificate.out_of_reach.length).toBeGreaterThan(0);
  });

  test('leaves a record without a name, once nobody need find the data any more', async () => {
    await finished();
    await erase();
    const stored = () => context.ports.erasures.get(placeHash(PLACE));
    expect(await stored()).toMatchObject({ status: 'done', place: PLACE, requested_by: 'ada@desk', runs: 1 });
    for (const hours of [2, 49]) {
      context.clock.move(hours * HOUR);
      await sweepErasures(context);
    }
    const record = await stored();
    expect(record).toMatchObject({ place: null, sweep_at: null, removed: { uploads: 3, jobs: 1, consents: 1 } });
    expect(JSON.stringify(record)).not.toMatch(/acme|"ada"/);
    expect((await context.ports.erasures.query('by_unsettled', 'unsettled')).records).toEqual([]);
  });

  test('of nothing is complete, and may be repeated', async () => {
    expect((await erase()).is_complete).toBe(true);
    expect(await erase()).toMatchObject({ is_complete: true, run: 1 });
  });

  test('leaves what is uploaded afterwards alone, which becomes a job of its own', async () => {
    const before = await finished();
    await erase();
    context.clock.move(60);
    const again = await taken();
    expect(again.id).not.toBe(before.id);
    expect(again.job.status).toBe('queued');
    context.clock.move(2 * HOUR);
    await sweepErasures(context);
    expect((await context.ports.jobs.get(again.id))?.job.status).toBe('queued');
    expect(await left()).toMatchObject({ uploads: 3, jobs: 1, consents: 1 });
  });
});

describe('what is uploaded while it is erased', () => {
  test('goes too, if it came before the last look; what comes after it is a job of its own', async () => {
    await finished();
    let waits = 0;
    const wait = async (milliseconds: number) => {
      // Real files bear real times, so the clock goes with them.
      context.clock.move(milliseconds / 1000);
      if (++waits === 1) await uploadImages(context);
    };
    const request = { place: PLACE, requestedBy: 'ada@desk', deployment: 'aws' } as const;
    const certificate = await erasePlace(context.ports, request, { now: context.now, wait });
    expect([waits, certificate.is_complete]).toEqual([2, true]);
    expect(await keysOf('uploads')).toEqual([]);
    // Whatever S3 makes of the time of the next upload, it lies behind the erasure's.
    const next = Math.floor(context.now().getTime() / 1000) * 1000;
    expect(next).toBeGreaterThan(Date.parse(certificate.erased_until) - 1);
  });
});

test('in AWS the bucket’s clock decides what is earlier: one’s own may be wrong', async () => {
  await finished();
  const request = { place: PLACE, requestedBy: 'ada@desk', deployment: 'aws' } as const;
  const hourAhead = () => new Date(Date.now() + HOUR * 1000);
  const certificate = await erasePlace(context.ports, request, { now: hourAhead, wait: async () => {} });
  expect(certificate.is_complete).toBe(true);
  expect(Date.parse(certificate.erased_until)).toBeLessThan(Date.now() + 60_000);
});

describe('killed half-way', () => {
  /** Fails at the n-th call of any of these, as a process does that is killed. */
  function dyingAt(n: number): Ports {
    let calls = 0;
    const die = () => {
      if (++calls === n) throw new Error('killed');
    };
    const { ports } = context;
    const dying = <T extends object>(port: T): T =>
      new Proxy(port, {
        get(target, name) {
          const value = target[name as keyof T];
          if (typeof value !== 'function') return value;
          return (...args: unknown[]) => {
            if (['delete', 'erase', 'replace', 'insert', 'put', 'send', 'deleteMatching'].includes(String(name))) die();
            return value.apply(target, args);
          };
        },
      });
    const { uploads, results, models } = ports.buckets;
    return {
      ...ports,
      jobs: dying(ports.jobs),
      deliveries: dying(ports.deliveries),
      consents: dying(ports.consents),
      erasures: dying(ports.erasures),
      erasedJobs: dying(ports.erasedJobs),
      buckets: { uploads: dying(uploads), results: dying(results), models },
    };
  }

  test('after any of its writes, the next run finishes it', async () => {
    let killed = 0;
    for (let n = 1; ; n++) {
      context = await openTestContext();
      const { job } = await finished();
      const outcome = await erase(PLACE, dyingAt(n)).catch((error: Error) => error.message);
      if (outcome !== 'killed') break;
      killed++;
      const certificate = await erase();
      expect(certificate.is_complete).toBe(true);
      expect(await left(PLACE, [job.id])).toEqual({});
      expect(await keysOf('results', resultKey(job.id, ''))).toEqual([]);
      const erasure = await context.ports.erasures.get(placeHash(PLACE));
      expect(erasure).toMatchObject({ status: 'done' });
    }
    expect(killed).toBeGreaterThan(8);
  });

  test('it is told of as long as nobody has finished it', async () => {
    await finished();
    await erase(PLACE, dyingAt(4)).catch(() => {});
    const warn = jest.fn();
    context.clock.move(HOUR);
    const erasure = await context.ports.erasures.get(placeHash(PLACE));
    expect(isAbandoned(erasure!, context.now())).toBe(true);
    await sweepErasures({ ...context, log: { ...context.log, warn } });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('mv2id erase again'), expect.anything());
    expect((await erase()).run).toBe(2);
  });
});

describe('nothing comes back', () => {
  test('of an upload that is judged while it is erased', async () => {
    await uploadImages(context);
    await uploadManifest(context, { ...manifest(), webhook: WEBHOOK });
    // Between reading job.json and creating the job, the whole erasure.
    const consents = overriding(context.ports.consents, {
      insert: async (record) => {
        await erase();
        return context.ports.consents.insert(record);
      },
    });
    await validate(created(), withPorts(context, { consents }));
    const ids = [...(await allErasedJobs())];
    expect(ids).toHaveLength(1);
    expect(await left(PLACE, ids)).toEqual({});
    expect(await drainJobs(context)).toEqual([]);
    expect(await keysOf('results', 'jobs/')).toEqual([]);
  });

  test('of such an upload, when it was told that its job is canceled before the job was taken back', async () => {
    await uploadImages(context);
    await uploadManifest(context, { ...manifest(), webhook: WEBHOOK });
    const consents = overriding(context.ports.consents, {
      insert: async (record) => {
        await erase();
        return context.ports.consents.insert(record);
      },
    });
    let isTold = false;
    const erasures = overriding(context.ports.erasures, {
      get: async (id) => {
        const [record] = (await context.ports.jobs.query('by_set', 'acme/ada')).records;
        if (record && !isTold) {
          isTold = true;
          await context.ledger.change(record.job.id, () => ({ status: 'canceled' }));
          const [message] = await webhooksOf(record);
          const unreachable = createNotify({ resolve: () => Promise.reject(new Error('no such name')) });
          await unreachable(stageMessage(message), context).catch(() => {});
          expect(await context.ports.deliveries.get(message!.event.webhook_id)).not.toBeNull();
        }
        return context.ports.erasures.get(id);
      },
    });
    await validate(created(), withPorts(context, { consents, erasures }));
    expect(isTold).toBe(true);
    expect(await left(PLACE, await allErasedJobs())).toEqual({});
  });

  test('by a job object that is published while the job is erased', async () => {
    await uploadImages(context);
    await uploadManifest(context, { ...manifest(), webhook: WEBHOOK });
    let isErased = false;
    const results = overriding(context.ports.buckets.results, {
      put: async (key, body, options) => {
        if (!isErased && key.endsWith(JOB_FILE_NAME)) {
          isErased = true;
          await erase();
        }
        return context.ports.buckets.results.put(key, body, options);
      },
    });
    const buckets = { ...context.ports.buckets, results };
    await validate(created(), withPorts(context, { buckets }));
    expect(isErased).toBe(true);
    expect(await keysOf('results', 'jobs/')).toEqual([]);
    expect(await left()).toEqual({});
  });

  test('by the first job object of a job whose maker had died, published while the job is erased', async () => {
    const { job, ...record } = await taken();
    await context.ports.buckets.results.delete(resultKey(job.id, JOB_FILE_NAME));
    const unpublished = (await context.ports.jobs.replace({ ...record, job, published_revision: 0 }))!;
    const results = overriding(context.ports.buckets.results, {
      put: async (key, body, options) => {
        await erase();
        return context.ports.buckets.results.put(key, body, options);
      },
    });
    const buckets = { ...context.ports.buckets, results };
    await new JobLedger({ ...context.ports, buckets }, context.now).settle(unpublished);
    expect(await keysOf('results', 'jobs/')).toEqual([]);
    expect(await left(PLACE, [job.id])).toEqual({});
  });

  test('by a change that was decided before', async () => {
    const { job } = await taken();
    const jobs = overriding(context.ports.jobs, {
      replace: async (record) => {
        if (await context.ports.jobs.get(job.id)) await erase();
        return context.ports.jobs.replace(record);
      },
    });
    const ledger = new JobLedger({ ...context.ports, jobs }, context.now);
    expect(await ledger.change(job.id, () => ({ status: 'submitted' }))).toBeNull();
    expect(await left(PLACE, [job.id])).toEqual({});
  });

  test('by a message to submit, an event of Batch, or a look at everything', async () => {
    const { job, batch_job_id } = await finished();
    const detail = await batchJob(context.ports.batch, batch_job_id!);
    await erase();
    await submit(stageMessage({ schema_version: 1, job_id: job.id }), context);
    await track(stageMessage(batchEvent(detail!)), context);
    await validate(created(), context);
    await expire(context);
    expect(await left(PLACE, [job.id])).toEqual({});
  });

  test('by a webhook that was on its way: it is not sent', async () => {
    const record = await finished();
    const messages = await webhooksOf(record);
    await erase();
    const resolve = jest.fn();
    const insert = jest.spyOn(context.ports.deliveries, 'insert');
    for (const message of messages) await createNotify({ resolve })(stageMessage(message), context);
    expect(messages.length).toBeGreaterThan(0);
    expect(insert).not.toHaveBeenCalled();
    expect(resolve).not.toHaveBeenCalled();
    expect(await left(PLACE, [record.job.id])).toEqual({});
  });

  test('by a webhook whose delivery is noted down while the job is erased', async () => {
    const record = await finished();
    const [message] = await webhooksOf(record);
    const deliveries = overriding(context.ports.deliveries, {
      insert: async (delivery) => {
        await erase();
        return context.ports.deliveries.insert(delivery);
      },
    });
    const resolve = jest.fn();
    await createNotify({ resolve })(stageMessage(message), withPorts(context, { deliveries }));
    expect(resolve).not.toHaveBeenCalled();
    expect(await left(PLACE, [record.job.id])).toEqual({});
  });

  test('for good: what a worker wrote that died right after goes with the first sweep', async () => {
    const { job } = await finished();
    await erase();
    const { results } = context.ports.buckets;
    for (const file of ['video.mp4', 'poster.jpg']) await results.put(resultKey(job.id, file), 'late');
    await sweepErasures(context);
    expect(await keysOf('results', resultKey(job.id, ''))).toHaveLength(2);
    context.clock.move(HOUR + 1);
    expect(await sweepErasures(context)).toEqual({ swept: 1, failures: 0 });
    expect(await keysOf('results', resultKey(job.id, ''))).toEqual([]);
  });

  test('for good: a job and a consent of an upload that was erased, left by a validation that died', async () => {
    const { job, ...record } = await finished();
    const consent = (await context.ports.consents.get(job.id))!;
    await erase();
    const { version: _version, ...rest } = record;
    await context.ports.jobs.insert({ ...rest, job, version: 1 } as JobRecord);
    await context.ports.consents.insert(consent);
    context.clock.move(HOUR + 1);
    const erasure = (await context.ports.erasures.get(placeHash(PLACE)))!;
    const removed = await sweepErasure(context.ports, erasure, context.now);
    expect(removed.counts()).toMatchObject({ jobs: 1, consents: 1 });
    expect(await left(PLACE, [job.id])).toEqual({});
  });
});

async function allErasedJobs() {
  const { records } = await context.ports.erasedJobs.query('by_set', placeHash(PLACE));
  return records.map(({ id }) => id);
}

/** One job from download to delivery, on a real deployment in a folder and a random model. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { erasePlace } from '../../clients/erase/erasure';
import type { ObjectStore } from '../../clients/object-store';
import { FACE_MODELS } from '../../contract/env';
import type { JobId } from '../../contract/job';
import { checkpointKey, modelKey, resultKey, uploadKey } from '../../contract/keys';
import type { WorkerOptions } from '../../gpu-worker/worker';
import { BATCH_JOB_ID, WorkerHome } from './worker-home';

const NO_ATTEMPT = { started_at: null, stopped_at: null, reason: null, capacity: null, instance_type: null };

let home: WorkerHome;

beforeAll(async () => {
  home = await WorkerHome.open();
  await home.addModel('euler', {
    scheduler: { className: 'FlowMatchEulerDiscreteScheduler', config: { shift: 3 } },
  });
});
afterAll(() => home.close());

/** Runs the job and stops it when this many steps are done, counted over all attempts. */
async function stopAfter(id: JobId, steps: number, changes: Partial<WorkerOptions> = {}) {
  const stop = new AbortController();
  return home.run(id, {
    stop: stop.signal,
    log: (message, about) => {
      if (message === 'A step is done' && Number(about?.step) >= steps) stop.abort();
    },
    ...changes,
  });
}

function withResults(changes: (results: ObjectStore) => Partial<ObjectStore>): Partial<WorkerOptions> {
  const { ports } = home;
  const { results } = ports.buckets;
  // Ports are objects of classes: what is not replaced stays theirs.
  const replaced = new Proxy(results, {
    get(target, name) {
      const value = changes(results)[name as keyof ObjectStore] ?? target[name as keyof ObjectStore];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { ports: { ...ports, buckets: { ...ports.buckets, results: replaced } } };
}

test('a submitted job ends in videos, posters, reports and a job object that tells of them', async () => {
  const id = await home.addJob({ input: { num_outputs: 2 } });
  const { exit } = await home.run(id);
  expect(exit).toBe(0);
  expect(await home.results(id)).toEqual([
    'job.json',
    'poster-2.jpg',
    'poster.jpg',
    'references/1-front.png',
    'references/2-side.png',
    'report.html',
    'report.json',
    'video-2.mp4',
    'video.mp4',
  ]);
  const job = await home.job(id);
  expect(JSON.parse(await home.result(id, 'job.json'))).toEqual(job);
  expect(job).toMatchObject({
    status: 'succeeded',
    error: null,
    progress: { percent: 100, step: 4, total_steps: 4, eta_seconds: 0 },
    input: { seed: 7, width: 64, height: 64, num_frames: 5, steps: 2, num_outputs: 2 },
  });
  for (const { key, size, sha256 } of job.output) {
    const object = await home.ports.buckets.results.get(key);
    expect([object?.size, createHash('sha256').update(object!.body).digest('hex')]).toEqual([size, sha256]);
  }
  expect(
    job.output.map(({ key, content_type, duration_seconds }) => [path.basename(key), content_type, duration_seconds]),
  ).toEqual([
    ['video.mp4', 'video/mp4', 0.625],
    ['poster.jpg', 'image/jpeg', null],
    ['video-2.mp4', 'video/mp4', 0.625],
    ['poster-2.jpg', 'image/jpeg', null],
    ['report.json', 'application/json', null],
    ['report.html', 'text/html; charset=utf-8', null],
    ['1-front.png', 'image/png', null],
    ['2-side.png', 'image/png', null],
  ]);
  const videos = await home.videos(id);
  expect(videos['video.mp4']).not.toBe(videos['video-2.mp4']);
  expect(readdirSync(home.options(id).workRoot)).toEqual([]);
});

test('the report says how the video came about', async () => {
  const id = await home.addJob({ input: { num_outputs: 2 } });
  await home.run(id);
  const report = await home.report(id);
  const videos = await home.videos(id);
  expect(report).toMatchObject({
    job_id: id,
    model: 'random',
    subject: 'Test',
    digital_source_type: 'http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia',
    has_content_credentials: false,
    consent: { reference: 'drawn by a test', recorded_at: null, manifest_sha256: null },
    attempts: 1,
    resumed_from_step: 0,
    provider: 'cpu',
    compute_dtype: 'float32',
    references: [
      { file: 'front.png', view: null, width: 80, height: 64 },
      { file: 'side.png', view: null, width: 80, height: 64 },
    ],
    outputs: [
      { video: 'video.mp4', poster: 'poster.jpg', seed: 7, sha256: videos['video.mp4'] },
      { video: 'video-2.mp4', poster: 'poster-2.jpg', seed: 8, sha256: videos['video-2.mp4'] },
    ],
  });
  for (const { steps } of report.outputs) {
    expect(steps.map(({ step }) => step)).toEqual([1, 2]);
    expect(steps[0]!.sigma).toBeGreaterThan(steps[1]!.sigma);
    expect(steps.every((step) => step.velocity_rms > 0 && step.sample_rms > 0)).toBe(true);
  }
  expect(Object.keys(report.timings_seconds)).toEqual([
    'fetch_set',
    'fetch_model',
    'prepare_references',
    'encode_prompt',
    'encode_references',
    'denoise',
    'decode',
    'measure_faces',
  ]);
  const page = await home.result(id, 'report.html');
  expect(page).toContain('<!doctype html>');
  expect(page.match(/data:video\/mp4;base64/g)).toHaveLength(2);
});

test('videos and photos without a face are measured as such', async () => {
  const id = await home.addJob({ input: { num_outputs: 2 } });
  await home.run(id);
  const { faces } = await home.report(id);
  expect(faces?.measured_with).toMatch(/^blazeface \+ faceres \([0-9a-f]{12}\)$/);
  expect(faces?.references).toEqual([
    { file: 'front.png', faces: 0, yaw: null, pitch: null },
    { file: 'side.png', faces: 0, yaw: null, pitch: null },
  ]);
  expect(faces?.outputs).toHaveLength(2);
  for (const { frames, identity, coverage } of faces!.outputs) {
    expect(frames.map(({ time }) => time)).toEqual([0, 0.125, 0.25, 0.375, 0.5]);
    expect(identity).toEqual({ frames: 0, mean: null, max: null, normalised: null, best: null, worst: null });
    expect(coverage).toMatchObject({ frames: 5, frames_without_face: 5, yaw_min: null });
  }
});

test('a job whose faces cannot be measured succeeds, and its report and its log say so', async () => {
  const id = await home.addJob();
  const log: string[] = [];
  try {
    const { exit } = await home.run(id, {
      log: (message, about) => {
        log.push(`${message}: ${about?.message ?? ''}`);
        // Its photos are prepared by then; what is left to open the models for is the measuring.
        if (message === 'A step is done') process.env[FACE_MODELS] = path.join(home.folder, 'no-models');
      },
    });
    expect(exit).toBe(0);
  } finally {
    delete process.env[FACE_MODELS];
  }
  expect((await home.report(id)).faces).toBeNull();
  expect(await home.result(id, 'report.html')).toContain('Not measured.');
  expect(log.join('\n')).toMatch(
    /Notice: The faces are not measured: detector.path must be a readable .onnx file, got .*ENOENT/,
  );
});

test('a look at the faces that takes too long ends, and the job succeeds without it', async () => {
  const id = await home.addJob();
  const { exit, log } = await home.run(id, { measureSeconds: 0 });
  expect(exit).toBe(0);
  expect((await home.report(id)).faces).toBeNull();
  expect(log).toContainEqual({ message: 'The faces are not measured: Measuring must take at most 0 s.' });
});

test('a stop while faces are measured ends the look, and what is made is delivered', async () => {
  const id = await home.addJob();
  const stop = new AbortController();
  const notices: unknown[] = [];
  const { exit } = await home.run(id, {
    stop: stop.signal,
    log(message, about) {
      if (message === 'The faces are being measured') stop.abort();
      if (message === 'Notice') notices.push(about?.message);
    },
  });
  expect([exit, (await home.job(id)).status]).toEqual([0, 'succeeded']);
  expect((await home.report(id)).faces).toBeNull();
  expect(notices).toEqual(['The faces are not measured: The worker is to stop.']);
});

test('a stop while files are delivered is a retry', async () => {
  const id = await home.addJob();
  const stop = new AbortController();
  const put: ObjectStore['put'] = (key, ...rest) => {
    if (key.endsWith('.mp4')) stop.abort();
    return home.ports.buckets.results.put(key, ...rest);
  };
  expect((await home.run(id, { ...withResults(() => ({ put })), stop: stop.signal })).exit).toBe(75);
  expect((await home.run(id)).exit).toBe(0);
});

test('the job is processing, with its input, before its first step', async () => {
  const id = await home.addJob({ input: { steps: 3 } });
  const seen: string[] = [];
  const change = home.ledger.change.bind(home.ledger);
  const watched = jest.spyOn(home.ledger, 'change').mockImplementation(async (...args) => {
    const record = await change(...args);
    if (record?.id === id)
      seen.push(`${record.job.status} ${record.job.progress.step} ${record.job.input?.steps ?? '-'}`);
    return record;
  });
  await home.run(id, { progressSeconds: 0 });
  watched.mockRestore();
  const moves = seen.filter((move, i) => move !== seen[i - 1]);
  expect(moves.slice(0, 2)).toEqual(['submitted 0 -', 'processing 0 3']);
  expect(moves.length).toBeGreaterThan(3);
  expect(moves.at(-1)).toBe('succeeded 3 3');
});

test.each([
  ['random', 1, 3, 5],
  ['random', 2, 3, 8],
  ['euler', 2, 4, 7],
])(
  '%s with %i outputs, stopped after steps %i and %i, ends in the bytes of an unbroken run',
  async (model, num_outputs, once, twice) => {
    const job = { input: { steps: 30, num_outputs }, manifest: { model } };
    const whole = await home.addJob(job);
    await home.run(whole);

    const id = await home.addJob(job);
    const first = await stopAfter(id, once);
    expect(first.exit).toBe(75);
    expect(await home.results(id)).toEqual(['checkpoint/state.mv2id', 'job.json']);
    expect((await home.job(id)).status).toBe('processing');
    expect((await stopAfter(id, twice)).exit).toBe(75);
    expect((await home.run(id)).exit).toBe(0);

    expect(await home.videosButForTheirId(id)).toEqual(await home.videosButForTheirId(whole));
    const [report, unbroken] = [await home.report(id), await home.report(whole)];
    expect(report.outputs.map(({ latents_sha256 }) => latents_sha256)).toEqual(
      unbroken.outputs.map(({ latents_sha256 }) => latents_sha256),
    );
    expect(report.outputs.map((output) => output.steps.length)).toEqual(Array(num_outputs).fill(30));
    expect(report.attempts).toBe(3);
    expect(report.resumed_from_step).toBeGreaterThanOrEqual(twice);
    expect(report.resumed_from_step).toBeLessThan(30 * num_outputs);
    expect(await home.results(id)).not.toContain('checkpoint/state.mv2id');
  },
);

test('a stop before the first step is a retry without a checkpoint', async () => {
  const id = await home.addJob();
  const stop = new AbortController();
  stop.abort();
  expect((await home.run(id, { stop: stop.signal })).exit).toBe(75);
  expect(await home.results(id)).toEqual(['job.json']);
  expect((await home.run(id)).exit).toBe(0);
});

test.each([
  ['cut', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 9)],
  ['empty', () => new Uint8Array()],
  [
    'another',
    (bytes: Uint8Array) =>
      Buffer.from(
        Buffer.from(bytes)
          .toString('latin1')
          .replace(/"fingerprint":"./, '"fingerprint":"x'),
        'latin1',
      ),
  ],
])('a checkpoint that is %s is not used, and the job starts again', async (_, broken) => {
  const id = await home.addJob({ input: { steps: 30 } });
  await stopAfter(id, 2);
  const { results } = home.ports.buckets;
  const key = checkpointKey(id, 'state.mv2id');
  await results.put(key, broken((await results.get(key))!.body));
  const { exit, log } = await home.run(id);
  expect(exit).toBe(0);
  expect(log.map(({ message }) => message)).toContain('The checkpoint is not used: the job starts from its beginning');
  expect((await home.report(id)).resumed_from_step).toBe(0);
});

test('a checkpoint that cannot be written does not stop the job', async () => {
  const id = await home.addJob();
  const put: ObjectStore['put'] = (key, ...rest) => {
    if (key.includes('/checkpoint/')) return Promise.reject(new Error('The bucket is not there.'));
    return home.ports.buckets.results.put(key, ...rest);
  };
  const { exit, log } = await home.run(id, { ...withResults(() => ({ put })), checkpointSeconds: 0 });
  expect(exit).toBe(0);
  expect(log.map(({ message }) => message)).toContain('The checkpoint is not written');
});

test("a Batch job that is not the record's changes nothing", async () => {
  const id = await home.addJob();
  const before = await home.record(id);
  expect((await home.run(id, { batchJobId: 'batch-2' })).exit).toBe(0);
  expect(await home.record(id)).toEqual(before);
});

test('a job that no Batch job is named for is taken by the first that comes', async () => {
  const id = await home.addJob();
  await home.ledger.change(id, () => ({ record: { batch_job_id: null } }));
  expect((await home.run(id, { batchJobId: 'batch-7' })).exit).toBe(0);
  expect(await home.record(id)).toMatchObject({ batch_job_id: 'batch-7', attempt: 1, job: { status: 'succeeded' } });
});

test('a job that is over is left as it is, and what it left of its checkpoint is removed', async () => {
  const id = await home.addJob();
  await home.run(id);
  const before = await home.record(id);
  await home.ports.buckets.results.put(checkpointKey(id, 'state.mv2id'), 'left by a worker that was killed');
  expect((await home.run(id)).exit).toBe(0);
  expect(await home.record(id)).toEqual(before);
  expect(await home.results(id)).not.toContain('checkpoint/state.mv2id');
});

test('the job tells where each attempt ran and when it began, in Batch’s own numbering', async () => {
  const id = await home.addJob();
  // The first attempt never got as far as a worker.
  await home.ledger.change(id, () => ({
    job: { attempts: [{ ...NO_ATTEMPT, number: 1, stopped_at: '2026-11-23T12:00:00.000Z', reason: 'no image' }] },
  }));
  const place = { capacity: 'spot', instanceType: 'g6e.xlarge' } as const;
  const now = () => new Date('2026-11-23T12:30:00.000Z');
  expect((await home.run(id, { batchAttempt: 2, place, now })).exit).toBe(0);
  const { attempts, metrics } = await home.job(id);
  expect(attempts).toEqual([
    { ...NO_ATTEMPT, number: 1, stopped_at: '2026-11-23T12:00:00.000Z', reason: 'no image' },
    { ...NO_ATTEMPT, number: 2, started_at: now().toISOString(), capacity: 'spot', instance_type: 'g6e.xlarge' },
  ]);
  expect(metrics.attempts).toBe(2);
});

test('an attempt that another has overtaken stops without a word', async () => {
  const id = await home.addJob({ input: { steps: 100 } });
  let overtaken = false;
  const zombie = await home.run(id, {
    checkpointSeconds: 0,
    log(message) {
      if (message !== 'A checkpoint is written' || overtaken) return;
      overtaken = true;
      void home.ledger.change(id, ({ attempt }) => ({ record: { attempt: attempt + 1 } }));
    },
  });
  expect(zombie.exit).toBe(0);
  expect(await home.record(id)).toMatchObject({ attempt: 2, last_error: null, job: { status: 'processing' } });
  expect(await home.results(id)).not.toContain('video.mp4');
});

test('a job that is canceled while it runs stops, and stays canceled', async () => {
  const id = await home.addJob({ input: { steps: 100 } });
  const { exit } = await home.run(id, {
    progressSeconds: 0,
    log(message) {
      if (message === 'The job is being processed') void home.ledger.change(id, () => ({ status: 'canceled' }));
    },
  });
  expect(exit).toBe(0);
  expect((await home.job(id)).status).toBe('canceled');
  expect(await home.results(id)).toEqual(['job.json']);
});

test.each(['video.mp4', 'report.html', 'checkpoint/state.mv2id'])(
  'a job that is erased while its %s is written leaves nothing',
  async (file) => {
    const id = await home.addJob({ input: { steps: 6 } });
    const { tenant, set } = await home.job(id);
    const { results } = home.ports.buckets;
    let isErased = false;
    const erasing: ObjectStore = Object.assign(Object.create(results) as ObjectStore, {
      put: async (...[key, ...rest]: Parameters<ObjectStore['put']>) => {
        if (key === resultKey(id, file) && !isErased) {
          isErased = true;
          const request = { place: { tenant, set }, requestedBy: 'a test', deployment: 'local' } as const;
          expect((await erasePlace(home.ports, request, { wait: async () => {} })).is_complete).toBe(true);
        }
        return results.put(key, ...rest);
      },
    });
    const ports = { ...home.ports, buckets: { ...home.ports.buckets, results: erasing } };
    const { exit } = await home.run(id, { ports, checkpointSeconds: 0 });
    expect([exit, isErased]).toEqual([0, true]);
    expect(await home.results(id)).toEqual([]);
    expect(await home.ports.jobs.get(id)).toBeNull();
  },
);

test('a worker that comes for a job that was erased leaves it alone', async () => {
  const id = await home.addJob();
  const { tenant, set } = await home.job(id);
  const request = { place: { tenant, set }, requestedBy: 'a test', deployment: 'local' } as const;
  await erasePlace(home.ports, request, { wait: async () => {} });
  expect((await home.run(id)).exit).toBe(0);
  expect(await home.results(id)).toEqual([]);
});

test('a stop of a job that is canceled leaves no checkpoint', async () => {
  const id = await home.addJob({ input: { steps: 100 } });
  const stop = new AbortController();
  const { exit } = await home.run(id, {
    stop: stop.signal,
    log(message) {
      if (message !== 'The job is being processed') return;
      void home.ledger.change(id, () => ({ status: 'canceled' })).then(() => stop.abort());
    },
  });
  expect(exit).toBe(0);
  expect(await home.results(id)).toEqual(['job.json']);
});

test('images that are gone or have changed since validation fail the job by name and hash', async () => {
  const id = await home.addJob();
  const { images, job } = await home.record(id);
  await home.ports.buckets.uploads.put(uploadKey(job.tenant, job.set, 'front.png'), 'something else');
  await home.ports.buckets.uploads.delete(uploadKey(job.tenant, job.set, 'side.png'));
  const { exit } = await home.run(id);
  expect(exit).toBe(64);
  const hash = createHash('sha256').update('something else').digest('hex');
  const rule = (i: number) => `must be the file that was validated (${images[i]!.file}, SHA-256 ${images[i]!.sha256})`;
  expect(await home.job(id)).toMatchObject({
    status: 'failed',
    error: {
      code: 'invalid_image',
      retryable: false,
      details: [
        {
          path: 'reference_set.images[0].file',
          message: `reference_set.images[0].file ${rule(0)}, got a file with the SHA-256 ${hash}.`,
        },
        { path: 'reference_set.images[1].file', message: `reference_set.images[1].file ${rule(1)}, got no such file.` },
      ],
    },
  });
});

test('a job that fails after it was resumed leaves no checkpoint', async () => {
  const id = await home.addJob({ input: { steps: 30 } });
  await stopAfter(id, 2);
  expect(await home.results(id)).toEqual(['checkpoint/state.mv2id', 'job.json']);
  const { job } = await home.record(id);
  await home.ports.buckets.uploads.delete(uploadKey(job.tenant, job.set, 'side.png'));
  expect((await home.run(id)).exit).toBe(64);
  expect(await home.results(id)).toEqual(['job.json']);
});

test('a model that is not there, or not whole, fails the job', async () => {
  const missing = await home.addJob({ manifest: { model: 'nobody' } });
  expect((await home.run(missing)).exit).toBe(64);
  expect((await home.job(missing)).error).toMatchObject({
    code: 'invalid_model',
    message: 'model must be one in the models bucket, got "nobody".',
  });
  await home.addModel('broken');
  await home.ports.buckets.models.delete(modelKey('broken', 'vae/config.json'));
  const broken = await home.addJob({ manifest: { model: 'broken' } });
  expect((await home.run(broken)).exit).toBe(64);
  const { error, status } = await home.job(broken);
  expect([status, error?.code]).toEqual(['failed', 'invalid_model']);
  expect(error?.message).toMatch(/^broken\/vae\/config\.json must be /);
});

test('a size that the model cannot make fails the job with the nearest that it can', async () => {
  const id = await home.addJob({ input: { width: 72 } });
  expect((await home.run(id)).exit).toBe(64);
  expect((await home.job(id)).error).toMatchObject({
    code: 'invalid_manifest',
    details: [{ path: 'input.width', message: expect.stringContaining('nearest legal size: ') }],
  });
});

test('an attempt that exceeds its time is timed out', async () => {
  const id = await home.addJob({ input: { steps: 100, width: 128, height: 128, num_frames: 81 } });
  const { exit } = await home.run(id, { executionTimeoutSeconds: 0.001 });
  expect(exit).toBe(64);
  expect(await home.job(id)).toMatchObject({
    status: 'timed_out',
    error: {
      code: 'timed_out',
      message: 'policy.execution_timeout_seconds must cover a whole attempt, got 0.001 and no video after them.',
      retryable: false,
    },
  });
});

test.each([
  ['a full disk', Object.assign(new Error('write failed'), { code: 'ENOSPC', syscall: 'write' }), 'disk_full'],
  ['a fault of ours', new TypeError('x is not a function'), 'internal_error'],
])('%s is left to Batch, with its reason in the record', async (_, error, code) => {
  const id = await home.addJob();
  const put: ObjectStore['put'] = (key, ...rest) =>
    key.endsWith('.mp4') ? Promise.reject(error) : home.ports.buckets.results.put(key, ...rest);
  expect(
    (
      await home.run(
        id,
        withResults(() => ({ put })),
      )
    ).exit,
  ).toBe(70);
  expect(await home.record(id)).toMatchObject({
    last_error: { code, retryable: true },
    job: { status: 'processing', error: null },
  });
});

test('what an attempt left that was killed on this machine is removed by the next', async () => {
  const id = await home.addJob();
  const { workRoot } = home.options(id);
  const left = path.join(workRoot, `mv2id-${id}-0`);
  mkdirSync(left, { recursive: true });
  writeFileSync(path.join(left, 'video.mp4.partial'), 'half');
  await home.run(id);
  expect(existsSync(left)).toBe(false);
});

test('nothing is written under another name than the job', async () => {
  const id = await home.addJob();
  await home.run(id);
  for await (const { key } of home.ports.buckets.results.list('')) expect(key).toMatch(/^jobs\/job-[a-z2-7]{26}\//);
  expect(await home.ports.buckets.results.head(resultKey(id, 'video.mp4'))).not.toBeNull();
  expect((await home.record(id)).batch_job_id).toBe(BATCH_JOB_ID);
});

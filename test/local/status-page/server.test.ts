/** What the status page answers, without a browser: pages, links, uploads, and what it refuses. */

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { signLink } from '../../../clients/local/signed-link';
import type { JobId } from '../../../contract/job';
import { manifestKey, resultKey, uploadKey } from '../../../contract/keys';
import { MAX_IMAGE_BYTES } from '../../../contract/limits';
import { parseManifest } from '../../../contract/manifest';
import { batchJob } from '../../clients/batch-job';
import { send } from './http-request';
import {
  ADA,
  ADA_CHECK,
  createSampleJob,
  openSamplePage,
  progressTo,
  type SamplePage,
  sampleFinding,
  succeed,
} from './sample-jobs';

const VIDEO = Buffer.from(Uint8Array.from({ length: 1000 }, (_, i) => i % 256));
const SUBMISSION = {
  tenant: 'local',
  set: 'mine',
  base: null,
  fields: {
    'reference_set.subject': 'Ada',
    'reference_set.consent.confirmed': true,
    'reference_set.consent.reference': 'form 12',
    'input.prompt': 'a head turns',
    model: 'mv2id-tiny',
  },
  images: [{ file: 'yaw+000.png', view: 'front', size: 30_000 }],
};

let sample: SamplePage;

beforeEach(async () => {
  sample = await openSamplePage();
});
afterEach(() => sample.close());

describe('pages', () => {
  test('what users wrote is never markup', async () => {
    const subject = '<script>alert(1)</script>" onload="x';
    const { id } = await createSampleJob(sample, { set: 'ada', subject });
    for (const page of ['/', `/jobs/${id}`, `/jobs/${id}/cancel`]) {
      const html = await text(page);
      expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=');
      expect(html).not.toContain('<script>alert');
      expect(html).not.toContain('" onload="x');
    }
    expect(await text('/?tenant=%22%3E%3Cscript%3E')).toContain('value="&quot;&gt;&lt;script&gt;"');
  });

  test('a job whose retention is over says so in place of its video, without a dead link', async () => {
    const { id } = await createSampleJob(sample, { set: 'ada' });
    await progressTo(sample, id, 20);
    await succeed(sample, id, { 'video.mp4': VIDEO });
    expect(await text(`/jobs/${id}`)).toContain('video.mp4');
    const { results } = sample.ports.buckets;
    for await (const { key } of results.list(resultKey(id, ''))) {
      if (!key.endsWith('job.json')) await results.delete(key);
    }
    const data_removed_at = '2026-12-24T00:00:00.000Z';
    await sample.ledger.change(id, () => ({ job: { output: [], data_removed_at }, record: {} }));
    const html = await text(`/jobs/${id}`);
    expect(html).toContain('Removed after its retention');
    expect(html).toContain('removed on 2026-12-24');
    expect(html).not.toMatch(/video\.mp4|<video|poster\.jpg/);
  });

  test('no page runs or loads anything that is not ours, nor may stand in a frame', async () => {
    const { headers } = await get('/');
    const policy = headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(headers['x-content-type-options']).toBe('nosniff');
    for (const page of ['/', '/new', '/nowhere']) {
      const html = await text(page);
      expect(html).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
      expect(html).not.toMatch(/ style="| on[a-z]+="|<style/);
    }
  });

  test('an unchanged page is answered without its content', async () => {
    const { headers } = await get('/');
    expect((await get('/', { 'if-none-match': headers.etag! })).status).toBe(304);
  });

  test('the list filters by state and tenant, and goes on over months', async () => {
    for (let i = 0; i < 3; i++) {
      sample.clock.now = new Date(Date.UTC(2026, 8, 30, 12, 0, i));
      await createSampleJob(sample, { set: `old-${i}`, tenant: 'north' });
    }
    sample.clock.now = new Date('2026-11-23T12:00:00Z');
    for (let i = 0; i < 24; i++) await createSampleJob(sample, { set: `new-${i}` });
    const running = await createSampleJob(sample, { set: 'running', tenant: 'north' });
    await progressTo(sample, running.id, 3);

    const first = await text('/');
    const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll('&amp;', '&');
    expect(setsIn(first)).toHaveLength(25);
    expect(setsIn(await text(next!))).toEqual(['old-2', 'old-1', 'old-0']);
    expect(await text(next!)).not.toContain('rel="next"');
    expect(setsIn(await text('/?state=processing'))).toEqual(['running']);
    expect(setsIn(await text('/?tenant=north'))).toEqual(['running', 'old-2', 'old-1', 'old-0']);
    expect(setsIn(await text('/?tenant=north&state=queued'))).toEqual(['old-2', 'old-1', 'old-0']);
    expect(await text('/?state=failed')).toContain('No job matches');
  });

  test('no jobs, no such job, and a job that has just been uploaded', async () => {
    expect(await text('/')).toContain('No jobs yet');
    const unknown = `/jobs/job-${'a'.repeat(26)}`;
    expect((await get(unknown)).status).toBe(404);
    expect((await get('/jobs/..%2f..%2fetc')).status).toBe(404);
    expect(await text(`${unknown}?uploaded`)).toContain('being checked');
  });

  test('a rejected job lists every error', async () => {
    const details = [
      { path: 'input.seed', message: 'input.seed must be a whole number, got "x".' },
      { path: 'webhook', message: 'webhook must be an https address, got "ftp".' },
    ];
    const error = { code: 'invalid_manifest', message: 'two', details, retryable: false };
    const { id } = await createSampleJob(sample, { set: 'bad', error });
    const html = await text(`/jobs/${id}`);
    expect(html).toContain('The upload was not accepted');
    for (const detail of details) expect(html).toContain(detail.message.replaceAll('"', '&quot;'));
    expect(html).not.toContain('cancel-link');
  });

  test('under each photo what was measured and the verdict, below them what could be better', async () => {
    const side = sampleFinding('view_differs', 2, 'turned as its view says (left_45)', '66° left');
    const small = sampleFinding('small_face', 1, 'a photo of a face at least 112 pixels wide', 'a face 90 pixels wide');
    const findings = [{ ...small, severity: 'warning', accepted: true } as const, side];
    const { id } = await createSampleJob(sample, { set: 'ada', check: { ...ADA_CHECK, findings } });
    const html = await text(`/jobs/${id}`);
    expect(textsOf(html, /<figcaption>(.*?)<\/figcaption>/gs)).toEqual([
      'right 45 yaw-060.png 57° right, face 234 px Good',
      'front yaw+000.png 0°, face 221 px Warning',
      'left 45 yaw+060.png 66° left, face 228 px Warning',
    ]);
    expect(textsOf(html, /<ul class="findings".*?<\/ul>/gs)).toEqual([
      'Accepted Small face. Must be a photo of a face at least 112 pixels wide, got yaw+000.png (a face 90 pixels wide).' +
        ' Warning View differs. Must be turned as its view says (left_45), got yaw+060.png (66° left).',
    ]);
  });

  test('a job of before photos were looked at shows them without a verdict', async () => {
    const error = { code: 'invalid_model', message: 'none', details: [], retryable: false };
    const { id } = await createSampleJob(sample, { set: 'bad', error });
    expect(await text(`/jobs/${id}`)).not.toMatch(/verdict|findings|Good|face \d+ px/);
  });

  test('photos that were rejected: the errors as findings, and how to accept them here and in job.json', async () => {
    const other = sampleFinding('different_person', 2, 'of the same person as the other views', '0.31');
    const frontal = sampleFinding('no_frontal_view', null, 'a set with a nearly frontal view', '57° right');
    const spread = sampleFinding('little_spread', null, 'views at least 45° apart for large angles', '9°');
    const details = [other, frontal].map(({ path, message }) => ({ path, message }));
    const error = { code: 'invalid_reference_set', message: other.message, details, retryable: false };
    const check = { ...ADA_CHECK, findings: [other, frontal, spread] };
    const { id } = await createSampleJob(sample, { set: 'ada', error, check, accept: ['small_face'] });
    const html = await text(`/jobs/${id}`);
    expect(textsOf(html, /<ul class="findings".*?<\/ul>/gs)).toEqual([
      expect.stringMatching(/^Error Different person\. .* Error No frontal view\. /),
      expect.stringMatching(/^Warning Little spread\. /),
    ]);
    const accept = '["small_face", "no_frontal_view", "different_person"]'.replaceAll('"', '&quot;');
    expect(html).toContain(`<pre>"accept": ${accept}</pre>`);
    const [, link] = /<a href="(\/new\?accept=[^"]*)"/.exec(html)!;
    const form = await text(link!);
    const ticked = [...form.matchAll(/name="reference_set\.accept\.([a-z_]+)" checked/g)].map(([, code]) => code);
    expect(ticked).toEqual(['small_face', 'no_frontal_view', 'different_person']);
    expect(form).toContain('<details id="more-settings" open>');
    expect(await text('/new?accept=%22%3E%3Cscript%3E')).not.toMatch(/<script>|name="reference_set.accept.*checked/);
  });

  test('deliveries and attempts of a job', async () => {
    const webhook = 'https://example.com/hook';
    const { id, job } = await createSampleJob(sample, { set: 'ada', webhook });
    await progressTo(sample, id, 1);
    await sample.ports.deliveries.insert({
      id: `evt_${id}_started`,
      version: 1,
      job_id: id,
      status: 'pending',
      message: {
        schema_version: 1,
        url: webhook,
        event: { webhook_id: `evt_${id}_started`, type: 'job.started', timestamp: job.created_at, job },
      },
      tries: 1,
      attempts: [{ at: job.created_at, status_code: 503, error: 'The receiver answered 503.', duration_ms: 20 }],
      next_attempt_at: '2026-11-23T21:20:00.000Z',
      created_at: job.created_at,
    });
    const html = await text(`/jobs/${id}`);
    expect(html).toContain('The receiver answered 503.');
    expect(html).toContain('23 Nov 2026, 21:20:00 UTC');
    expect(html).toContain('<caption>Attempts</caption>');
  });
});

describe('who may ask', () => {
  test.each(['evil.example', 'localhost.evil.example', '192.168.1.5:80'])('not Host %j', async (host) => {
    expect((await get('/', { host })).status).toBe(421);
  });

  test('Host names of loopback, whatever the port', async () => {
    for (const host of ['localhost:1', '127.0.0.1', '[::1]:8321', 'LOCALHOST']) {
      expect((await get('/', { host })).status).toBe(200);
    }
  });

  test('nothing changes without the token of our own pages, from another site, or by GET', async () => {
    const { id } = await createSampleJob(sample, { set: 'ada' });
    const token = await csrfToken();
    const address = `${sample.page.url}/jobs/${id}/cancel`;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const origin = sample.page.url;
    const refused = await Promise.all([
      send(address, { method: 'POST', headers: { ...form, origin } }),
      send(address, { method: 'POST', headers: { ...form, origin }, body: 'csrf_token=guess' }),
      send(address, {
        method: 'POST',
        headers: { ...form, origin: 'https://evil.example' },
        body: `csrf_token=${token}`,
      }),
      send(address, {
        method: 'POST',
        headers: { ...form, 'sec-fetch-site': 'cross-site' },
        body: `csrf_token=${token}`,
      }),
      send(`${sample.page.url}/sets`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
      send(`${sample.page.url}/sets/local/x/a.png`, { method: 'PUT', body: 'x' }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 403, 403, 403]);
    await get(`/jobs/${id}/cancel`);
    expect((await sample.ports.jobs.get(id))?.job.status).toBe('queued');

    const accepted = await cancel(id);
    expect([accepted.status, accepted.headers.location]).toEqual([303, `/jobs/${id}`]);
    expect((await sample.ports.jobs.get(id))?.job.status).toBe('canceled');
  });
});

describe('cancel', () => {
  test('takes the job.json and the Batch job with it', async () => {
    const { id } = await createSampleJob(sample, { set: 'ada' });
    const submission = { jobId: id, shareIdentifier: 'studio', priority: 0, timeoutSeconds: 60 };
    const batchJobId = await sample.ports.batch.submit(submission);
    await sample.ledger.change(id, () => ({ status: 'submitted', record: { batch_job_id: batchJobId } }));
    await cancel(id);
    expect(await sample.ports.buckets.uploads.head(manifestKey('studio', 'ada'))).toBeNull();
    expect((await batchJob(sample.ports.batch, batchJobId))?.status).toBe('FAILED');
  });

  test("leaves another job's job.json alone, and a job that has ended", async () => {
    const older = await createSampleJob(sample, { set: 'ada' });
    const newer = await createSampleJob(sample, { set: 'ada', subject: 'Ada again' });
    await cancel(older.id);
    expect(await sample.ports.buckets.uploads.head(manifestKey('studio', 'ada'))).not.toBeNull();
    expect((await sample.ports.jobs.get(newer.id))?.job.status).toBe('queued');

    await progressTo(sample, newer.id, 1);
    await succeed(sample, newer.id, { 'video.mp4': VIDEO });
    expect((await cancel(newer.id)).status).toBe(303);
    expect((await sample.ports.jobs.get(newer.id))?.job.status).toBe('succeeded');
  });
});

describe('files', () => {
  let id: JobId;
  let video: string;

  beforeEach(async () => {
    ({ id } = await createSampleJob(sample, { set: 'ada' }));
    await progressTo(sample, id, 20);
    await succeed(sample, id, {
      'video.mp4': VIDEO,
      'poster.jpg': Buffer.from('jpeg'),
      'report.html': Buffer.from('<p>'),
    });
    video = linkTo(await text(`/jobs/${id}`), 'video.mp4');
  });

  test('the links of the page lead to photos and results, with their types', async () => {
    const whole = await get(video);
    expect([whole.status, whole.headers['content-type'], whole.headers['content-length']]).toEqual([
      200,
      'video/mp4',
      '1000',
    ]);
    expect(whole.body.equals(VIDEO)).toBe(true);
    expect(whole.headers['content-disposition']).toBe("inline; filename*=UTF-8''video.mp4");
    expect(whole.headers['x-content-type-options']).toBe('nosniff');
    const photo = await get(linkTo(await text(`/jobs/${id}`), 'yaw%2B000.png'));
    expect([photo.headers['content-type'], photo.body.length]).toEqual([
      'image/png',
      readFileSync(path.join(ADA, 'yaw+000.png')).length,
    ]);
  });

  test('a part of a file', async () => {
    const part = await get(video, { range: 'bytes=100-199' });
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 100-199/1000']);
    expect(part.body.equals(VIDEO.subarray(100, 200))).toBe(true);
    const outside = await get(video, { range: 'bytes=1000-' });
    expect([outside.status, outside.headers['content-range']]).toEqual([416, 'bytes */1000']);
    const changed = await get(video, { range: 'bytes=0-1', 'if-range': '"older"' });
    expect(changed.status).toBe(200);
    const head = await send(sample.page.url + video, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([206, '10', 0]);
  });

  test('a link ends with its time, and leads nowhere else', async () => {
    expect((await get(video.replace('video.mp4', 'poster.jpg'))).status).toBe(403);
    expect((await get(video.replace(/signature=./, 'signature=g'))).status).toBe(403);
    expect((await get(video.split('?')[0]!)).status).toBe(403);
    sample.clock.now = new Date(sample.clock.now.getTime() + 2 * 3600_000);
    expect((await get(video)).status).toBe(403);
  });

  test('the references as the model was fed them are listed and opened', async () => {
    const { id } = await createSampleJob(sample, { set: 'fed' });
    await progressTo(sample, id, 20);
    await succeed(sample, id, { 'video.mp4': VIDEO, 'references/1-front.png': Buffer.from('a face') });
    const { status, headers, body } = await get(linkTo(await text(`/jobs/${id}`), 'references/1-front.png'));
    expect([status, headers['content-type'], body.toString()]).toEqual([200, 'image/png', 'a face']);
  });

  test('even a signed link leads to no model and no checkpoint', async () => {
    await sample.ports.buckets.results.put(resultKey(id, 'checkpoint/latents.json'), '{}');
    const key = await sample.ports.linkKey();
    const expires = new Date(sample.clock.now.getTime() + 1000);
    for (const target of [
      { bucket: 'models', key: 'mv2id-tiny/model_index.json' },
      { bucket: 'results', key: resultKey(id, 'checkpoint/latents.json') },
      { bucket: 'results', key: `jobs/${id}/../../../link-key.json` },
    ] as const) {
      expect((await get(signLink('', target, expires, key))).status).toBeGreaterThanOrEqual(403);
    }
  });

  test('the report keeps its style and gets nothing of the page', async () => {
    const report = await get(linkTo(await text(`/jobs/${id}`), 'report.html'));
    const policy = report.headers['content-security-policy'];
    expect(policy).toMatch(/sandbox(?! allow-same-origin)/);
    expect(policy).not.toContain('script-src');
    expect(policy).toContain("style-src 'unsafe-inline'");
  });
});

describe('upload', () => {
  test('photos first, job.json last', async () => {
    const photo = readFileSync(path.join(ADA, 'yaw+000.png'));
    const early = await post('/sets', SUBMISSION);
    expect([early.status, errorPaths(early.body)]).toEqual([422, ['reference_set.images[0].file']]);
    expect((await post('/sets/check', SUBMISSION)).status).toBe(200);
    expect((await put('/sets/local/mine/yaw%2B000.png', photo)).status).toBe(204);
    const done = await post('/sets', SUBMISSION);
    expect(done.status).toBe(201);
    expect(JSON.parse(done.body.toString()).location).toMatch(/^\/jobs\/job-[a-z2-7]{26}\?uploaded$/);
    const stored = await sample.ports.buckets.uploads.get(manifestKey('local', 'mine'));
    expect(parseManifest(stored!.body).reference_set.images).toEqual([{ file: 'yaw+000.png', view: 'front' }]);
    const image = await sample.ports.buckets.uploads.get(uploadKey('local', 'mine', 'yaw+000.png'));
    expect(photo.equals(image!.body)).toBe(true);

    // The set is submitted: neither its photos nor its job.json change any more.
    const again = [await post('/sets/check', SUBMISSION), await post('/sets', SUBMISSION)];
    expect(again.map(({ status, body }) => [status, errorPaths(body)])).toEqual([
      [422, ['set']],
      [422, ['set']],
    ]);
    expect((await put('/sets/local/mine/yaw%2B000.png', photo)).status).toBe(422);
  });

  test('everything that is wrong is said at once', async () => {
    const bad = {
      ...SUBMISSION,
      tenant: 'Not A Name',
      set: '../x',
      fields: { ...SUBMISSION.fields, 'input.seed': '-1' },
    };
    expect(errorPaths((await post('/sets/check', bad)).body)).toEqual(['tenant', 'set', 'input.seed']);
    expect((await post('/sets/check', 'not a form')).status).toBe(422);
  });

  test.each(['..%2fjob.json', 'job.json', '.hidden.png', 'a%2fb.png', 'x.svg'])('no file %s', async (file) => {
    expect((await put(`/sets/local/mine/${file}`, Buffer.from('x'))).status).toBe(422);
    expect(await keysOfUploads()).toEqual([]);
  });

  test('a photo that is too large ends while it is read, and leaves nothing', async () => {
    const answer = await put('/sets/local/mine/a.png', Buffer.alloc(MAX_IMAGE_BYTES + 1));
    expect([answer.status, errorPaths(answer.body)]).toEqual([413, ['a.png']]);
    expect(await keysOfUploads()).toEqual([]);
  });

  test('a form that is too large is refused', async () => {
    const huge = { ...SUBMISSION, base: { metadata: 'x'.repeat(400_000) } };
    expect((await post('/sets/check', huge)).status).toBe(413);
  });
});

function get(address: string, headers: Record<string, string> = {}) {
  return send(sample.page.url + address, { headers });
}

async function text(address: string): Promise<string> {
  return (await get(address)).body.toString();
}

async function post(address: string, body: unknown) {
  const headers = { 'content-type': 'application/json', 'x-csrf-token': await csrfToken() };
  return send(sample.page.url + address, { method: 'POST', headers, body: JSON.stringify(body) });
}

async function put(address: string, body: Buffer) {
  const headers = { 'content-type': 'application/octet-stream', 'x-csrf-token': await csrfToken() };
  return send(sample.page.url + address, { method: 'PUT', headers, body });
}

async function cancel(id: JobId) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: sample.page.url };
  const body = `csrf_token=${await csrfToken()}`;
  return send(`${sample.page.url}/jobs/${id}/cancel`, { method: 'POST', headers, body });
}

async function csrfToken(): Promise<string> {
  return /data-csrf="([^"]+)"/.exec(await text('/new'))![1]!;
}

function setsIn(html: string): string[] {
  return [...html.matchAll(/<span class="sub">[a-z]+ \/ ([a-z0-9-]+)<\/span>/g)].map(([, set]) => set!);
}

/** The first link to a file of this name, as a browser reads it. */
function linkTo(html: string, file: string): string {
  const link = [...html.matchAll(/(?:href|src)="(\/files\/[^"]+)"/g)].find(([, address]) =>
    address!.includes(`/${file}?`),
  );
  return link![1]!.replaceAll('&amp;', '&');
}

function errorPaths(body: Buffer): string[] {
  return JSON.parse(body.toString()).errors.map(({ path: at }: { path: string }) => at);
}

async function keysOfUploads(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of sample.ports.buckets.uploads.list('')) keys.push(key);
  return keys;
}

/** The text of every match, without markup. */
function textsOf(html: string, pattern: RegExp): string[] {
  return [...html.matchAll(pattern)].map(([match]) =>
    match
      .replaceAll(/<[^>]*>/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim(),
  );
}

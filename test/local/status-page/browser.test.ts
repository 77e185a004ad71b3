/** The status page as people use it: in a browser, with a mouse or with the keyboard alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'puppeteer-core';
import { manifestKey, uploadKey } from '../../../contract/keys';
import { parseManifest } from '../../../contract/manifest';
import { launchChromium } from './headless-chromium';
import { ADA, createSampleJob, openSamplePage, progressTo, type SamplePage, succeed } from './sample-jobs';

let browser: Browser;
let sample: SamplePage;
let page: Page;
/** What went wrong in the page: errors of its script, breaches of its policy. */
let troubles: string[];

beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(() => browser.close());

beforeEach(async () => {
  sample = await openSamplePage();
  page = await browser.newPage();
  troubles = [];
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('console', (message) => {
    const isAnswer = message.text().includes('the server responded with a status of 422');
    if (message.type() === 'error' && !isAnswer) troubles.push(message.text());
  });
});
afterEach(async () => {
  await page.close();
  await sample.close();
  expect(troubles).toEqual([]);
});

test('progress appears without reloading, in the list and on the page of the job, and ends in the video', async () => {
  const { id } = await createSampleJob(sample, { set: 'ada' });
  await open('/');
  await page.evaluate('window.isSameDocument = true');
  await seeText('#jobs', 'Waiting in the queue');
  await progressTo(sample, id, 5);
  await seeText('#jobs', 'Step 5 of 20');
  expect(await page.$eval('progress', (bar) => bar.getAttribute('value'))).toBe('25');
  await seeText('#announcer', 'Ada: processing.');
  expect(await page.evaluate('window.isSameDocument')).toBe(true);

  await open(`/jobs/${id}`);
  await page.focus('#cancel-link');
  await progressTo(sample, id, 12);
  await seeText('#job', 'Step 12 of 20');
  expect(await focusedId()).toBe('cancel-link');
  await succeed(sample, id, { 'video.mp4': Buffer.from('no video'), 'poster.jpg': Buffer.from('no picture') });
  await page.waitForSelector('video[poster]');
  expect(await page.$('#cancel-link')).toBeNull();
  await seeText('#announcer', 'Ada: succeeded.');
});

test('a subject that is markup is shown as it was written', async () => {
  const subject = '<script>window.isHacked = true</script><img src=x onerror=isHacked=1>';
  await createSampleJob(sample, { set: 'ada', subject });
  await open('/');
  expect(await textOf('.job-link')).toBe(subject);
  expect(await page.evaluate('window.isHacked')).toBeUndefined();
});

test('a failed job says why', async () => {
  const message = 'reference_set.images[1].file must show one face, got two.';
  const details = [{ path: 'reference_set.images[1].file', message }];
  const error = { code: 'invalid_image', message, details, retryable: false };
  const { id } = await createSampleJob(sample, { set: 'bad', error });
  await open(`/jobs/${id}`);
  expect(await textOf('.failure-details li')).toContain(message);
});

test('cancel by keyboard: asked first, Escape and the safe answer change nothing', async () => {
  const { id } = await createSampleJob(sample, { set: 'ada' });
  await open(`/jobs/${id}`);
  await page.focus('#cancel-link');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#cancel-dialog[open]');
  await page.keyboard.press('Escape');
  await page.waitForSelector('#cancel-dialog:not([open])');
  expect(await focusedId()).toBe('cancel-link');

  await page.keyboard.press('Enter');
  await page.waitForSelector('#cancel-dialog[open]');
  expect(await focusedText()).toBe('Keep it running');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#cancel-dialog:not([open])');
  expect((await sample.ports.jobs.get(id))?.job.status).toBe('queued');

  await page.keyboard.press('Enter');
  await page.waitForSelector('#cancel-dialog[open]');
  await page.keyboard.press('Tab');
  expect(await focusedText()).toBe('Cancel the job');
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  expect(await textOf('.page-actions .badge')).toBe('Canceled');
  expect((await sample.ports.jobs.get(id))?.job.status).toBe('canceled');
});

test('a set dropped with its job.json fills the form, and is uploaded', async () => {
  await open('/new');
  await drop(['yaw-060.png', 'yaw+000.png', 'yaw+060.png', 'job.json'].map((file) => path.join(ADA, file)));
  await page.waitForSelector('.photo-row:nth-child(3) img');
  expect(await valuesOf('.photo-row select')).toEqual(['right_45', 'front', 'left_45']);
  await fill('set', 'dropped');
  await submitted();
  await seeText('h1', 'Uploaded');
  const { manifest, files } = await uploaded('local', 'dropped');
  expect(manifest.reference_set.subject).toBe('Ada');
  expect(manifest.metadata).toEqual({ identity: 'procedural, seed 424242, index 0, never trained on' });
  expect(files).toEqual(['job.json', 'yaw+000.png', 'yaw+060.png', 'yaw-060.png']);
});

test('what a job.json accepts is ticked, and what is ticked is accepted', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-accept-'));
  try {
    const { reference_set, ...job } = JSON.parse(readFileSync(path.join(ADA, 'job.json'), 'utf8'));
    const accept = ['small_face', 'no_face'];
    writeFileSync(
      path.join(folder, 'job.json'),
      JSON.stringify({ ...job, reference_set: { ...reference_set, accept } }),
    );
    await open('/new?accept=different_person');
    await drop([
      ...['yaw-060.png', 'yaw+000.png', 'yaw+060.png'].map((file) => path.join(ADA, file)),
      path.join(folder, 'job.json'),
    ]);
    await page.waitForSelector('.photo-row:nth-child(3) img');
    const ticked = () => page.$$eval('fieldset :checked', (boxes) => boxes.map((box) => box.getAttribute('name')));
    expect(await ticked()).toEqual(['reference_set.accept.no_face', 'reference_set.accept.small_face']);
    await page.click('[name="reference_set.accept.small_face"]');
    await page.click('[name="reference_set.accept.unsure_person"]');
    await fill('set', 'accepting');
    await submitted();
    await seeText('h1', 'Uploaded');
    const { manifest } = await uploaded('local', 'accepting');
    expect(manifest.reference_set.accept).toEqual(['no_face', 'unsure_person']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('with the keyboard alone: errors beside their fields, nothing lost, then uploaded', async () => {
  await open('/new');
  const input = await page.$('#photo-input');
  await input?.uploadFile(path.join(ADA, 'yaw+000.png'));
  await page.waitForSelector('.photo-row img');
  await page.focus('#reference_set\\.subject');
  await page.keyboard.type('Ada Lovelace');
  await page.keyboard.press('Enter');
  await page.waitForSelector('#error-summary:not([hidden])');
  expect(await focusedId()).toBe('error-summary');
  expect(await textOf('#error\\:input\\.prompt')).toMatch(/^Must be a text of 1 to/);
  expect(await textOf('#error\\:reference_set\\.consent\\.confirmed')).toMatch(/^Must be true/);
  expect(await page.$$('[aria-invalid="true"]')).toHaveLength(3);
  expect(await valuesOf('#reference_set\\.subject')).toEqual(['Ada Lovelace']);
  expect(await page.$$('.photo-row')).toHaveLength(1);

  // From the summary into the first field that is wrong, and on by Tab.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  expect(await focusedId()).toBe('input.prompt');
  await page.keyboard.type('a head turns');
  await page.focus('#reference_set\\.consent\\.reference');
  await page.keyboard.type('form 12');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await page.focus('#submit');
  await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
  const { manifest } = await uploaded('local', 'ada-lovelace-20261123-211400');
  expect(manifest).toEqual({
    schema_version: 1,
    model: 'mv2id-tiny',
    input: { prompt: 'a head turns' },
    reference_set: {
      subject: 'Ada Lovelace',
      consent: { confirmed: true, reference: 'form 12' },
      images: [{ file: 'yaw+000.png' }],
    },
  });
});

test('photos that cannot be used, or that job.json names and nobody chose, are said', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-drop-'));
  try {
    const images = [{ file: 'missing.png' }, { file: 'here.png' }];
    writeFileSync(path.join(folder, 'job.json'), JSON.stringify({ reference_set: { subject: 'Ada', images } }));
    writeFileSync(path.join(folder, 'here.png'), 'x');
    writeFileSync(path.join(folder, 'notes.heic'), 'x');
    await open('/new');
    await drop(['here.png', 'notes.heic', 'job.json'].map((file) => path.join(folder, file)));
    await seeText('#error\\:reference_set\\.images', 'notes.heic is left out');
    expect(await page.$$eval('.photo-name', (names) => names.map(({ textContent }) => textContent))).toEqual([
      'missing.png',
      'here.png',
    ]);
    await page.click('#submit');
    await seeText('#error-summary', 'missing.png is named in job.json and was not chosen.');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a form that was made by an earlier run of the server still works', async () => {
  await open('/new');
  await drop([
    path.join(ADA, 'yaw+000.png'),
    path.join(ADA, 'yaw+060.png'),
    path.join(ADA, 'yaw-060.png'),
    path.join(ADA, 'job.json'),
  ]);
  await page.waitForSelector('.photo-row:nth-child(3) img');
  await page.evaluate(`document.getElementById('new-job').dataset.csrf = 'older'`);
  page.on('console', () => troubles.splice(0));
  await fill('set', 'later');
  await submitted();
  expect((await uploaded('local', 'later')).files).toHaveLength(4);
});

test.each(['/', '/new', '/jobs/'])('%s is usable at 360 pixels', async (address) => {
  const { id } = await createSampleJob(sample, {
    set: 'a-set-with-a-name-that-is-rather-long-for-a-telephone',
    subject: 'W'.repeat(90),
  });
  await progressTo(sample, id, 3);
  await page.setViewport({ width: 360, height: 740 });
  await open(address === '/jobs/' ? `/jobs/${id}` : address);
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
  const unnamed = `[...document.querySelectorAll('a, button, input:not([type=hidden]), select, textarea, progress, img, video')].filter(
    (element) => element.checkVisibility() && !element.textContent.trim() && !element.labels?.length &&
      !element.hasAttribute('aria-label') && !element.hasAttribute('alt') && !element.querySelector('img[alt]:not([alt=""])')).map(({ outerHTML }) => outerHTML)`;
  expect(await page.evaluate(unnamed)).toEqual([]);
});

async function open(address: string): Promise<void> {
  await page.goto(sample.page.url + address, { waitUntil: 'load' });
}

/** Waits until the element has this text. */
async function seeText(selector: string, text: string): Promise<void> {
  await page.waitForFunction(
    `document.querySelector(${JSON.stringify(selector)})?.textContent.includes(${JSON.stringify(text)})`,
    { timeout: 5000 },
  );
}

function textOf(selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent ?? '');
}

function focusedId(): Promise<unknown> {
  return page.evaluate('document.activeElement.id');
}

function focusedText(): Promise<unknown> {
  return page.evaluate('document.activeElement.textContent');
}

/** The values of fields. */
function valuesOf(selector: string): Promise<unknown> {
  return page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map(({ value }) => value)`);
}

async function fill(name: string, value: string): Promise<void> {
  await page.focus(`[name="${name}"]`);
  await page.keyboard.type(value);
}

/** Lets files fall into the drop zone. */
async function drop(files: readonly string[]): Promise<void> {
  const contents = files.map((file) => [path.basename(file), readFileSync(file).toString('base64')]);
  await page.evaluate(`{
    const dataTransfer = new DataTransfer();
    for (const [name, base64] of ${JSON.stringify(contents)}) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      dataTransfer.items.add(new File([bytes], name));
    }
    const dropZone = document.getElementById('drop-zone');
    dropZone.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
  }`);
}

/** Presses the button and waits for the page that follows. */
async function submitted(): Promise<void> {
  await Promise.all([page.waitForNavigation(), page.click('#submit')]);
}

async function uploaded(tenant: string, set: string) {
  const { uploads } = sample.ports.buckets;
  const bytes = (await uploads.get(manifestKey(tenant, set)))?.body;
  const files: string[] = [];
  for await (const { key } of uploads.list(uploadKey(tenant, set, ''))) files.push(path.basename(key));
  return { manifest: parseManifest(bytes ?? new Uint8Array()), files };
}

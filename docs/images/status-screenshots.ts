/**
 * Takes the pictures of the status page, as a browser shows it: the list, one job, the form with photos chosen.
 *
 *   npx tsx docs/images/status-screenshots.ts http://127.0.0.1:8321 docs/images [--dark] [--narrow] [--job <job id>] [--rejected <job id>]
 *
 * The page must run (`mv2id serve`) and have jobs; the job shown is the newest that succeeded, unless one is named. The list shows
 * what is there. A job that was rejected for its photos becomes status-check.png; nothing else is taken then.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import chromium from '@sparticuz/chromium';
import puppeteer, { type Page } from 'puppeteer-core';
import sharp from 'sharp';

const WIDE = { width: 1200, height: 800, deviceScaleFactor: 1.5 };
const NARROW = { width: 360, height: 740, deviceScaleFactor: 1.5 };
const EXAMPLE = path.resolve(__dirname, '../../examples/ada');

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      dark: { type: 'boolean', default: false },
      narrow: { type: 'boolean', default: false },
      job: { type: 'string' },
      rejected: { type: 'string' },
    },
  });
  const [url, folder] = positionals;
  if (!url || !folder) throw new Error('Usage: status-screenshots.ts <url of the status page> <out folder>');
  const browser = await puppeteer.launch({
    executablePath: await chromium.executablePath(),
    args: chromium.args,
    headless: 'shell',
    defaultViewport: values.narrow ? NARROW : WIDE,
  });
  try {
    const page = await browser.newPage();
    const scheme = values.dark ? 'dark' : 'light';
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    const shoot = async (name: string) => {
      const picture = await page.screenshot({ fullPage: true });
      // Few colours: a quarter of the bytes.
      await sharp(picture)
        .png({ palette: true })
        .toFile(path.join(folder, `status-${name}.png`));
    };

    if (values.rejected) {
      await open(page, `${url}/jobs/${values.rejected}`);
      await shoot('check');
      return;
    }
    await open(page, url);
    await shoot('list');
    await open(page, values.job ? `${url}/jobs/${values.job}` : await newestVideo(page, url));
    await showVideo(page);
    await shoot('job');
    await open(page, `${url}/new`);
    await chooseExample(page);
    await shoot('new');
  } finally {
    await browser.close();
  }
}

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url, { waitUntil: 'load' });
}

async function newestVideo(page: Page, url: string): Promise<string> {
  await open(page, `${url}/?state=succeeded`);
  const link = await page.$('.job-link');
  if (!link) throw new Error(`${url} must list a job that succeeded, got none.`);
  return link.evaluate((element) => (element as unknown as { href: string }).href);
}

/** Into the middle of the video, where the head is turned. This Chromium has no decoder for it where the poster stays. */
async function showVideo(page: Page): Promise<void> {
  await page.evaluate(`new Promise((resolve) => {
    const video = document.querySelector('video');
    if (!video || video.error) return resolve();
    video.addEventListener('error', resolve, { once: true });
    // The controls show for a moment more that they were waiting.
    video.addEventListener('seeked', () => setTimeout(resolve, 800), { once: true });
    const seek = () => { video.currentTime = video.duration / 2; };
    if (video.readyState > 0) seek();
    else video.addEventListener('loadedmetadata', seek, { once: true });
  })`);
}

async function chooseExample(page: Page): Promise<void> {
  const input = await page.$('#photo-input');
  const files = ['yaw-060.png', 'yaw+000.png', 'yaw+060.png', 'job.json'].map((file) => path.join(EXAMPLE, file));
  await (input as unknown as { uploadFile(...files: string[]): Promise<void> }).uploadFile(...files);
  await page.waitForSelector('.photo-row:nth-child(3) img');
  await page.evaluate(`Promise.all([...document.querySelectorAll('.photo-row img')].map((image) => image.decode()))`);
}

void main();

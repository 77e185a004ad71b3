/**
 * Opens pages in headless Chromium and prints, as JSON, what each does there. A process of its own, because the browser's packages
 * are ES modules: `node --require tsx/cjs test/evaluation/open-in-browser.ts <page.html>...`
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import chromium from '@sparticuz/chromium';
import { type Browser, launch } from 'puppeteer-core';

export interface Seen {
  /** Everything the page asked for, but for itself and what it holds. */
  readonly requests: readonly string[];
  /** Errors and warnings, violations of its own policy among them. */
  readonly complaints: readonly string[];
  readonly videos: readonly { readonly seconds: number; readonly width: number; readonly label: string | null }[];
  /** Pictures that did not load. */
  readonly brokenImages: number;
  /** What the page needs in a window 400 pixels wide: more when it scrolls sideways. */
  readonly widthAt400: number;
  /** Colours of the paper in light and in dark. */
  readonly papers: readonly [light: string, dark: string];
  /** Of the page as it is printed on A4. */
  readonly pdfBytes: number;
}

/** Evaluated in the page, as text: these sources know no browser. */
const VIDEOS = `Promise.all([...document.querySelectorAll('video')].map((video) => new Promise((resolve) => {
  const tell = () => resolve({ seconds: video.duration, width: video.videoWidth, label: video.getAttribute('aria-label') });
  video.onloadeddata = video.onerror = tell;
  video.preload = 'auto';
  if (video.readyState >= 2) tell();
})))`;
const BROKEN_IMAGES = `[...document.images].filter((image) => image.naturalWidth === 0).length`;
const PAPER = `getComputedStyle(document.documentElement).backgroundColor`;

async function look(browser: Browser, file: string): Promise<Seen> {
  const page = await browser.newPage();
  const url = pathToFileURL(path.resolve(file)).href;
  const requests: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (request.url() !== url && !request.url().startsWith('data:')) requests.push(request.url());
  });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.setViewport({ width: 400, height: 800 });
  const papers: string[] = [];
  for (const value of ['light', 'dark']) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value }]);
    await page.goto(url);
    papers.push((await page.evaluate(PAPER)) as string);
  }
  const seen: Seen = {
    requests,
    complaints,
    videos: (await page.evaluate(VIDEOS)) as Seen['videos'],
    brokenImages: (await page.evaluate(BROKEN_IMAGES)) as number,
    widthAt400: (await page.evaluate('document.documentElement.scrollWidth')) as number,
    papers: [papers[0]!, papers[1]!],
    pdfBytes: (await page.pdf({ format: 'A4' })).byteLength,
  };
  await page.close();
  return seen;
}

async function main(files: readonly string[]): Promise<void> {
  const executablePath = await chromium.executablePath();
  const browser = await launch({ executablePath, args: chromium.args, headless: 'shell' });
  try {
    const seen: Seen[] = [];
    for (const file of files) seen.push(await look(browser, file));
    process.stdout.write(JSON.stringify(seen));
  } finally {
    await browser.close();
  }
}

void main(process.argv.slice(2));

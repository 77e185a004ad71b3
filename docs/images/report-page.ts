/**
 * Pictures of a report page as a browser shows it: `npx tsx docs/images/report-page.ts out/ada/report.html`. On a desk in light and
 * dark, on a telephone, and as it is printed; and what it says of faces.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import chromium from '@sparticuz/chromium';
import { launch, type MediaFeature } from 'puppeteer-core';
import sharp from 'sharp';

interface Picture {
  readonly name: string;
  readonly width: number;
  readonly scheme: 'light' | 'dark';
  readonly isPrinted?: boolean;
  /** Of one section, by the id of its heading; of the whole page unless given. */
  readonly section?: string;
}

const PICTURES: readonly Picture[] = [
  { name: 'report-light', width: 1100, scheme: 'light' },
  { name: 'report-dark', width: 1100, scheme: 'dark' },
  { name: 'report-narrow', width: 400, scheme: 'light' },
  { name: 'report-print', width: 760, scheme: 'light', isPrinted: true },
  { name: 'report-faces', width: 1100, scheme: 'light', section: 'faces' },
];

/** Runs in the page: waits for the first picture of every video, or for the word that this browser plays none. */
const SHOW_VIDEOS = `Promise.all([...document.querySelectorAll('video')].map((video) => new Promise((resolve) => {
  video.onloadeddata = video.onerror = resolve;
  video.preload = 'auto';
  if (video.readyState >= 2) resolve();
})))`;

/** Writes one PNG a picture into `folder`. */
async function photograph(page: string, folder: string): Promise<void> {
  const executablePath = await chromium.executablePath();
  const browser = await launch({ executablePath, args: chromium.args, headless: 'shell' });
  try {
    for (const { name, width, scheme, isPrinted, section } of PICTURES) {
      const tab = await browser.newPage();
      await tab.setViewport({ width, height: 800 });
      const features: MediaFeature[] = [{ name: 'prefers-color-scheme', value: scheme }];
      await tab.emulateMediaFeatures(features);
      if (isPrinted) await tab.emulateMediaType('print');
      await tab.goto(pathToFileURL(path.resolve(page)).href);
      await tab.evaluate(SHOW_VIDEOS);
      const part = section === undefined ? null : await tab.$(`section[aria-labelledby=${section}]`);
      const picture = await (part ? part.screenshot() : tab.screenshot({ fullPage: true }));
      await sharp(picture)
        .png({ palette: true })
        .toFile(`${path.join(folder, name)}.png`);
      await tab.close();
    }
  } finally {
    await browser.close();
  }
}

const [page = 'out/ada/report.html', folder = __dirname] = process.argv.slice(2);
void photograph(page, folder);

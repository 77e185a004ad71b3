/**
 * Makes the picture of docs/references.md: uploads, and beside each what a model is fed of it at three sizes of the video.
 *
 *   npx tsx docs/images/references.ts docs/images/references.jpg
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { parseManifest } from '../../contract/manifest';
import { builtInFaces } from '../../faces/face-settings';
import { CancelFlag } from '../../gpu-worker/cancellation';
import { prepareReferences } from '../../gpu-worker/references/prepare';

const ROOT = path.join(__dirname, '../..');
const UPLOADS = [
  'test/fixtures/photos/obama.jpg',
  'test/fixtures/photos/biden.jpg',
  'test/fixtures/photos/astronaut.jpg',
  'examples/ada/yaw+060.png',
];
const VIDEOS = [
  { width: 480, height: 832 },
  { width: 832, height: 480 },
  { width: 128, height: 128 },
];
const HEAD_AND_SHOULDERS = { head: 0.5, eyes: 0.42 };
const ROW = 260;
const GAP = 12;

interface Tile {
  readonly input: Buffer;
  readonly width: number;
}

async function tile(file: string): Promise<Tile> {
  const { data, info } = await sharp(file)
    .autoOrient()
    .flatten({ background: '#fff' })
    .resize({ height: ROW, width: Math.ceil((ROW * 832) / 480), fit: 'inside' })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { input: data, width: info.width };
}

async function main(out: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-references-'));
  try {
    const images = UPLOADS.map((file) => ({ file: path.basename(file) }));
    for (const file of UPLOADS) copyFileSync(path.join(ROOT, file), path.join(folder, path.basename(file)));
    const consent = { confirmed: true, reference: 'in the public domain, and drawn' };
    const reference_set = { subject: 'several', consent, images };
    const job = { schema_version: 1, model: 'any', input: { prompt: 'any' }, reference_set };
    const manifest = parseManifest(new TextEncoder().encode(JSON.stringify(job)));
    const columns = [await Promise.all(UPLOADS.map((file) => tile(path.join(ROOT, file))))];
    for (const video of VIDEOS) {
      const outFolder = mkdtempSync(path.join(folder, 'out-'));
      const settings = {
        numReferences: images.length,
        video,
        preparation: 'cut_out',
        framing: HEAD_AND_SHOULDERS,
        faces: builtInFaces(),
      } as const;
      const { uses } = await prepareReferences(folder, manifest, settings, outFolder, new CancelFlag());
      columns.push(await Promise.all(uses.map(({ fed }) => tile(path.join(outFolder, fed!.file)))));
    }
    let left = GAP;
    const tiles = columns.flatMap((column) => {
      const placed = column.map(({ input }, row) => ({ input, left, top: GAP + row * (ROW + GAP) }));
      left += Math.max(...column.map(({ width }) => width)) + GAP;
      return placed;
    });
    const height = GAP + UPLOADS.length * (ROW + GAP);
    await sharp({ create: { width: left, height, channels: 3, background: '#b8b4ad' } })
      .composite(tiles)
      .jpeg({ quality: 82 })
      .toFile(out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main(process.argv[2] ?? path.join(__dirname, 'references.jpg'));

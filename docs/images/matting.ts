/**
 * Draws docs/images/matting.jpg: people above, cut out on white and on magenta below.
 *
 *   npx tsx docs/images/matting.ts astronaut.png obama.jpg biden.jpg
 *
 * The first comes with the Python package scikit-image (NASA, public domain), the others with the sources of face_recognition
 * (photographs by the White House, public domain). Two drawn heads of test/fixtures/matting follow.
 */
import path from 'node:path';
import sharp from 'sharp';
import { onColor, onWhite } from '../../faces/cut-out';
import { Matting } from '../../faces/matting';
import { type Pixels, readPixels, toSharp } from '../../faces/pixels';

const TILE = 256;
const MAGENTA = [255, 0, 255] as const;
const HEADS = path.join(__dirname, '../../test/fixtures/matting/heads.jpg');
/** Column and row in the sheet. */
const SHOWN = [
  [3, 0],
  [3, 2],
] as const;

async function main(photos: readonly string[]): Promise<void> {
  const heads = SHOWN.map(([column, row]) =>
    sharp(HEADS)
      .extract({ left: 256 * column, top: 256 * row, width: 256, height: 256 })
      .png()
      .toBuffer(),
  );
  const matting = await Matting.open();
  const columns: Pixels[][] = [];
  for (const photo of [...photos, ...(await Promise.all(heads))]) {
    const picture = await readPixels(photo);
    const alpha = await matting.alpha(picture);
    columns.push([picture, onWhite(picture, alpha), onColor(picture, alpha, MAGENTA)]);
  }
  await matting.release();
  const tiles = await Promise.all(
    columns.flatMap((column, x) =>
      column.map(async (picture, y) => ({
        input: await toSharp(picture)
          .resize({ width: TILE, height: TILE, fit: 'cover', position: 'top' })
          .png()
          .toBuffer(),
        left: x * TILE,
        top: y * TILE,
      })),
    ),
  );
  await sharp({ create: { width: columns.length * TILE, height: 3 * TILE, channels: 3, background: 'white' } })
    .composite(tiles)
    .jpeg({ quality: 82 })
    .toFile(path.join(__dirname, 'matting.jpg'));
}

void main(process.argv.slice(2));

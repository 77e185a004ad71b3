/**
 * A contact sheet of a check: every picture as it was looked at, with the face that was found, where it is turned to, and the
 * verdict, in words as well as in the colour and the line of its frame.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp, { type OverlayOptions } from 'sharp';
import { mustBe } from '../contract/field-error';
import { type CheckedImage, type CheckVerdict, type ReferenceCheck, verdictOf } from '../contract/reference-check';
import type { ImageToCheck, ReadImage } from '../faces/check/read-image';
import type { FaceReading } from '../faces/face-reader';
import { type Point, readPixels, toSharp } from '../faces/pixels';
import { folded, measuredText, shortened, summaryLine } from './check-text';
import { UsageError } from './exit-code';
import type { FaceCheck } from './face-check';
import { strokeText, strokeTextWidth } from './stroke-text';

/** Pixels. */
const PICTURE = 320;
const GAP = 20;
const FRAME = 10;
const MAX_COLUMNS = 4;
const TITLE = { size: 15, height: 62 } as const;
const TEXT = { size: 10, height: 22 } as const;
const CELL_WIDTH = PICTURE + 2 * FRAME;

const INK = '#1b2024';
const SOFT = '#59616a';
const PAPER = '#f5f4f0';
/** Each differs from the others in brightness and in its line, too. */
const FRAMES: Record<CheckVerdict, { colour: string; width: number; dash: string }> = {
  ok: { colour: '#1c6b3c', width: 2, dash: 'none' },
  warning: { colour: '#8a6100', width: 4, dash: '14 6' },
  error: { colour: '#a3262a', width: 8, dash: 'none' },
};
/** Codes of what a path can be in place of a file; a full disk is no fault of the path. */
const NOT_A_PLACE: readonly string[] = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EROFS'];
/** Length of the arrow of a full profile, in widths of the face. */
const ARROW_SHARE = 0.5;
/** Shorter ones say nothing. */
const MIN_ARROW = 6;

/** @throws UsageError for a name that is neither a PNG's nor a JPEG's. */
export function requireSheetName(file: string): void {
  if (/\.(png|jpe?g)$/i.test(file)) return;
  throw new UsageError(mustBe('--sheet', 'a file name ending in .png, .jpg or .jpeg', path.basename(file)).message);
}

/** @param file its ending decides the format. */
export async function writeCheckSheet(
  file: string,
  title: string,
  images: readonly ImageToCheck[],
  { check, read }: FaceCheck,
): Promise<void> {
  const columns = Math.min(images.length, MAX_COLUMNS);
  const captions = check.images.map((image, i) => captionOf(image, i, check));
  const captionHeight = Math.max(...captions.map((lines) => lines.length)) * TEXT.height + 8;
  const cellHeight = PICTURE + FRAME + captionHeight;
  const ofSet = check.findings.filter((finding) => finding.file === null);
  const width = columns * CELL_WIDTH + (columns + 1) * GAP;
  const setLines = ofSet.flatMap(({ severity, code, message }) =>
    foldedTo(width - 2 * GAP, `${severity.toUpperCase()} ${code}: ${message}`),
  );
  const setTop = TITLE.height + Math.ceil(images.length / columns) * (cellHeight + GAP);
  const height = setTop + setLines.length * TEXT.height + (setLines.length > 0 ? GAP / 2 : 0);

  const pictures: OverlayOptions[] = [];
  const drawn = [
    strokeText(`${title}   ${summaryLine(check)}`, { x: GAP, y: 40, size: TITLE.size, colour: INK, isBold: true }),
  ];
  for (const [i, { bytes }] of images.entries()) {
    const left = GAP + (i % columns) * (CELL_WIDTH + GAP);
    const top = TITLE.height + Math.floor(i / columns) * (cellHeight + GAP);
    const [pictureLeft, pictureTop] = [left + FRAME, top + FRAME];
    const { input, ...place } = await fitPicture(bytes);
    pictures.push({ input, left: pictureLeft + place.left, top: pictureTop + place.top });
    const verdict = verdictOf(check.findings.filter((finding) => finding.file === check.images[i]!.file));
    drawn.push(
      `<svg x="${pictureLeft}" y="${pictureTop}" width="${PICTURE}" height="${PICTURE}">${faceMarks(read[i]!, place)}</svg>`,
      cellFrame(left, top, cellHeight, verdict),
      ...captions[i]!.map((line, at) => {
        const y = top + FRAME + PICTURE + (at + 1) * TEXT.height - 4;
        return strokeText(line, {
          x: left + FRAME,
          y,
          size: TEXT.size,
          colour: at === 0 ? INK : SOFT,
          isBold: at === 0,
        });
      }),
    );
  }
  drawn.push(
    ...setLines.map((line, i) =>
      strokeText(line, { x: GAP, y: setTop + (i + 0.6) * TEXT.height, size: TEXT.size, colour: INK }),
    ),
  );
  const overlay = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${drawn.join('')}</svg>`,
  );
  const sheet = sharp({ create: { width, height, channels: 3, background: PAPER } })
    .composite([...pictures, { input: overlay }])
    .removeAlpha()
    .toFormat(/\.png$/i.test(file) ? 'png' : 'jpeg');
  await writeFile(file, await sheet.toBuffer()).catch((error: NodeJS.ErrnoException) => {
    if (!NOT_A_PLACE.includes(`${error.code}`)) throw error;
    throw new UsageError(mustBe('--sheet', 'a file that can be written', `${file} (${error.code})`).message);
  });
}

/** Where a picture lies in its square, and how many pixels of the sheet one that was looked at is. */
interface Place {
  readonly left: number;
  readonly top: number;
  readonly scale: number;
}

/** Upright and whole, in the middle of its square. */
async function fitPicture(bytes: Uint8Array): Promise<Place & { input: Buffer }> {
  const picture = await readPixels(bytes);
  const scale = PICTURE / Math.max(picture.width, picture.height);
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const input = await toSharp(picture).resize({ width, height, fit: 'fill' }).png().toBuffer();
  return { input, left: Math.floor((PICTURE - width) / 2), top: Math.floor((PICTURE - height) / 2), scale };
}

/** Number and name, what was measured, and the codes of what was found. */
function captionOf(image: CheckedImage, index: number, { findings }: ReferenceCheck): string[] {
  const codes = findings.filter((finding) => finding.file === image.file).map(({ code }) => code);
  return [
    `${index + 1}  ${shortened(image.file, 28)}`,
    measuredText(image) || 'no face',
    ...foldedTo(PICTURE, codes.join(', ')),
  ].filter((line) => line !== '');
}

/** The boxes of all faces that count, the main one's landmarks, and an arrow to where it looks. */
function faceMarks({ face, faces }: ReadImage, { left, top, scale }: Place): string {
  if (!face) return '';
  const at = ({ x, y }: Point): Point => ({ x: left + x * scale, y: top + y * scale });
  const boxes = faces.flatMap(({ box }) => {
    const { x, y } = at(box);
    const shape = `x="${x}" y="${y}" width="${box.width * scale}" height="${box.height * scale}" fill="none"`;
    return [
      `<rect ${shape} stroke="#000" stroke-opacity=".6" stroke-width="5"/>`,
      `<rect ${shape} stroke="#fff" stroke-width="2"/>`,
    ];
  });
  // As large as the face allows.
  const radius = Math.min(3.5, Math.max(2, (face.box.width * scale) / 35));
  const points = Object.values(face.landmarks).map((point) => {
    const { x, y } = at(point);
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="#fff" stroke="#000" stroke-width="1.2"/>`;
  });
  return [...boxes, ...points, yawArrow(face, at)].join('');
}

/** Level, from the nose: as long as the face is turned. To the right of the picture is the subject's left. */
function yawArrow({ box, landmarks, pose }: FaceReading, at: (point: Point) => Point): string {
  const nose = landmarks.nose ?? { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const { x, y } = at(nose);
  const turned = Math.sin((pose.yaw * Math.PI) / 180) * box.width * ARROW_SHARE;
  const tip = Math.min(Math.max(at({ x: nose.x + turned, y: 0 }).x, 4), PICTURE - 4);
  if (Math.abs(tip - x) < MIN_ARROW) return '';
  const head = Math.sign(tip - x) * Math.min(10, Math.abs(tip - x));
  const data = `M${x} ${y}H${tip}M${tip - head} ${y - 7}L${tip} ${y}L${tip - head} ${y + 7}`;
  const shape = `d="${data}" fill="none" stroke-linecap="round" stroke-linejoin="round"`;
  return `<path ${shape} stroke="#000" stroke-width="7"/><path ${shape} stroke="#ffd84d" stroke-width="3.5"/>`;
}

function cellFrame(left: number, top: number, height: number, verdict: CheckVerdict): string {
  const { colour, width, dash } = FRAMES[verdict];
  const word = verdict.toUpperCase();
  const labelWidth = strokeTextWidth(word, TEXT.size) + 16;
  return [
    `<rect x="${left}" y="${top}" width="${CELL_WIDTH}" height="${height}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-dasharray="${dash}"/>`,
    `<rect x="${left}" y="${top}" width="${labelWidth}" height="26" fill="${colour}"/>`,
    strokeText(word, { x: left + 8, y: top + 18, size: TEXT.size, colour: '#fff', isBold: true }),
  ].join('');
}

function foldedTo(width: number, text: string): string[] {
  return folded(text, (line) => strokeTextWidth(line, TEXT.size) <= width);
}

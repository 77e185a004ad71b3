/** What a check of the faces has found, in lines for people. */
import {
  type CheckedImage,
  type CheckVerdict,
  errorsOf,
  type Finding,
  type ReferenceCheck,
  verdictOf,
  yawText,
} from '../contract/reference-check';
import type { ReadImage } from '../faces/check/read-image';
import type { ProgressOutput } from './progress';
import { textTable } from './text-table';

const HEADING = ['FILE', 'VIEW', 'YAW', 'FACE', 'SHARPNESS', 'NEAREST', 'VERDICT'];
const ALIGN = ['left', 'left', 'right', 'right', 'right', 'right', 'left'] as const;
/** The longest word before a finding, and a space. */
const INDENT = 'accepted '.length;
const MIN_WRAPPED = 40;
const NONE = '-';

const COLOURS: Record<CheckVerdict | 'accepted', number> = { ok: 32, accepted: 33, warning: 33, error: 31 };

/** How lines are set: `columns` is null where lines are as long as their text. */
export interface TextStyle {
  readonly isColoured: boolean;
  readonly columns: number | null;
}

/** Colours and folded lines are for somebody who looks; files and pipes get plain, whole lines. */
export function styleOf({ isTTY, columns = 80 }: ProgressOutput, env: NodeJS.ProcessEnv = process.env): TextStyle {
  return { isColoured: isTTY === true && !env.NO_COLOR, columns: isTTY === true ? columns : null };
}

/** One line an image, then every finding, errors first. */
export function checkLines(check: ReferenceCheck, read: readonly ReadImage[], style: TextStyle): string[] {
  const findings = check.findings.flatMap((finding) => findingLines(finding, style));
  return [...tableLines(check, read, style), ...(findings.length > 0 ? ['', ...findings] : []), '', summaryLine(check)];
}

/** "Not usable: 1 error, 2 warnings." */
export function summaryLine({ findings }: ReferenceCheck): string {
  const errors = errorsOf({ findings }).length;
  const counts = [counted(errors, 'error'), counted(findings.length - errors, 'warning')].filter(Boolean).join(', ');
  const usable = errors > 0 ? 'Not usable' : 'Usable';
  return counts === '' ? `${usable}.` : `${usable}: ${counts}.`;
}

/** "55° right, 170 px, 0.71 to the nearest": what was measured, as far as there is a face. */
export function measuredText({ yaw, face_width, similarity }: CheckedImage): string {
  const parts = [
    yaw !== null && yawText(yaw),
    face_width !== null && `${face_width} px`,
    similarity !== null && `${similarity.toFixed(2)} to the nearest`,
  ];
  return parts.filter((part) => part !== false).join(', ');
}

function tableLines({ images, findings }: ReferenceCheck, read: readonly ReadImage[], style: TextStyle): string[] {
  const verdicts = images.map(({ file }) => verdictOf(findings.filter((finding) => finding.file === file)));
  const rows = images.map((image, i) => [...cells(image, read[i]?.image.view), verdicts[i]!]);
  const [heading, ...lines] = textTable([HEADING, ...fitted(rows, style.columns)], ALIGN);
  return [
    heading!,
    ...lines.map((line, i) => {
      const verdict = verdicts[i]!;
      return line.slice(0, line.length - verdict.length) + coloured(verdict, verdict, style);
    }),
  ];
}

function cells({ file, yaw, face_width, sharpness, similarity }: CheckedImage, view: string = NONE): string[] {
  return [
    file,
    view,
    yaw === null ? NONE : yawText(yaw),
    face_width === null ? NONE : `${face_width} px`,
    sharpness === null ? NONE : String(Math.round(sharpness)),
    similarity === null ? NONE : similarity.toFixed(2),
  ];
}

/** Long names give way, in their middle, so that a row stays on its line. */
function fitted(rows: string[][], columns: number | null): string[][] {
  if (columns === null) return rows;
  const rest = Math.max(
    ...textTable([HEADING, ...rows].map((row) => ['', ...row.slice(1)])).map((line) => line.length),
  );
  const room = Math.max(8, columns - rest);
  return rows.map(([name = '', ...row]) => [shortened(name, room), ...row]);
}

/** @param length of the longest that stays whole. */
export function shortened(name: string, length: number): string {
  const characters = [...name];
  if (characters.length <= length) return name;
  const tail = Math.floor((length - 3) / 2);
  return `${characters.slice(0, length - 3 - tail).join('')}...${characters.slice(-tail).join('')}`;
}

function findingLines({ severity, accepted, code, message }: Finding, style: TextStyle): string[] {
  const word = accepted ? 'accepted' : severity;
  const width = Math.max((style.columns ?? Infinity) - INDENT, MIN_WRAPPED);
  const [first, ...rest] = folded(`${code}: ${message}`, (line) => line.length <= width);
  return [`${coloured(word.padEnd(INDENT), word, style)}${first}`, ...rest.map((line) => ' '.repeat(INDENT) + line)];
}

/** A text in lines between its words, each as long as `fits` lets it be. */
export function folded(text: string, fits: (line: string) => boolean): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && fits(longer)) lines.splice(-1, 1, longer);
    else lines.push(word);
  }
  return lines;
}

function counted(count: number, noun: string): string {
  if (count === 0) return '';
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function coloured(text: string, word: keyof typeof COLOURS, { isColoured }: TextStyle): string {
  return isColoured ? `\u001b[${COLOURS[word]}m${text}\u001b[0m` : text;
}

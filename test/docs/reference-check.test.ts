/** docs/reference-check.md lists every finding with its severity, in the order of the contract, and the thresholds that are in force. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ERROR_CODES, FINDING_CODES, type FindingCode, WARNING_CODES } from '../../contract/reference-check';
import * as limits from '../../faces/check/thresholds';
import { EMBEDDER_PRESETS } from '../../faces/embedder-presets';

const PAGE = readFileSync(path.resolve(__dirname, '../../docs/reference-check.md'), 'utf8');
const { same, different } = EMBEDDER_PRESETS.faceres.thresholds;

/** The numbers of each rule; a share that the page tells in percent is one here, too. */
const NUMBERS: Record<FindingCode, readonly number[]> = {
  no_face: [],
  several_faces: [100 * limits.SECOND_FACE_SHARE],
  small_face: [limits.MIN_FACE_WIDTH],
  no_frontal_view: [limits.FRONTAL_YAW],
  different_person: [different],
  unsure_person: [same],
  same_picture: [limits.SAME_PICTURE.degrees, limits.SAME_PICTURE.similarity],
  low_resolution_face: [limits.GOOD_FACE_WIDTH],
  blurred_face: [limits.MIN_SHARPNESS],
  extreme_roll: [limits.MAX_ROLL],
  grey_picture: [limits.GREY_CHROMA],
  covered_eyes: [100 * limits.BARE_EYES.skin, limits.BARE_EYES.contrast, limits.MAX_SIGNS_YAW],
  covered_mouth: [100 * limits.BARE_MOUTH.skin, limits.BARE_MOUTH.contrast, limits.MAX_SIGNS_YAW],
  drawn_face: [limits.MIN_TEXTURE_RATIO],
  view_differs: [limits.FRONTAL_YAW],
  duplicate_view: [limits.DUPLICATE_YAW, limits.DUPLICATE_PITCH],
  little_spread: [limits.MIN_SPREAD],
  one_sided: [limits.SIDE_YAW],
};

test.each([
  ['Errors', ERROR_CODES],
  ['Warnings', WARNING_CODES],
] as const)('%s', (heading, codes) => {
  expect(rowsUnder(heading).map(([code]) => code)).toEqual(codes.map((code) => `\`${code}\``));
});

test.each(FINDING_CODES)('%s: its thresholds', (code) => {
  const row = [...rowsUnder('Errors'), ...rowsUnder('Warnings')].find(([name]) => name === `\`${code}\``);
  const told = [...(row?.[2] ?? '').matchAll(/\d+(?:\.\d+)?/g)].map(([number]) => Number(number));
  expect(told).toEqual(expect.arrayContaining([...NUMBERS[code]]));
});

function rowsUnder(heading: string): string[][] {
  const section = PAGE.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

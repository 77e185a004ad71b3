/** `mv2id faces calibrate`: how well the embedder at hand tells the people of a folder apart, and which thresholds fit it. */
import { stat } from 'node:fs/promises';
import { mustBe } from '../../contract/field-error';
import {
  type Calibration,
  calibrate,
  type PairFigures,
  PROPOSED_ERROR_SHARE,
} from '../../evaluation/calibrate/calibration';
import { type LeftOut, readPeople } from '../../evaluation/calibrate/read-people';
import { FaceReader } from '../../faces/face-reader';
import { builtInFaces, readFaceSettings } from '../../faces/face-settings';
import { UsageError } from '../exit-code';
import { writeJson } from '../json-line';
import { createProgress } from '../progress';
import type { Streams } from '../streams';
import { textTable } from '../text-table';

export interface CalibrateOptions {
  readonly faces?: string;
  readonly json?: true;
  readonly threads: number;
}

/** @throws UsageError when there are not two people, one of whom has two pictures. */
export async function runCalibrate(
  folder: string,
  options: CalibrateOptions,
  { stdout, stderr }: Streams,
): Promise<void> {
  const { faces, json, threads } = options;
  const status = await stat(folder).catch((error: NodeJS.ErrnoException) => String(error.code));
  if (typeof status === 'string' || !status.isDirectory()) {
    const got = `${folder} (${typeof status === 'string' ? status : 'a file'})`;
    throw new UsageError(mustBe('folder', 'a folder with a folder of pictures for each person', got).message);
  }
  const settings = faces === undefined ? builtInFaces() : await readFaceSettings(faces);
  const reader = await FaceReader.open(settings, threads);
  const progress = createProgress(stderr);
  try {
    progress.begin('Reading');
    const { pictures, leftOut } = await readPeople(reader, folder, (done, total) =>
      progress.update(done, total, 'picture'),
    );
    progress.end();
    const calibration = calibrate(pictures);
    if (!calibration.proposal) {
      const { people, samePairs } = calibration;
      const rule = 'folders of at least two people, one of them with two pictures';
      const got = `${folder} (${people} with a face, ${samePairs} pairs of one person)`;
      throw new UsageError(mustBe('folder', rule, got).message);
    }
    if (json) writeJson(stdout, { measured_with: reader.id, ...toJson(calibration), left_out: leftOut });
    else for (const line of calibrationLines(calibration, reader.id, leftOut)) stdout.write(`${line}\n`);
  } finally {
    progress.end();
    await reader.release();
  }
}

function calibrationLines(calibration: Calibration, measuredWith: string, leftOut: readonly LeftOut[]): string[] {
  const { people, pictures, byYawDifference, impostor, setCheck, differentPairs, samePairs } = calibration;
  const rows = [
    ['pairs', 'same', 'different', 'AUC', 'EER'],
    pairRow('all', calibration),
    ...byYawDifference.map((bin) =>
      pairRow(bin.to > 180 ? `yaws over ${bin.from} apart` : `yaws ${bin.from} to ${bin.to} apart`, bin),
    ),
  ];
  const errors = `${100 * PROPOSED_ERROR_SHARE} %`;
  const fewPairs = Math.min(samePairs, differentPairs) * PROPOSED_ERROR_SHARE < 1;
  return [
    ...leftOut.map(({ file, reason }) => `Left out: ${file} (${reason})`),
    `${people} people, ${pictures} pictures, measured with ${measuredWith}`,
    ...textTable(rows, ['left', 'right', 'right', 'right', 'right']),
    `Other people score ${cosine(impostor)} on average.`,
    ...(setCheck
      ? [
          'Set check (a picture against the closest of a set):',
          `  from ${cosine(setCheck.threshold)} on, ${percent(setCheck.falseAccepts)} of ${setCheck.intruders} intruders pass, ` +
            `${percent(setCheck.falseRejects)} of ${setCheck.ownPictures} own pictures do not.`,
        ]
      : []),
    '',
    'For "embedder" in faces.json:',
    `  ${JSON.stringify(proposedKeys(calibration)).slice(1, -1).replaceAll('":', '": ').replaceAll(',"', ', "')}`,
    `same: at most ${errors} of intruders reach it in the set check.`,
    `different: at most ${errors} of the pairs of one person lie below it.`,
    ...(calibration.proposal?.same === calibration.proposal?.different
      ? ['Nothing lies between the two kinds of pairs here: both are the middle.']
      : []),
    ...(fewPairs
      ? [
          `With so few pairs (${Math.min(samePairs, differentPairs)}), ${errors} is none of them: more people make it surer.`,
        ]
      : []),
  ];
}

function proposedKeys({ proposal, impostor }: Calibration) {
  return { thresholds: proposal, impostor: impostor === null ? undefined : Number(impostor.toFixed(3)) };
}

function pairRow(name: string, { samePairs, differentPairs, auc, eer }: PairFigures): string[] {
  return [name, String(samePairs), String(differentPairs), cosine(auc), eer === null ? '-' : percent(eer)];
}

function toJson(calibration: Calibration) {
  const { people, pictures, byYawDifference, impostor, setCheck } = calibration;
  return {
    people,
    pictures,
    pairs: pairJson(calibration),
    pairs_by_yaw_difference: byYawDifference.map((bin) => ({
      from: bin.from,
      to: bin.to > 180 ? null : bin.to,
      ...pairJson(bin),
    })),
    impostor,
    set_check: setCheck && {
      threshold: setCheck.threshold,
      false_accepts: setCheck.falseAccepts,
      false_rejects: setCheck.falseRejects,
      own_pictures: setCheck.ownPictures,
      intruders: setCheck.intruders,
    },
    embedder: proposedKeys(calibration),
  };
}

function pairJson({ samePairs, differentPairs, auc, eer }: PairFigures) {
  return { same: samePairs, different: differentPairs, auc, eer };
}

function cosine(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** `mv2id evaluate`: how much the person of a video is the person of the references, and how the head moves. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { evaluateCases } from '../evaluation/evaluate/evaluate-cases';
import { FaceReader } from '../faces/face-reader';
import { builtInFaces, readFaceSettings } from '../faces/face-settings';
import { writeWholeFile } from '../gpu-worker/whole-file';
import { evaluationCsv } from './evaluate/evaluation-csv';
import { methodLines, videoLines } from './evaluate/evaluation-text';
import { findCases } from './evaluate/find-cases';
import { EXIT_USAGE } from './exit-code';
import { writeJson } from './json-line';
import { makeOutFolder } from './out-folder';
import { createProgress } from './progress';
import type { Streams } from './streams';

export interface EvaluateOptions {
  readonly references: string;
  readonly faces?: string;
  readonly out?: string;
  readonly json?: true;
  readonly threads: number;
}

/**
 * @param input a video, or a folder of them; see evaluate/find-cases.ts.
 * @returns the exit code: that of bad input where a video or the references have a fault, once all the others are measured.
 */
export async function runEvaluate(
  input: string,
  options: EvaluateOptions,
  { stdout, stderr }: Streams,
): Promise<number> {
  const { references, faces, out, json, threads } = options;
  const cases = await findCases(input, references);
  if (out !== undefined) await makeOutFolder(out);
  const settings = faces === undefined ? builtInFaces() : await readFaceSettings(faces);
  const reader = await FaceReader.open(settings, threads);
  const progress = createProgress(stderr);
  try {
    if (cases.length > 1) progress.begin('Evaluating');
    let done = 0;
    const evaluation = await evaluateCases(reader, cases, async (video, frames) => {
      if (out !== undefined) {
        const folder = path.join(out, 'frames', video.method);
        await mkdir(folder, { recursive: true });
        await writeWholeFile(path.join(folder, `${video.case}.json`), jsonText({ ...video, frames }));
      }
      if (cases.length > 1) progress.update(++done, cases.length, 'video');
    });
    progress.end();
    if (out !== undefined) {
      await writeWholeFile(path.join(out, 'evaluation.json'), jsonText(evaluation));
      await writeWholeFile(path.join(out, 'evaluation.csv'), evaluationCsv(evaluation.videos));
    }
    if (json) writeJson(stdout, evaluation);
    else {
      const lines = cases.length === 1 ? videoLines(evaluation) : methodLines(evaluation);
      for (const line of lines) stdout.write(`${line}\n`);
      if (out !== undefined) stdout.write(`${path.join(out, 'evaluation.json')}\n`);
    }
    const findings = [...evaluation.videos, ...evaluation.references].flatMap((found) => found.findings);
    return findings.some(({ severity }) => severity === 'fault') ? EXIT_USAGE : 0;
  } finally {
    progress.end();
    await reader.release();
  }
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

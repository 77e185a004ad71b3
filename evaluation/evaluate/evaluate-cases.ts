/** Videos of any number of methods on the same cases, and what each method scores. */
import type { OutputFaces } from '../../contract/report-faces';
import type { FaceReader } from '../../faces/face-reader';
import { referenceFigures } from '../face-figures';
import { evaluateVideo, type VideoEvaluation, type VideoFigures } from './evaluate-video';
import type { EvaluationFinding } from './finding';
import { impostorBaseline, impostorsOf } from './impostors';
import { type ReferencePictures, readReferencePictures } from './reference-pictures';
import { type FigureName, type MeanOverCases, summarise } from './summary';

/** One video and the pictures it is compared with. */
export interface EvaluationCase {
  readonly method: string;
  readonly name: string;
  /** Files. */
  readonly video: string;
  readonly references: string;
}

/** evaluation.json. Shares are 0..1, times are seconds, angles are degrees; null is what cannot be measured. */
export interface Evaluation {
  readonly schema_version: 1;
  /** What the mean identity may be called: MvRC-Arc only where an ArcFace measured it. */
  readonly identity_figure: string;
  /** Detector and embedder with their files' hashes: figures of different ones must not share a column. */
  readonly measured_with: string;
  readonly calibration: { readonly same: number; readonly different: number };
  readonly impostor: {
    readonly cosine: number;
    readonly source: 'references_of_other_cases' | 'calibration_of_the_embedder';
    readonly pairs: number | null;
  } | null;
  readonly methods: readonly {
    readonly method: string;
    readonly cases: number;
    readonly figures: Readonly<
      Record<FigureName, { mean: number; low: number | null; high: number | null; cases: number } | null>
    >;
  }[];
  readonly videos: readonly EvaluatedVideo[];
  readonly references: readonly {
    readonly folder: string;
    readonly pictures: readonly ReturnType<typeof referenceFigures>[];
    readonly findings: readonly EvaluationFinding[];
  }[];
}

export interface EvaluatedVideo {
  readonly method: string;
  readonly case: string;
  readonly file: string;
  readonly codec: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly duration_seconds: number | null;
  /** Null of a file that shows no picture. */
  readonly figures:
    | (Pick<OutputFaces, 'identity' | 'coverage' | 'experimental'> & { correlation_excess: number | null })
    | null;
  readonly findings: readonly EvaluationFinding[];
}

/** @param onVideo after each video, with its frames, which are not kept. */
export async function evaluateCases(
  reader: FaceReader,
  cases: readonly EvaluationCase[],
  onVideo: (video: EvaluatedVideo, frames: OutputFaces['frames']) => Promise<void>,
): Promise<Evaluation> {
  const folders = [...new Set(cases.map(({ references }) => references))];
  const pictures = new Map<string, ReferencePictures>();
  for (const folder of folders) pictures.set(folder, await readReferencePictures(reader, folder));
  const people = folders.map((folder) => pictures.get(folder)!.faces);
  const { thresholds, impostor } = reader.embedderSettings;
  const baseline = impostorBaseline(people, impostor);

  const videos: EvaluatedVideo[] = [];
  const figures = new Map<string, (VideoFigures | null)[]>();
  for (const found of cases) {
    const evaluation = await evaluateVideo(reader, found.video, {
      references: pictures.get(found.references)!.faces,
      impostors: impostorsOf(folders.indexOf(found.references), people),
      impostorCosine: baseline?.cosine,
    });
    const video = describeVideo(found, evaluation);
    videos.push(video);
    const own = evaluation.figures && { ...evaluation.figures, frames: [] };
    figures.set(found.method, [...(figures.get(found.method) ?? []), own]);
    await onVideo(video, evaluation.figures?.frames ?? []);
  }
  return {
    schema_version: 1,
    identity_figure: identityFigure(reader),
    measured_with: reader.id,
    calibration: thresholds,
    impostor: baseline && { cosine: round(baseline.cosine), source: baseline.source, pairs: baseline.numPairs },
    methods: [...figures].map(([method, own]) => ({
      method,
      cases: own.length,
      figures: describeMeans(summarise(own)),
    })),
    videos,
    references: folders.map((folder) => {
      const { files, faces, findings } = pictures.get(folder)!;
      return { folder, pictures: files.map((file, i) => referenceFigures(file, faces[i]!)), findings };
    }),
  };
}

/** The paper's name is for its own kind of embedder. */
export function identityFigure({ embedderSettings: { id, arcface } }: Pick<FaceReader, 'embedderSettings'>): string {
  return arcface ? 'MvRC-Arc' : `MvRC (${id})`;
}

function describeVideo(
  { method, name, video }: EvaluationCase,
  { info, figures, findings }: VideoEvaluation,
): EvaluatedVideo {
  return {
    method,
    case: name,
    file: video,
    codec: info?.codec ?? null,
    width: info?.width ?? null,
    height: info?.height ?? null,
    duration_seconds: info && round(info.durationSeconds),
    figures: figures && {
      identity: figures.identity,
      coverage: figures.coverage,
      experimental: figures.experimental,
      correlation_excess: figures.correlationExcess,
    },
    findings,
  };
}

function describeMeans(means: Record<FigureName, MeanOverCases | null>): Evaluation['methods'][number]['figures'] {
  const entries = Object.entries(means).map(([name, found]) => {
    if (!found) return [name, null];
    const { mean, interval, numCases } = found;
    const [low, high] = interval ? [round(interval.low), round(interval.high)] : [null, null];
    return [name, { mean: round(mean), low, high, cases: numCases }];
  });
  return Object.fromEntries(entries);
}

function round(value: number): number {
  return Number(value.toFixed(3)) + 0;
}

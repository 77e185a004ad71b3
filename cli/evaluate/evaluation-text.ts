/** An evaluation as text, at most 80 columns wide where names are short. */
import type { EvaluatedVideo, Evaluation } from '../../evaluation/evaluate/evaluate-cases';
import type { EvaluationFinding } from '../../evaluation/evaluate/finding';
import type { FigureName } from '../../evaluation/evaluate/summary';
import { textTable } from '../text-table';

type Method = Evaluation['methods'][number];

const UNKNOWN = '-';
const RIGHT = (columns: number) => ['left' as const, ...Array.from({ length: columns }, () => 'right' as const)];

/** What a video alone scores. */
export function videoLines(evaluation: Evaluation): string[] {
  const [video] = evaluation.videos;
  if (!video) return [];
  const { figures, codec, width, height, duration_seconds } = video;
  if (!figures) return findingLines(evaluation);
  const { identity, coverage, experimental, correlation_excess } = figures;
  const yaw = coverage.yaw_min === null ? UNKNOWN : `${whole(coverage.yaw_min)} to ${whole(coverage.yaw_max)} degrees`;
  const references = evaluation.references[0]!.pictures.filter(({ faces }) => faces > 0).length;
  const rows = [
    [
      evaluation.identity_figure,
      number(identity.mean),
      `mean cosine of ${counted(identity.frames, 'frame')} with ${counted(references, 'reference')}`,
    ],
    ['best reference', number(identity.max), 'mean over the frames'],
    ['normalised', number(identity.normalised), '0 is another person, 1 the same picture'],
    [
      'no face',
      percent(share(coverage.frames_without_face, coverage.frames)),
      `${coverage.frames_without_face} of ${counted(coverage.frames, 'frame')}`,
    ],
    ['beyond 30 degrees', percent(coverage.beyond_30_share), `yaw ${yaw}`],
    ['beyond 60 degrees', percent(coverage.beyond_60_share), ''],
    ['beyond references', percent(coverage.beyond_references_share), 'turned further than any of them'],
  ];
  const experiments = [
    ['near duplicates', percent(experimental.near_duplicate_share), 'frames that repeat a reference'],
    ['correlation', number(experimental.correlation), 'of the head with the closest reference'],
    ['its excess', number(correlation_excess), "over other people's references"],
    ['yaw jumps', perSecond(experimental.yaw_jumps_per_second), 'a second'],
    ['identity breaks', perSecond(experimental.identity_breaks_per_second), 'a second'],
    ['yaw acceleration', whole(experimental.yaw_acceleration_rms), 'degrees / s^2, smoothed'],
  ];
  const table = textTable([...rows, ...experiments], ['left', 'right']).map((line) => `  ${line}`);
  return [
    `${video.file}  ${codec}, ${width} x ${height}, ${duration_seconds} s`,
    ...table.slice(0, rows.length),
    'Experimental:',
    ...table.slice(rows.length),
    ...findingLines(evaluation),
    ...measuredLines(evaluation),
  ];
}

/** What each method scores over its cases. */
export function methodLines(evaluation: Evaluation): string[] {
  const { methods, identity_figure } = evaluation;
  const identity = [
    ['method', 'cases', `${identity_figure} [95 %]`, 'best', 'norm.', 'no face', '>60'],
    ...methods.map((method) => [
      method.method,
      casesText(method),
      withInterval(method, 'identity_mean', number),
      of(method, 'identity_max', number),
      of(method, 'identity_normalised', number),
      of(method, 'faceless_share', percent),
      of(method, 'beyond_60_share', percent),
    ]),
  ];
  const experimental = [
    ['method', 'near dup.', 'excess [95 %]', 'jumps/s', 'breaks/s', 'accel.'],
    ...methods.map((method) => [
      method.method,
      of(method, 'near_duplicate_share', percent),
      withInterval(method, 'correlation_excess', number),
      of(method, 'yaw_jumps_per_second', perSecond),
      of(method, 'identity_breaks_per_second', perSecond),
      of(method, 'yaw_acceleration_rms', whole),
    ]),
  ];
  return [
    ...textTable(identity, RIGHT(6)),
    '',
    'Experimental:',
    ...textTable(experimental, RIGHT(5)),
    '',
    ...findingLines(evaluation),
    ...measuredLines(evaluation),
  ];
}

/** With what it was measured, and what that means. */
function measuredLines({ measured_with, calibration, impostor, identity_figure }: Evaluation): string[] {
  const lines = [
    `Measured with ${measured_with}.`,
    `Its calibration: the same person from ${number(calibration.same)}, another below ${number(calibration.different)}.`,
    impostorText(impostor),
  ];
  return identity_figure === 'MvRC-Arc'
    ? lines
    : [...lines, 'It is no ArcFace: its figures are not those of papers, nor of other embedders.'];
}

function impostorText(impostor: Evaluation['impostor']): string {
  if (!impostor) return 'What other people score is not known.';
  const source =
    impostor.source === 'references_of_other_cases'
      ? `${counted(impostor.pairs!, 'pair')} of references of different cases`
      : "the embedder's calibration";
  return `Other people score ${number(impostor.cosine)} (${source}).`;
}

function findingLines({ videos, references }: Evaluation): string[] {
  const ofVideos = videos.flatMap((video) => video.findings.map((found) => findingLine(nameOf(video, videos), found)));
  const ofReferences = references.flatMap(({ folder, findings }) =>
    findings.map((found) => findingLine(folder, found)),
  );
  return [...ofReferences, ...ofVideos];
}

function findingLine(subject: string, { code, severity, message }: EvaluationFinding): string {
  return `${severity === 'fault' ? 'Fault' : 'Note'}: ${subject}: ${code}: ${message}`;
}

function nameOf({ method, case: name, file }: EvaluatedVideo, videos: readonly EvaluatedVideo[]): string {
  return videos.length === 1 ? file : `${method}/${name}`;
}

/** Cases without identity are not hidden behind the others' mean. */
function casesText({ cases, figures }: Method): string {
  const measured = figures.identity_mean?.cases ?? 0;
  return measured === cases ? String(cases) : `${measured} of ${cases}`;
}

function of({ figures }: Method, name: FigureName, format: (value: number | null) => string): string {
  return format(figures[name]?.mean ?? null);
}

function withInterval({ figures }: Method, name: FigureName, format: (value: number | null) => string): string {
  const found = figures[name];
  if (!found) return UNKNOWN;
  return found.low === null
    ? format(found.mean)
    : `${format(found.mean)} [${format(found.low)}, ${format(found.high)}]`;
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function number(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(3);
}

function perSecond(value: number | null): string {
  return value === null ? UNKNOWN : value.toFixed(2);
}

function whole(value: number | null): string {
  return value === null ? UNKNOWN : String(Math.round(value) + 0);
}

function percent(value: number | null): string {
  return value === null ? UNKNOWN : `${Math.round(100 * value)} %`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

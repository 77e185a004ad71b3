/** evaluation.csv: a row for each video, for spreadsheets and scripts. */
import type { EvaluatedVideo } from '../../evaluation/evaluate/evaluate-cases';
import { FIGURE_NAMES, FIGURES } from '../../evaluation/evaluate/summary';

/** RFC 4180. What is not known stays empty; findings are their codes. */
export function evaluationCsv(videos: readonly EvaluatedVideo[]): string {
  const heading = ['method', 'case', 'duration_seconds', 'frames', 'identity_frames', ...FIGURE_NAMES, 'findings'];
  const rows = videos.map(({ method, case: name, duration_seconds, figures, findings }) => [
    method,
    name,
    duration_seconds,
    figures?.coverage.frames,
    figures?.identity.frames,
    ...FIGURE_NAMES.map(
      (figure) => figures && FIGURES[figure]({ ...figures, frames: [], correlationExcess: figures.correlation_excess }),
    ),
    findings.map(({ code }) => code).join(' '),
  ]);
  return [heading, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

function cell(value: string | number | null | undefined): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Whose face it is and how it turns, video by video, with what that was measured. */
import { yawText } from '../../contract/reference-check';
import type { Report } from '../../contract/report';
import type { OutputFaces, ReportFaces } from '../../contract/report-faces';
import { frameIdentities } from '../metrics/identity';
import { extremeFigures } from './extremes';
import { type Html, type HtmlValue, html } from './html';
import { lineChart } from './line-chart';
import type { ReportMedia } from './media';
import { cosineText, countText, durationText, numberText, percentText } from './quantities';
import { swatchLine } from './stacked-bar';
import { factTable } from './table';
import { trajectoryFigure } from './trajectory';
import { yawHistogram } from './yaw-histogram';

const YAW_TICK = 30;
const TIME = {
  axis: '',
  tickText: durationText,
  inWords: durationText,
  spanInWords: (first: number, last: number) => `${durationText(first)} to ${durationText(last)}`,
};
const NOT_MEASURED = 'not measured';

export function facesSection(report: Report, media: ReportMedia): Html {
  const { faces, outputs } = report;
  const several = outputs.length > 1;
  return html`<section class="wide" aria-labelledby="faces">
<h2 id="faces">Identity and angle</h2>
${
  faces === null
    ? html`<p>Not measured.</p>`
    : html`${faces.outputs.map((output, i) => {
        const name = several ? `Video ${i + 1}` : 'Video';
        return html`${several && html`<h3 class="output-name">${name}, seed ${outputs[i]?.seed ?? ''}</h3>`}${outputFigures(faces, output, i, extremeFigures(output, media.extremes[i], name))}`;
      })}
${measuredWith(faces)}`
}
</section>`;
}

function outputFigures(faces: ReportFaces, output: OutputFaces, index: number, extremes: Html | null): Html {
  const { frames, coverage } = output;
  const hasFace = coverage.frames > coverage.frames_without_face;
  if (!hasFace) {
    return html`<p class="note">No face was found in ${coverage.frames === 1 ? 'the one frame' : `any of the ${coverage.frames} frames`}.</p>`;
  }
  const { references } = faces;
  const id = `faces-${index + 1}`;
  return html`<div class="charts faces">
${identityChart(id, faces, frames)}
${yawChart(id, frames, references)}
${trajectoryFigure(`${id}-trajectory`, output, references)}
${yawHistogram(`${id}-histogram`, output, references)}
</div>
<div class="figures">
${extremes}
<div><h4>Identity</h4>${identityTable(faces, output)}</div>
<div><h4>Angle</h4>${coverageTable(output)}</div>
<div><h4>Copying and motion <span class="tag">experimental</span></h4>${experimentalTable(output)}</div>
</div>`;
}

function identityChart(id: string, { calibration }: ReportFaces, frames: OutputFaces['frames']): Html | null {
  const measured = frameIdentities(frames);
  if (measured.length === 0) {
    return html`<figure class="chart"><figcaption>Similarity to the references</figcaption><p class="note">In none of the references was a face found: there is nothing to compare with.</p></figure>`;
  }
  const { same, impostor } = calibration;
  const chart = lineChart({
    id: `${id}-identity`,
    title: 'Similarity to the references, cosine',
    lines: [
      { name: 'mean, ', points: measured.map(({ time, mean }) => [time, mean] as const) },
      { name: 'best reference, ', points: measured.map(({ time, max }) => [time, max] as const) },
    ],
    rules: [
      { name: 'same person', value: same },
      ...(impostor === null ? [] : [{ name: 'other people', value: impostor }]),
    ],
    span: [frames[0]!.time, frames.at(-1)!.time],
    valueText: numberText,
    x: TIME,
  });
  return html`<div>${chart}<p class="key">${swatchLine(0)}mean over the references ${swatchLine(1)}best reference</p></div>`;
}

function yawChart(id: string, frames: OutputFaces['frames'], references: ReportFaces['references']): Html {
  const rules = references.flatMap(({ yaw }, i) =>
    yaw === null ? [] : [{ name: `${i + 1}`, value: yaw, className: 'reference' }],
  );
  const yaws = [...frames.flatMap(({ face }) => face?.yaw ?? []), ...rules.map(({ value }) => value)];
  const low = Math.min(-1, Math.floor(Math.min(...yaws) / YAW_TICK));
  const high = Math.max(1, Math.ceil(Math.max(...yaws) / YAW_TICK));
  const chart = lineChart({
    id: `${id}-yaw`,
    title: 'Yaw, up is to the subject’s left',
    lines: [{ name: '', points: frames.map(({ time, face }) => [time, face?.yaw ?? null] as const) }],
    rules,
    ticks: Array.from({ length: high - low + 1 }, (_, i) => (low + i) * YAW_TICK),
    valueText: (yaw) => `${Math.round(yaw)}°`,
    x: TIME,
  });
  const key =
    rules.length > 0 &&
    html`<p class="key"><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><line class="rule reference" x1="0" x2="10" y1="5" y2="5"/></svg>reference, by its number</p>`;
  return html`<div>${chart}${key}</div>`;
}

function identityTable({ measured_with, is_arcface }: ReportFaces, { identity }: OutputFaces): Html {
  const { mean, max, normalised, frames } = identity;
  return factTable(`Identity, measured with ${measured_with}`, [
    [is_arcface ? 'Mean (MvRC-Arc)' : 'Mean (MvRC)', orDash(mean, cosineText)],
    ['Best reference', orDash(max, cosineText)],
    ['Normalised', orDash(normalised, cosineText)],
    ['Measured in', countText(frames, 'frame')],
  ]);
}

function coverageTable({ coverage }: OutputFaces): Html {
  const { frames, frames_without_face, frames_with_several_faces, yaw_min, yaw_max } = coverage;
  const range = yaw_min === null || yaw_max === null ? NOT_MEASURED : `${yawText(yaw_min)} to ${yawText(yaw_max)}`;
  return factTable('Angles', [
    ['Yaw', range],
    ['Beyond 30°', orDash(coverage.beyond_30_share, percentText)],
    ['Beyond 60°', orDash(coverage.beyond_60_share, percentText)],
    ['Beyond the references', orDash(coverage.beyond_references_share, percentText)],
    ['Without a face', `${frames_without_face} of ${countText(frames, 'frame')}`],
    ['Several faces', countText(frames_with_several_faces, 'frame')],
  ]);
}

function experimentalTable({ experimental }: OutputFaces): Html {
  return factTable('Copying and motion, experimental', [
    ['Near-duplicates', orDash(experimental.near_duplicate_share, percentText)],
    ['Closest correlation', orDash(experimental.correlation, cosineText)],
    ['Yaw jumps', orDash(experimental.yaw_jumps_per_second, (rate) => `${numberText(rate)} a second`)],
    ['Identity breaks', orDash(experimental.identity_breaks_per_second, (rate) => `${numberText(rate)} a second`)],
    ['Yaw acceleration', orDash(experimental.yaw_acceleration_rms, (rms) => `${numberText(rms)} °/s² RMS`)],
  ]);
}

function measuredWith({ measured_with, calibration, references }: ReportFaces): Html {
  const { same, different, impostor } = calibration;
  const others =
    impostor === null ? '' : ` Different people have ${numberText(impostor)} on average, which normalised is 0.`;
  const without = references.filter(({ faces }) => faces === 0).map(({ file }) => file);
  return html`<p class="note measured">Measured with <code>${measured_with}</code>. With it two faces count as one person's from a cosine of ${numberText(same)}, and as two people's below ${numberText(different)}.${others} Figures of another embedder do not compare.${without.length > 0 && ` No face was found in ${without.join(', ')}.`}</p>`;
}

function orDash(value: number | null, text: (value: number) => string): HtmlValue {
  return value === null ? NOT_MEASURED : text(value);
}

/** How the denoising went, step by step. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { lineChart } from './line-chart';
import { durationText, numberText } from './quantities';
import { swatchLine } from './stacked-bar';
import { numberTable } from './table';

type Output = Report['outputs'][number];
type Step = Output['steps'][number];

const CURVES: readonly { key: 'velocity_rms' | 'sample_rms' | 'sigma' | 'seconds'; title: string }[] = [
  { key: 'velocity_rms', title: 'Velocity, root mean square' },
  { key: 'sample_rms', title: 'Sample, root mean square' },
  { key: 'sigma', title: 'Noise level σ' },
  { key: 'seconds', title: 'Seconds a step' },
];

export function stepsSection({ outputs }: Report): Html | null {
  const drawn = outputs.filter(({ steps }) => steps.length > 0);
  if (drawn.length === 0) return null;
  const several = outputs.length > 1;
  const charts = CURVES.map(({ key, title }) =>
    lineChart({
      id: `curve-${key}`,
      title,
      lines: outputs.map(({ seed, steps }) => ({
        name: several ? `seed ${seed}, ` : '',
        points: steps.map((step) => [step.step, step[key]] as const),
      })),
      valueText: numberText,
    }),
  );
  const legend = html`<ul class="legend">${outputs.map(({ seed }, i) => html`<li>${swatchLine(i)} seed ${seed}</li>`)}</ul>`;
  return html`<section class="wide" aria-labelledby="steps">
<h2 id="steps">Step by step</h2>
${several && legend}
<div class="charts">${charts}</div>
<details><summary>All numbers</summary>
${drawn.map((output) => stepTable(output, several))}
</details>
</section>`;
}

function stepTable({ seed, steps }: Output, several: boolean): Html {
  const rows = steps.map(({ step, timestep, sigma, velocity_rms, sample_rms, seconds }: Step) => [
    step,
    timestep.toFixed(1),
    sigma.toFixed(4),
    velocity_rms.toFixed(4),
    sample_rms.toFixed(4),
    durationText(seconds),
  ]);
  const caption = several ? `Steps of the output with seed ${seed}` : 'Denoising steps';
  const columns = ['Step', 'Timestep', 'σ before', 'Velocity RMS', 'Sample RMS', 'Time'];
  return html`${several && html`<h3>Seed ${seed}</h3>`}${numberTable(caption, columns, rows)}`;
}

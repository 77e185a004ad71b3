/** Where the time went: one bar, and the same as a table. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { countText, durationText, labelText, percentText } from './quantities';
import { type Segment, stackedBar, swatch } from './stacked-bar';
import { numberTable } from './table';

export function timingsSection(report: Report): Html | null {
  const segments: Segment[] = Object.entries(report.timings_seconds).map(([phase, seconds]) => ({
    label: labelText(phase),
    value: seconds,
  }));
  const total = segments.reduce((sum, { value }) => sum + value, 0);
  if (total === 0) return null;
  const rows = segments.map(({ label, value }, i) => [
    html`${swatch(i)} ${label}`,
    durationText(value),
    percentText(value / total),
  ]);
  const told = segments.map(({ label, value }) => `${label} ${durationText(value)}`).join(', ');
  return html`<section aria-labelledby="timings">
<h2 id="timings">Timings</h2>
${stackedBar(segments, `Time by phase: ${told}.`)}
${numberTable('Time by phase', ['Phase', 'Time', 'Share'], rows, ['Together', durationText(total), ''])}
${attemptsNote(report)}
</section>`;
}

function attemptsNote({ attempts, resumed_from_step, input, outputs }: Report): Html | null {
  if (attempts === 1 && resumed_from_step === 0) return null;
  const steps = input.steps * outputs.length;
  const start =
    resumed_from_step === 0
      ? 'It started from the beginning.'
      : `It went on after step ${resumed_from_step} of ${steps}, from a checkpoint; the video is the same as without the interruption.`;
  return html`<p class="note">Finished in attempt ${attempts}. ${start} The times are those of that attempt: ${countText(
    steps - resumed_from_step,
    'step',
  )}.</p>`;
}

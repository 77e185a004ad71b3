/** How many frames there are of each yaw, and where the references are. */

import { yawText } from '../../contract/reference-check';
import type { OutputFaces, ReportFaces } from '../../contract/report-faces';
import { type Html, html } from './html';
import { countText } from './quantities';

const WIDTH = 320;
const HEIGHT = 276;
const LEFT = 28;
const RIGHT = 312;
const TOP = 20;
const BOTTOM = 220;
const LABEL_DEGREES = 30;

export function yawHistogram(id: string, { coverage }: OutputFaces, references: ReportFaces['references']): Html {
  const { yaw_bins: bins } = coverage;
  const [least, most] = [bins[0]!.from, bins.at(-1)!.to];
  const highest = Math.max(1, ...bins.map(({ frames }) => frames));
  const toX = (yaw: number) => LEFT + ((yaw - least) / (most - least)) * (RIGHT - LEFT);
  const toY = (frames: number) => BOTTOM - (frames / highest) * (BOTTOM - TOP);
  const bars = bins.map(({ from, to, frames }) => {
    if (frames === 0) return null;
    const [x, y] = [toX(from) + 1, toY(frames)];
    return html`<rect class="fill-0" x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${(toX(to) - x - 1).toFixed(1)}" height="${(BOTTOM - y).toFixed(1)}"><title>${rangeText(from, to)}: ${countText(frames, 'frame')}</title></rect><text x="${((toX(from) + toX(to)) / 2).toFixed(1)}" y="${(y - 4).toFixed(1)}" text-anchor="middle">${frames}</text>`;
  });
  const labels: Html[] = [];
  for (let yaw = least + LABEL_DEGREES; yaw < most; yaw += LABEL_DEGREES) {
    const x = toX(yaw).toFixed(1);
    labels.push(
      html`<line class="grid" x1="${x}" x2="${x}" y1="${BOTTOM}" y2="${BOTTOM + 4}"/><text x="${x}" y="${BOTTOM + 30}" text-anchor="middle">${Math.abs(yaw)}°</text>`,
    );
  }
  const marks = references.flatMap(({ file, yaw }, i) => {
    if (yaw === null) return [];
    const x = toX(yaw);
    const points = `${x.toFixed(1)},${BOTTOM + 3} ${(x - 4.5).toFixed(1)},${BOTTOM + 12} ${(x + 4.5).toFixed(1)},${BOTTOM + 12}`;
    return [html`<polygon points="${points}"><title>Reference ${i + 1}, ${file}: ${yawText(yaw)}</title></polygon>`];
  });
  const told = bins
    .filter(({ frames }) => frames > 0)
    .map(({ from, to, frames }) => `${rangeText(from, to)} ${frames}`);
  return html`<figure class="chart"><figcaption>Frames by yaw, ${bins[0]!.to - least}° a bar</figcaption>
<svg role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-labelledby="${id}-title"><title id="${id}-title">Frames by yaw: ${told.join(', ')}.</title>
<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${BOTTOM}" y2="${BOTTOM}"/>
${bars}${labels}<g class="reference-dot">${marks}</g>
<text x="${LEFT}" y="${BOTTOM + 50}">subject's right</text><text x="${RIGHT}" y="${BOTTOM + 50}" text-anchor="end">subject's left</text></svg>
${marks.length > 0 && html`<p class="key"><svg class="swatch reference-dot" viewBox="0 0 10 10" aria-hidden="true"><polygon points="5,0.5 0.5,9.5 9.5,9.5"/></svg>reference</p>`}</figure>`;
}

function rangeText(from: number, to: number): string {
  return `${yawText(from)} to ${yawText(to)}`;
}

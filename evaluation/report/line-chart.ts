/** One quantity over the steps as inline SVG; several outputs are several lines. */
import { type Html, html } from './html';

export interface LineChart {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** One line each, of (step, value). */
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
  valueText(value: number): string;
}

const WIDTH = 320;
const HEIGHT = 168;
const LEFT = 54;
const RIGHT = 308;
const TOP = 12;
const BOTTOM = 138;
/** More dots than this would only thicken the line. */
const MAX_DOTS = 60;
const NUM_TICKS = 4;

export function lineChart({ id, title, lines, valueText }: LineChart): Html {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const first = Math.min(...xs);
  const last = Math.max(...xs);
  const ticks = niceTicks(Math.min(...ys), Math.max(...ys));
  const low = ticks[0]!;
  const high = ticks.at(-1)!;
  const toX = (x: number) =>
    first === last ? (LEFT + RIGHT) / 2 : LEFT + ((x - first) / (last - first)) * (RIGHT - LEFT);
  const toY = (y: number) => BOTTOM - ((y - low) / (high - low)) * (BOTTOM - TOP);
  const grid = ticks.map((tick) => {
    const y = toY(tick).toFixed(1);
    return html`<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${y}" dy="0.32em" text-anchor="end">${valueText(tick)}</text>`;
  });
  const curves = lines.map(({ name, points: line }, i) => {
    const path = line.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ');
    const dots =
      line.length <= MAX_DOTS
        ? line.map(
            ([x, y]) =>
              html`<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="2.4"><title>${name}step ${x}: ${valueText(y)}</title></circle>`,
          )
        : [];
    return html`<g class="line-${i}"><polyline points="${path}"/>${dots}</g>`;
  });
  const range = `from ${valueText(Math.min(...ys))} to ${valueText(Math.max(...ys))} over steps ${first} to ${last}`;
  return html`<figure class="chart"><figcaption>${title}</figcaption>
<svg role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-labelledby="${id}-title"><title id="${id}-title">${title}, ${range}.</title>
${grid}<text x="${toX(first).toFixed(1)}" y="${BOTTOM + 20}" text-anchor="middle">${first}</text>${
    last !== first && html`<text x="${toX(last).toFixed(1)}" y="${BOTTOM + 20}" text-anchor="middle">${last}</text>`
  }<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 20}" text-anchor="middle">${last !== first && 'step'}</text>
${curves}</svg></figure>`;
}

/** Round values that enclose the data, about NUM_TICKS of them. */
function niceTicks(least: number, most: number): number[] {
  // A constant gets room on both sides.
  const span = most - least || Math.abs(most) || 1;
  const raw = span / (NUM_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= raw * 0.999) ?? 10);
  const from = Math.floor(least / step + 1e-9);
  const to = Math.max(Math.ceil(most / step - 1e-9), from + 1);
  return Array.from({ length: to - from + 1 }, (_, i) => (from + i) * step);
}

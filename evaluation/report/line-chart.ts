/** One quantity over the steps, or over the time, as inline SVG; several outputs are several lines. */
import { type Html, html } from './html';

export interface LineChart {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** One line each, of (step or seconds, value); it breaks where there is no value. */
  readonly lines: readonly {
    readonly name: string;
    readonly points: readonly (readonly [x: number, y: number | null])[];
  }[];
  valueText(value: number): string;
  /** Steps unless given. */
  readonly x?: {
    /** Under the middle of the axis. */
    readonly axis: string;
    tickText(x: number): string;
    inWords(x: number): string;
    spanInWords(first: number, last: number): string;
  };
  /** From where to where x goes; as far as the points unless given. */
  readonly span?: readonly [first: number, last: number];
  /** Values that the lines are compared with, named at the right end. */
  readonly rules?: readonly { readonly name: string; readonly value: number; readonly className?: string }[];
  /** Values of the grid's lines; round ones that enclose the data unless given. */
  readonly ticks?: readonly number[];
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
/** Names of rules closer than this would cover each other. */
const NAME_HEIGHT = 12;
const STEPS = {
  axis: 'step',
  tickText: String,
  inWords: (step: number) => `step ${step}`,
  spanInWords: (first: number, last: number) => `steps ${first} to ${last}`,
};

export function lineChart(chart: LineChart): Html {
  const { id, title, lines, valueText, x: horizontal = STEPS, rules = [], ticks, span } = chart;
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.flatMap(([, y]) => y ?? []);
  const [first, last] = span ?? [Math.min(...xs), Math.max(...xs)];
  const all = [...ys, ...rules.map(({ value }) => value)];
  const levels = ticks ?? niceTicks(Math.min(...all), Math.max(...all));
  const low = levels[0]!;
  const high = levels.at(-1)!;
  const toX = (x: number) =>
    first === last ? (LEFT + RIGHT) / 2 : LEFT + ((x - first) / (last - first)) * (RIGHT - LEFT);
  const toY = (y: number) => BOTTOM - ((y - low) / (high - low)) * (BOTTOM - TOP);
  const grid = levels.map((tick) => {
    const y = toY(tick).toFixed(1);
    return html`<line class="grid" x1="${LEFT}" x2="${RIGHT}" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${y}" dy="0.32em" text-anchor="end">${valueText(tick)}</text>`;
  });
  const curves = lines.map(({ name, points: line }, i) => {
    const strokes = unbroken(line).map((run) => {
      return html`<polyline points="${run.map(([x, y]) => `${toX(x).toFixed(1)},${toY(y).toFixed(1)}`).join(' ')}"/>`;
    });
    const dots =
      line.length <= MAX_DOTS
        ? unbroken(line)
            .flat()
            .map(
              ([x, y]) =>
                html`<circle cx="${toX(x).toFixed(1)}" cy="${toY(y).toFixed(1)}" r="2.4"><title>${name}${horizontal.inWords(x)}: ${valueText(y)}</title></circle>`,
            )
        : [];
    return html`<g class="line-${i}">${strokes}${dots}</g>`;
  });
  const told = rules.map(({ name, value }) => `; ${name}: ${valueText(value)}`).join('');
  const range = `from ${valueText(Math.min(...ys))} to ${valueText(Math.max(...ys))} over ${horizontal.spanInWords(first, last)}${told}`;
  return html`<figure class="chart"><figcaption>${title}</figcaption>
<svg role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-labelledby="${id}-title"><title id="${id}-title">${title}, ${range}.</title>
${grid}<text x="${toX(first).toFixed(1)}" y="${BOTTOM + 20}" text-anchor="middle">${horizontal.tickText(first)}</text>${
    last !== first &&
    html`<text x="${RIGHT + 8}" y="${BOTTOM + 20}" text-anchor="end">${horizontal.tickText(last)}</text>`
  }<text x="${(LEFT + RIGHT) / 2}" y="${BOTTOM + 20}" text-anchor="middle">${last !== first && horizontal.axis}</text>
${rules.map(({ value, className }) => ruleAt(toY(value), className))}${ruleNames(rules, toY)}${curves}</svg></figure>`;
}

function ruleAt(y: number, className = 'soft'): Html {
  return html`<line class="rule ${className}" x1="${LEFT}" x2="${RIGHT}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}"/>`;
}

/** Over their lines; those of neighbours that would cover each other stand in one. */
function ruleNames(rules: NonNullable<LineChart['rules']>, toY: (value: number) => number): Html[] {
  const groups: { y: number; names: string[] }[] = [];
  for (const { name, value } of [...rules].sort((a, b) => b.value - a.value)) {
    const y = toY(value);
    const last = groups.at(-1);
    if (last && y - last.y < NAME_HEIGHT) last.names.push(name);
    else groups.push({ y, names: [name] });
  }
  return groups.map(
    ({ y, names }) =>
      html`<text class="rule-name" x="${RIGHT}" y="${(y - 3).toFixed(1)}" text-anchor="end">${names.join(', ')}</text>`,
  );
}

function unbroken(line: readonly (readonly [x: number, y: number | null])[]): (readonly [number, number])[][] {
  const runs: (readonly [number, number])[][] = [[]];
  for (const [x, y] of line) {
    if (y === null) runs.push([]);
    else runs.at(-1)!.push([x, y]);
  }
  return runs.filter((run) => run.length > 0);
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

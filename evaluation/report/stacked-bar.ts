/** Parts of a whole as one bar. Colours repeat after the palette's end; the table beside it names every part. */
import { type Html, html } from './html';
import { labelText } from './quantities';

export interface Segment {
  readonly label: string;
  readonly value: number;
}

/** Colours of the palette in style.ts: `fill-0` to `fill-7`. */
const NUM_COLOURS = 8;
const WIDTH = 1000;
const HEIGHT = 28;
/** Between parts, so that neighbours are told apart without colour. */
const GAP = 2;

/** @param description the whole bar in words. */
export function stackedBar(segments: readonly Segment[], description: string): Html {
  const total = segments.reduce((sum, { value }) => sum + value, 0);
  let x = 0;
  const parts = segments.map(({ label, value }, i) => {
    const width = (WIDTH * value) / total;
    const left = x;
    x += width;
    return html`<rect class="fill-${i % NUM_COLOURS}" x="${left.toFixed(2)}" y="0" width="${Math.max(
      width - GAP,
      Math.min(width, 1),
    ).toFixed(2)}" height="${HEIGHT}"><title>${labelText(label)}</title></rect>`;
  });
  return html`<svg class="bar" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-labelledby="bar-title"><title id="bar-title">${description}</title>${parts}</svg>`;
}

/** The colour of a part, for its row in a table. */
export function swatch(index: number): Html {
  return html`<svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="fill-${index % NUM_COLOURS}" width="10" height="10" rx="2"/></svg>`;
}

/** The colour of a line in a chart, for its legend. */
export function swatchLine(index: number): Html {
  return html`<svg class="swatch line-${index}" viewBox="0 0 10 10" aria-hidden="true"><polyline points="0,5 10,5"/></svg>`;
}

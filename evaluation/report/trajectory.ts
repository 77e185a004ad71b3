/** The way of the face, as a path on a sphere that is seen from the camera: where the nose points. */

import { yawText } from '../../contract/reference-check';
import type { OutputFaces, ReportFaces } from '../../contract/report-faces';
import { type Html, html } from './html';
import { durationText } from './quantities';

const WIDTH = 320;
const HEIGHT = 276;
const CENTRE = { x: WIDTH / 2, y: 122 } as const;
const RADIUS = 108;
const GRID_DEGREES = 30;
/** Colours of the time, first to last: `time-0` to `time-11` in style.ts. */
const NUM_COLOURS = 12;
const SCALE = { x: 70, width: 180, y: 246, height: 8 } as const;

interface Direction {
  /** Degrees. */
  readonly yaw: number;
  readonly pitch: number;
}

export function trajectoryFigure(id: string, { frames }: OutputFaces, references: ReportFaces['references']): Html {
  const path = frames.flatMap(({ time, face }) => (face ? [{ time, ...face }] : []));
  const [start, end] = [path[0]!, path.at(-1)!];
  const colour = (time: number) => {
    const share = end.time === start.time ? 0 : (time - start.time) / (end.time - start.time);
    return Math.min(NUM_COLOURS - 1, Math.floor(share * NUM_COLOURS));
  };
  const strokes = path.slice(1).map((to, i) => {
    const [a, b] = [onSphere(path[i]!), onSphere(to)];
    const behind = isBehind(to) && ' behind';
    return html`<line class="time-${colour(to.time)}${behind}" x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}"/>`;
  });
  const dots: Html[] = [];
  const numbers: Html[] = [];
  for (const [i, { file, yaw, pitch }] of references.entries()) {
    if (yaw === null || pitch === null) continue;
    const { x, y } = onSphere({ yaw, pitch });
    const told = `Reference ${i + 1}, ${file}: ${directionText({ yaw, pitch })}`;
    dots.push(html`<circle cx="${x}" cy="${y}" r="4.5"><title>${told}</title></circle>`);
    numbers.push(html`<text x="${x}" y="${(Number(y) + 16).toFixed(1)}" text-anchor="middle">${i + 1}</text>`);
  }
  const title = `Where the face points: from ${directionText(start)} at ${durationText(start.time)} to ${directionText(end)} at ${durationText(end.time)}`;
  return html`<figure class="chart"><figcaption>Facial trajectory</figcaption>
<svg role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-labelledby="${id}-title"><title id="${id}-title">${title}.</title>
<circle class="globe" cx="${CENTRE.x}" cy="${CENTRE.y}" r="${RADIUS}"/>
${graticule()}
<g class="trajectory">${strokes}</g>
<g class="reference-dot">${dots}</g>
${startMark(start, colour(start.time))}${endMark(end, colour(end.time))}
<g class="reference-dot">${numbers}</g>
${timeScale(start.time, end.time)}</svg>
<p class="key"><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><circle class="start" cx="5" cy="5" r="3.6"/></svg>start <svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="end" x="1" y="1" width="8" height="8"/></svg>end${dots.length > 0 && html` <svg class="swatch reference-dot" viewBox="0 0 10 10" aria-hidden="true"><circle cx="5" cy="5" r="4"/></svg>reference`}. Lines every 30°; right in the picture is the subject's left.</p></figure>`;
}

/** Orthographic: x to the picture's right, y down. */
function onSphere({ yaw, pitch }: Direction): { x: string; y: string } {
  const [longitude, latitude] = [(yaw * Math.PI) / 180, (pitch * Math.PI) / 180];
  return {
    x: (CENTRE.x + RADIUS * Math.sin(longitude) * Math.cos(latitude)).toFixed(1),
    y: (CENTRE.y - RADIUS * Math.sin(latitude)).toFixed(1),
  };
}

function isBehind({ yaw }: Direction): boolean {
  return Math.abs(yaw) > 90;
}

/** Meridians are half ellipses from pole to pole, parallels are straight. */
function graticule(): Html[] {
  const meridians: Html[] = [];
  for (let yaw = GRID_DEGREES; yaw < 90; yaw += GRID_DEGREES) {
    const radius = (RADIUS * Math.sin((yaw * Math.PI) / 180)).toFixed(1);
    meridians.push(html`<ellipse class="grid" cx="${CENTRE.x}" cy="${CENTRE.y}" rx="${radius}" ry="${RADIUS}"/>`);
  }
  meridians.push(
    html`<line class="grid" x1="${CENTRE.x}" x2="${CENTRE.x}" y1="${CENTRE.y - RADIUS}" y2="${CENTRE.y + RADIUS}"/>`,
  );
  const parallels: Html[] = [];
  for (let pitch = GRID_DEGREES - 90; pitch < 90; pitch += GRID_DEGREES) {
    const { x: left, y } = onSphere({ yaw: -90, pitch });
    const { x: right } = onSphere({ yaw: 90, pitch });
    parallels.push(html`<line class="grid" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>`);
  }
  return [...meridians, ...parallels];
}

function startMark(at: Direction, colour: number): Html {
  const { x, y } = onSphere(at);
  return html`<circle class="start time-${colour}" cx="${x}" cy="${y}" r="5"><title>Start: ${directionText(at)}</title></circle>`;
}

function endMark(at: Direction, colour: number): Html {
  const { x, y } = onSphere(at);
  return html`<rect class="end time-${colour}" x="${(Number(x) - 5).toFixed(1)}" y="${(Number(y) - 5).toFixed(1)}" width="10" height="10"><title>End: ${directionText(at)}</title></rect>`;
}

function timeScale(start: number, end: number): Html {
  const width = SCALE.width / NUM_COLOURS;
  const cells = Array.from({ length: NUM_COLOURS }, (_, i) => {
    return html`<rect class="time-${i}" x="${(SCALE.x + i * width).toFixed(1)}" y="${SCALE.y}" width="${(width + 0.5).toFixed(1)}" height="${SCALE.height}"/>`;
  });
  const y = SCALE.y + SCALE.height;
  return html`<g class="scale">${cells}</g><text x="${SCALE.x - 8}" y="${y}" text-anchor="end">${durationText(start)}</text><text x="${SCALE.x + SCALE.width + 8}" y="${y}">${durationText(end)}</text>`;
}

function directionText({ yaw, pitch }: Direction): string {
  const degrees = Math.round(Math.abs(pitch));
  const tilt = degrees === 0 ? '' : `, ${degrees}° ${pitch > 0 ? 'up' : 'down'}`;
  return `${yawText(yaw)}${tilt}`;
}

/** The frames that resemble the references most and least, to be looked at. */
import type { OutputFaces } from '../../contract/report-faces';
import { type Html, html } from './html';
import { dataAddress, type ExtremePictures } from './media';
import { cosineText, durationText } from './quantities';

export function extremeFigures(
  output: OutputFaces,
  pictures: ExtremePictures | null | undefined,
  name: string,
): Html | null {
  const { best, worst } = output.identity;
  if (!best || !worst || !pictures) return null;
  const shown = [
    { word: 'Most alike', ...best, jpeg: pictures.best },
    { word: 'Least alike', ...worst, jpeg: pictures.worst },
  ];
  return html`<div class="extremes">${shown.map(({ word, time, similarity, jpeg }) => {
    const { yaw } = output.frames.find((frame) => frame.time === time)?.face ?? { yaw: null };
    const angle = yaw === null ? '' : `, yaw ${Math.round(yaw)}°`;
    return html`<figure><img src="${dataAddress('image/jpeg', jpeg)}" alt="${name} at ${durationText(time)}, ${word.toLowerCase()}"><figcaption><b>${word}: ${cosineText(similarity)}</b><br>at ${durationText(time)}${angle}</figcaption></figure>`;
  })}</div>`;
}

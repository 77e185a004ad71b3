/** The videos. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { dataAddress, type ReportMedia, requireFile } from './media';
import { byteText, durationText } from './quantities';

type Output = Report['outputs'][number];

const TITLE_ID = 'videos';

export function outputsSection({ outputs, input, subject }: Report, media: ReportMedia): Html {
  const figures = outputs.map((output, i) => {
    const poster = requireFile('posters', media.posters, output.poster);
    const video = requireFile('videos', media.videos, output.video);
    const name = outputs.length === 1 ? `Video of ${subject}` : `Video ${i + 1} of ${subject}`;
    return html`<figure class="output">
<video controls loop playsinline preload="metadata" width="${input.width}" height="${input.height}" aria-label="${name}" poster="${dataAddress('image/jpeg', poster.bytes)}" src="${dataAddress('video/mp4', video.bytes)}">${name}: this browser plays no MP4.</video>
<figcaption>${outputs.length > 1 && html`<b>${i + 1}.</b> `}${caption(output, input)}</figcaption>
</figure>`;
  });
  return html`<section aria-labelledby="${TITLE_ID}">
<h2 id="${TITLE_ID}" class="${outputs.length === 1 ? 'unseen' : 'seen'}">${outputs.length === 1 ? 'Video' : 'Videos'}</h2>
<div class="outputs ${outputs.length === 1 ? 'one' : 'several'}">${figures}</div>
</section>`;
}

function caption({ seed, size, duration_seconds }: Output, { width, height, fps }: Report['input']): string {
  return [
    `seed ${seed}`,
    `${width} × ${height}`,
    `${durationText(duration_seconds)} at ${fps} fps`,
    byteText(size),
  ].join(' · ');
}

/** The views that the model was given, as it was given them, and those that it was not. */
import { yawText } from '../../contract/reference-check';
import type { Report, ViewChoice } from '../../contract/report';
import { type Html, html } from './html';
import { dataAddress, type ReportMedia, requireFile } from './media';
import { viewText } from './quantities';

type Reference = Report['references'][number];

/** Behind the angle; what goes without saying is not said. */
const REASONS: Record<Exclude<ViewChoice, 'left_out'>, string | null> = {
  all: null,
  most_frontal: 'the most frontal',
  new_angle: 'a new angle',
  in_order: 'no face found',
};

export function referencesSection({ references, subject }: Report, media: ReportMedia): Html | null {
  const figures = references.flatMap((reference, i) => {
    const { fed, file, view, width, height, choice } = reference;
    if (fed === null || choice === 'left_out') return [];
    const { bytes } = requireFile('references', media.references, fed);
    const shown = view === null ? `view ${i + 1}` : viewText(view);
    const about = [angleText(reference), REASONS[choice]].filter((text) => text !== null);
    return [
      html`<li><figure>
<img src="${dataAddress('image/jpeg', bytes)}" alt="${subject}, ${shown}">
<figcaption><b>${shown}</b><br><span class="file">${file}</span><br>${width} × ${height}, ${PREPARED[reference.preparation]}${about.length > 0 ? html`<br>${about.join(': ')}` : null}</figcaption>
</figure></li>`,
    ];
  });
  if (figures.length === 0) return null;
  const leftOut = references.filter(({ choice }) => choice === 'left_out').map(leftOutText);
  return html`<section aria-labelledby="references">
<h2 id="references">References</h2>
<ol class="references">${figures}</ol>
${leftOut.length > 0 ? html`<p class="note">Left out, because the model takes ${figures.length}: ${leftOut.join(', ')}.</p>` : null}
</section>`;
}

const PREPARED: Record<Reference['preparation'], string> = { cut_out: 'cut out', as_uploaded: 'as uploaded' };

function angleText({ yaw }: Reference): string | null {
  return yaw === null ? null : yawText(yaw);
}

function leftOutText(reference: Reference): string {
  const angle = angleText(reference);
  return angle === null ? reference.file : `${reference.file} (${angle})`;
}

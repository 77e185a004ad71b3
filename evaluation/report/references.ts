/** The views that the model was given. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { dataAddress, type ReportMedia, requireFile } from './media';
import { viewText } from './quantities';

export function referencesSection({ references, subject }: Report, media: ReportMedia): Html | null {
  if (references.length === 0) return null;
  const figures = references.map(({ file, view, width, height }, i) => {
    const { jpeg } = requireFile('references', media.references, file);
    const shown = view === null ? `view ${i + 1}` : viewText(view);
    return html`<li><figure>
<img src="${dataAddress('image/jpeg', jpeg)}" alt="${subject}, ${shown}">
<figcaption><b>${shown}</b><br><span class="file">${file}</span><br>${width} × ${height}</figcaption>
</figure></li>`;
  });
  return html`<section aria-labelledby="references">
<h2 id="references">References</h2>
<ol class="references">${figures}</ol>
</section>`;
}

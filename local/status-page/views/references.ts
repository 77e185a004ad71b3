/** The photos as they were uploaded. */
import { html } from 'hono/html';
import { words } from '../human-text';
import type { JobDetails, ReferencePhoto } from '../job-details';
import type { Html } from './layout';

export function references({ references, record }: JobDetails): Html {
  const consent = record.manifest?.reference_set.consent;
  return html`<section class="card" aria-labelledby="references-title"><h2 id="references-title">Reference photos</h2>${
    references.length > 0
      ? html`<ul class="photos">${references.map(photo)}</ul>`
      : html`<p class="sub">No photos are named: <code>job.json</code> could not be read.</p>`
  }${consent && html`<p class="sub">Consent: ${consent.reference}</p>`}</section>`;
}

function photo({ file, view, url, isReplaced }: ReferencePhoto): Html {
  const label = view ? words(view) : 'no view given';
  return html`<li><figure>${
    url
      ? html`<a href="${url}"><img src="${url}" alt="Photo ${file}, ${label}" loading="lazy"></a>`
      : html`<div class="photo-missing">No longer there</div>`
  }<figcaption><span>${label}</span><span class="sub">${file}</span>${isReplaced && html`<span class="warning">Replaced since</span>`}</figcaption></figure></li>`;
}

/** The photos as they were uploaded, and what was found in them. */
import { html } from 'hono/html';
import { type Finding, yawText } from '../../../contract/reference-check';
import { words } from '../human-text';
import type { JobDetails, ReferencePhoto } from '../job-details';
import { findingList } from './finding-list';
import type { Html } from './layout';
import { verdict } from './verdict';

export function references({ references, record }: JobDetails): Html {
  const consent = record.manifest?.reference_set.consent;
  const findings = record.job.reference_check?.findings ?? [];
  return html`<section class="card" aria-labelledby="references-title"><h2 id="references-title">Reference photos</h2>${
    references.length > 0
      ? html`<ul class="photos">${references.map(photo)}</ul>`
      : html`<p class="sub">No photos are named: <code>job.json</code> could not be read.</p>`
  }${remarks(findings)}${consent && html`<p class="sub">Consent: ${consent.reference}</p>`}</section>`;
}

function photo({ file, view, url, isReplaced, checked, verdict: ofPhoto }: ReferencePhoto): Html {
  const label = view ? words(view) : 'no view given';
  return html`<li><figure>${
    url
      ? html`<a href="${url}"><img src="${url}" alt="Photo ${file}, ${label}" loading="lazy"></a>`
      : html`<div class="photo-missing">No longer there</div>`
  }<figcaption><span>${label}</span><span class="sub">${file}</span>${
    checked && html`<span class="sub number">${measured(checked)}</span>${verdict(ofPhoto)}`
  }${isReplaced && html`<span class="warning">Replaced since</span>`}</figcaption></figure></li>`;
}

/** "57° right, face 234 px" */
function measured({ yaw, face_width }: NonNullable<ReferencePhoto['checked']>): string {
  return yaw === null ? 'no face' : `${yawText(yaw)}, face ${face_width} px`;
}

/** What stands in the way of a job is told above, as its error. */
function remarks(findings: readonly Finding[]): Html | null {
  const warnings = findings.filter(({ severity }) => severity === 'warning');
  if (warnings.length === 0) return null;
  return html`<h3 id="findings-title">What could be better</h3>${findingList(warnings, 'findings-title')}`;
}

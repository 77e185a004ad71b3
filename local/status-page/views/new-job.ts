/** The form that submits a reference set. `assets/page.js` sends it. */
import { html } from 'hono/html';
import {
  MAX_CONSENT_REFERENCE_LENGTH,
  MAX_IMAGE_BYTES,
  MAX_PROMPT_LENGTH,
  MAX_REFERENCE_IMAGES,
  MAX_STEPS,
  MAX_SUBJECT_LENGTH,
  MIN_STEPS,
} from '../../../contract/limits';
import { VIEWS } from '../../../contract/manifest';
import type { AcceptableCode } from '../../../contract/reference-check';
import type { AvailableModel } from '../available-models';
import { sentenceCase } from '../human-text';
import type { PageContext } from '../page-context';
import { acceptFields } from './acceptance';
import { errorSlot, inputField, labelledField } from './field';
import { type Html, layout } from './layout';

const MEBIBYTE = 2 ** 20;
const DEFAULT_TENANT = 'local';
const IMAGE_TYPES = 'image/png,image/jpeg,image/webp,.png,.jpg,.jpeg,.webp';

/** @param accepted findings about the photos that are ticked as known from the beginning. */
export function newJobPage(
  { csrfToken }: PageContext,
  models: readonly AvailableModel[],
  accepted: readonly AcceptableCode[],
): Html {
  return layout({
    title: 'New video',
    current: 'new',
    body: html`
<div class="page-head"><div><h1>New video</h1><p class="sub">A few photos of one face, from several angles, become a video of that person.</p></div></div>
<noscript><p class="notice">This form needs JavaScript. Without it, put the photos and then <code>job.json</code> into the folder of uploads, or run <code>mv2id submit</code>.</p></noscript>
<form id="new-job" class="form" novalidate data-csrf="${csrfToken}" data-max-images="${MAX_REFERENCE_IMAGES}" data-max-bytes="${MAX_IMAGE_BYTES}">
<div id="error-summary" class="error-summary" role="alert" tabindex="-1" hidden></div>
${photos()}
${person()}
${video(models, accepted)}
<div class="form-end"><button class="button primary large" id="submit">Upload and start</button><p id="upload-status" class="sub" role="status"></p><progress id="upload-progress" aria-label="Upload" max="1" value="0" hidden></progress></div>
</form>
${photoTemplate()}`,
  });
}

function photos(): Html {
  return html`<section class="card" aria-labelledby="photos-title"><h2 id="photos-title">Photos</h2>
<div id="drop-zone" class="drop-zone"><p class="drop-title">Drop photos here, or a folder with a <code>job.json</code></p>
<p class="sub">Up to ${MAX_REFERENCE_IMAGES} photos: PNG, JPEG or WebP, each at most ${MAX_IMAGE_BYTES / MEBIBYTE} MiB</p>
<div class="drop-choices"><label class="button" for="photo-input">Choose photos</label><input id="photo-input" class="visually-hidden" type="file" multiple accept="${IMAGE_TYPES},application/json,.json">
<label class="button" for="folder-input">Choose a folder</label><input id="folder-input" class="visually-hidden" type="file" webkitdirectory></div></div>
${errorSlot('reference_set.images')}
<p id="photo-news" class="visually-hidden" role="status"></p>
<ol id="photo-list" class="photo-list" aria-label="Chosen photos"></ol></section>`;
}

/** One chosen photo; the script fills it in. */
function photoTemplate(): Html {
  return html`<template id="photo-template"><li class="photo-row"><img alt="" width="72" height="72"><div class="photo-fields"><span class="photo-name"></span><label><span class="visually-hidden"></span><select><option value="">View not given</option>${VIEWS.map(
    (view) => html`<option value="${view}">${sentenceCase(view)}</option>`,
  )}</select></label><p class="field-error" hidden></p></div><button type="button" class="button remove">Remove</button></li></template>`;
}

function person(): Html {
  return html`<section class="card" aria-labelledby="person-title"><h2 id="person-title">Person</h2>
${inputField({ name: 'reference_set.subject', label: 'Subject', hint: 'A name or a case number. It is shown in the list.', maxLength: MAX_SUBJECT_LENGTH, isRequired: true })}
${inputField({ name: 'reference_set.consent.reference', label: 'Consent reference', hint: 'Where the consent is kept: a form, a contract, a ticket.', maxLength: MAX_CONSENT_REFERENCE_LENGTH, isRequired: true })}
<div class="field check-field"><label class="check"><input type="checkbox" id="reference_set.consent.confirmed" name="reference_set.consent.confirmed" aria-required="true" aria-describedby="error:reference_set.consent.confirmed"><span>The subject agreed to this use of the photos.</span></label>${errorSlot('reference_set.consent.confirmed')}</div></section>`;
}

function video(models: readonly AvailableModel[], accepted: readonly AcceptableCode[]): Html {
  return html`<section class="card" aria-labelledby="video-title"><h2 id="video-title">Video</h2>
${labelledField(
  {
    name: 'input.prompt',
    label: 'Prompt',
    hint: 'What the person does, and what light and background are like.',
    isRequired: true,
  },
  (attributes) => html`<textarea ${attributes} rows="3" maxlength="${MAX_PROMPT_LENGTH}"></textarea>`,
)}
${modelField(models)}
<details id="more-settings" ${accepted.length > 0 && html`open`}><summary>More settings</summary>
${inputField({ name: 'input.negative_prompt', label: 'Not wanted', hint: 'What the video should not show.', maxLength: MAX_PROMPT_LENGTH })}
<div class="field-row">${inputField({ name: 'input.seed', label: 'Seed', hint: 'Empty: derived from the job.', inputMode: 'numeric' })}
${inputField({ name: 'input.steps', label: 'Steps', hint: `${MIN_STEPS} to ${MAX_STEPS}. Empty: the model decides.`, inputMode: 'numeric' })}</div>
${inputField({ name: 'webhook', label: 'Webhook', hint: 'An https address that is told what becomes of the job; on this machine also http.', inputMode: 'url' })}
<div class="field-row">${inputField({ name: 'tenant', label: 'Tenant', hint: 'Whose job this is: tenants take turns.', value: DEFAULT_TENANT })}
${inputField({ name: 'set', label: 'Set', hint: 'Folder of the photos. Empty: a new one.' })}</div>
${acceptFields(accepted)}
</details></section>`;
}

function modelField(models: readonly AvailableModel[]): Html {
  const hint = models.length > 0 ? '' : 'There is no model in the models bucket yet: name the one that will be there.';
  return models.length > 0
    ? labelledField(
        { name: 'model', label: 'Model', hint },
        (attributes) =>
          html`<select ${attributes}>${models.map((model) => html`<option value="${model.id}">${modelText(model)}</option>`)}</select>`,
      )
    : inputField({ name: 'model', label: 'Model', hint, isRequired: true });
}

/** "mv2id-tiny (20 steps, up to 4 photos)" */
function modelText({ id, defaultSteps, maxReferences }: AvailableModel): string {
  const facts = [
    defaultSteps !== null && `${defaultSteps} steps`,
    maxReferences !== null && `up to ${maxReferences} photos`,
  ].filter(Boolean);
  return facts.length > 0 ? `${id} (${facts.join(', ')})` : id;
}

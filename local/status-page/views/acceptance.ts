/** How to go on with photos that were found wanting: other ones, or the word of the uploader that they are right. */
import { html } from 'hono/html';
import type { JobRecord } from '../../../contract/job-record';
import { type AcceptableCode, ERROR_CODES, errorsOf } from '../../../contract/reference-check';
import { sentenceCase } from '../human-text';
import type { Html } from './layout';

/** For a job that was rejected because of its photos. */
export function acceptance({ job, manifest }: JobRecord): Html {
  const found = job.reference_check ? errorsOf(job.reference_check).map(({ code }) => code) : [];
  const known = manifest?.reference_set.accept ?? [];
  const accept = ERROR_CODES.filter((code) => found.includes(code) || known.includes(code));
  return html`<p>Nothing is lost: the upload is still in its folder. Put better photos in the place of these and upload <code>job.json</code> again.</p>
<p>The networks that look at photos can be wrong. If these are right all the same, add this to <code>reference_set</code> in <code>job.json</code>, and upload it again:</p>
<pre>"accept": ${JSON.stringify(accept).replaceAll(',', ', ')}</pre>
<p>Or <a href="/new?accept=${accept.join(',')}">start a new video with this accepted</a>.</p>`;
}

/** The fields of the form. @param accepted those that are ticked. */
export function acceptFields(accepted: readonly AcceptableCode[]): Html {
  return html`<fieldset class="field"><legend>Accept what the check of the photos may find</legend>
<p class="hint">Each of these ends in a rejected job unless it is ticked here.</p>
${ERROR_CODES.map(
  (code) =>
    html`<label class="check"><input type="checkbox" name="reference_set.accept.${code}" ${accepted.includes(code) && html`checked`}><span>${sentenceCase(code)}</span></label>`,
)}</fieldset>`;
}

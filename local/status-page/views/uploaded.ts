/** Between an upload and its job: the set waits to be checked. */
import { html } from 'hono/html';
import type { JobId } from '../../../contract/job';
import type { PageContext } from '../page-context';
import { type Html, layout } from './layout';

export function uploadedPage({ pollMs }: PageContext, id: JobId): Html {
  return layout({
    title: 'Uploaded',
    pollMs,
    announcement: 'Uploaded. The photos are being checked.',
    body: html`<div id="job" data-live><div class="message"><h1>Uploaded</h1><p>The photos are being checked. The job appears here in a moment.</p>
<progress aria-label="Checking the photos"></progress><p class="sub id">${id}</p></div></div>`,
  });
}

/** Cancelling a job: a link, and the question before it, as a dialog or (without scripts) as a page. */
import { html } from 'hono/html';
import { isTerminal, type Job } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import { CSRF_FIELD } from '../csrf-token';
import type { PageContext } from '../page-context';
import { jobName } from './job-name';
import { type Html, layout } from './layout';

export function cancelLink({ id }: Job): Html {
  return html`<a class="button danger" id="cancel-link" href="/jobs/${id}/cancel" data-dialog="cancel-dialog">Cancel…</a>`;
}

export function cancelDialog(context: PageContext, record: JobRecord): Html | null {
  if (isTerminal(record.job.status)) return null;
  return html`<dialog id="cancel-dialog" aria-labelledby="cancel-title"><h2 id="cancel-title">Cancel this job?</h2>${question(context, record)}</dialog>`;
}

export function cancelPage(context: PageContext, record: JobRecord): Html {
  return layout({
    title: 'Cancel',
    body: html`<div class="message"><h1>Cancel this job?</h1>${question(context, record)}</div>`,
  });
}

function question({ csrfToken }: PageContext, record: JobRecord): Html {
  const { id } = record.job;
  return html`<p>The video of <strong>${jobName(record)}</strong> will not be finished, and what has been computed is given up. The photos stay.</p>
<form method="post" action="/jobs/${id}/cancel" class="dialog-actions"><input type="hidden" name="${CSRF_FIELD}" value="${csrfToken}">
<a class="button" href="/jobs/${id}" data-close>Keep it running</a><button class="button danger solid">Cancel the job</button></form>`;
}

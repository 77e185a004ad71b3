/** The page of one job: what came of it, what it was made from, how it went. */
import { html } from 'hono/html';
import { isTerminal } from '../../../contract/job';
import { sizeText, words } from '../human-text';
import type { JobDetails } from '../job-details';
import type { PageContext } from '../page-context';
import { cancelDialog, cancelLink } from './cancel';
import { jobName } from './job-name';
import { outcome } from './job-outcome';
import { settings, timeline } from './job-settings';
import { attemptsTable, deliveriesTable } from './job-tables';
import { type Html, layout } from './layout';
import { references } from './references';
import { stateBadge } from './state-badge';

export function jobPage(context: PageContext, details: JobDetails): Html {
  const { record, deliveries } = details;
  const { job } = record;
  const name = jobName(record);
  const isOpen = !isTerminal(job.status) || deliveries.some(({ status }) => status === 'pending');
  const percent = Math.floor(job.progress.percent / 25) * 25;
  return layout({
    title: name,
    pollMs: isOpen ? context.pollMs : 0,
    announcement: `${name}: ${words(job.status)}${job.status === 'processing' ? `, ${percent} %` : ''}.`,
    body: html`
<div id="job" data-live>
<nav class="crumbs" aria-label="Breadcrumb"><a href="/">Jobs</a></nav>
<div class="page-head"><div><h1>${name}</h1><p class="sub">${job.tenant} / ${job.set} <span class="id">${job.id}</span></p></div>
<div class="page-actions">${stateBadge(job.status)}${!isTerminal(job.status) && cancelLink(job)}</div></div>
<div class="columns">
<div class="column-main">
${outcome(details)}
${references(details)}
${prompt(details)}
</div>
<div class="column-side">
${timeline(record)}
${settings(record)}
${files(details)}
</div>
</div>
${attemptsTable(job)}
${deliveriesTable(record, deliveries)}
</div>
${cancelDialog(context, record)}`,
  });
}

function prompt({ record }: JobDetails): Html | null {
  const input = record.job.input ?? record.manifest?.input;
  if (!input) return null;
  return html`<section class="card" aria-labelledby="prompt-title"><h2 id="prompt-title">Prompt</h2><p class="prompt">${input.prompt}</p>${
    input.negative_prompt && html`<h3>Not wanted</h3><p class="prompt">${input.negative_prompt}</p>`
  }</section>`;
}

function files({ files }: JobDetails): Html | null {
  if (files.length === 0) return null;
  return html`<section class="card" aria-labelledby="files-title"><h2 id="files-title">Files</h2><ul class="files">${files.map(
    ({ name, url, size }) => html`<li><a href="${url}">${name}</a><span class="sub">${sizeText(size)}</span></li>`,
  )}</ul></section>`;
}

/** The list of jobs. */
import { html } from 'hono/html';
import { isTerminal, type Job } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import { fileLink } from '../file-links';
import { sentenceCase, words } from '../human-text';
import { type JobPage, type JobQuery, STATE_FILTERS } from '../job-list';
import type { PageContext } from '../page-context';
import { jobName } from './job-name';
import { type Html, layout } from './layout';
import { etaText, progressBar, progressText } from './progress';
import { stateBadge } from './state-badge';
import { age } from './time';

export function listPage(context: PageContext, query: JobQuery, page: JobPage): Html {
  const isFiltered = query.state !== null || query.tenant !== null;
  return layout({
    title: 'Jobs',
    current: 'jobs',
    pollMs: context.pollMs,
    announcement: announcement(page),
    body: html`
<div class="page-head"><h1>Jobs</h1>${(isFiltered || page.records.length > 0) && filterForm(query)}</div>
<div id="jobs" data-live>${
      page.records.length > 0 ? jobTable(context, page.records) : isFiltered || query.cursor ? noMatch() : noJobs()
    }${pagination(query, page)}</div>`,
  });
}

/** One line a job: only lines that are new are read out. */
function announcement({ records }: JobPage): string {
  return records.map((record) => `${jobName(record)}: ${words(record.job.status)}.`).join('\n');
}

function filterForm({ state, tenant }: JobQuery): Html {
  return html`<form class="filters" method="get" action="/" role="search" aria-label="Jobs">
<label><span>State</span><select name="state"><option value="">All</option>${STATE_FILTERS.map(
    (name) =>
      html`<option value="${name}" ${name === state && 'selected'}>${name === 'open' ? 'Open (any)' : sentenceCase(name)}</option>`,
  )}</select></label>
<label><span>Tenant</span><input name="tenant" value="${tenant ?? ''}" autocomplete="off" spellcheck="false" placeholder="All"></label>
<button class="button">Filter</button>${(state ?? tenant) !== null && html`<a class="quiet" href="/">Clear</a>`}
</form>`;
}

function jobTable(context: PageContext, records: readonly JobRecord[]): Html {
  return html`<div class="card table-card"><table class="jobs">
<caption class="visually-hidden">Jobs, newest first</caption>
<thead><tr><th scope="col">Video</th><th scope="col">State</th><th scope="col">Progress</th><th scope="col" class="number">Attempts</th><th scope="col" class="number">Age</th></tr></thead>
<tbody>${records.map((record) => jobRow(context, record))}</tbody></table></div>`;
}

function jobRow(context: PageContext, record: JobRecord): Html {
  const { job } = record;
  const name = jobName(record);
  return html`<tr id="${job.id}">
<th scope="row"><div class="job-cell">${thumbnail(context, job, name)}<div class="job-text"><a class="job-link" href="/jobs/${job.id}">${name}</a><span class="sub">${job.tenant} / ${job.set}</span><span class="sub id">${job.id}</span></div></div></th>
<td data-label="State">${stateBadge(job.status)}</td>
<td data-label="Progress" class="progress-cell">${progressCell(job, name)}</td>
<td data-label="Attempts" class="number">${job.metrics.attempts}</td>
<td data-label="Age" class="number">${age(job.created_at, context.now())}</td>
</tr>`;
}

/** The video's first frame; until there is one, the subject's initial. */
function thumbnail(context: PageContext, { output }: Job, name: string): Html {
  const poster = output.find(({ content_type }) => content_type === 'image/jpeg');
  return poster
    ? html`<img class="thumb" src="${fileLink(context, 'results', poster.key)}" alt="" width="56" height="56" loading="lazy">`
    : html`<span class="thumb monogram" aria-hidden="true">${[...name][0]?.toUpperCase()}</span>`;
}

function progressCell(job: Job, name: string): Html {
  if (job.status === 'succeeded') return html`<span class="sub">Video ready</span>`;
  if (job.error) return html`<span class="sub clamp">${job.error.message}</span>`;
  if (isTerminal(job.status)) return html`<span class="sub">Ended at ${Math.round(job.progress.percent)} %</span>`;
  const eta = etaText(job);
  return html`${progressBar(job, name)}<span class="sub">${progressText(job)}${eta && ` · ${eta}`}</span>`;
}

function noJobs(): Html {
  return html`<div class="card empty"><h2>No jobs yet</h2>
<p>A job makes one video of one person from a few photos of the face, taken from several angles.</p>
<p><a class="button primary" href="/new">Upload photos</a></p>
<p class="sub">Or from a terminal: <code>mv2id submit examples/ada</code></p></div>`;
}

function noMatch(): Html {
  return html`<div class="card empty"><h2>No job matches</h2><p>Nothing here has this state and tenant.</p><p><a class="button" href="/">Show all jobs</a></p></div>`;
}

function pagination({ state, tenant, cursor }: JobQuery, { next }: JobPage): Html | null {
  if (next === null && cursor === null) return null;
  const filter = { ...(state && { state }), ...(tenant && { tenant }) };
  const link = (more: Record<string, string>) => `/?${new URLSearchParams({ ...filter, ...more })}`;
  return html`<nav class="pagination" aria-label="Pages of the list">${cursor !== null && html`<a class="button" href="${link({})}">Newest</a>`}${next !== null && html`<a class="button" rel="next" href="${link({ cursor: next })}">Older jobs</a>`}</nav>`;
}

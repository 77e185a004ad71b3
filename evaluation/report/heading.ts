/** Who, with what, when, and the prompt. */
import type { Report } from '../../contract/report';
import { type Html, html } from './html';
import { timeText } from './quantities';

export function heading(report: Report): Html {
  const { input } = report;
  return html`<header>
<p class="kicker">Generated video</p>
<h1>${report.subject}</h1>
<p class="byline">${report.model} <span aria-hidden="true">·</span> <time datetime="${report.created_at}">${timeText(report.created_at)}</time> <span aria-hidden="true">·</span> <code>${report.job_id}</code></p>
<blockquote class="prompt"><p>${input.prompt}</p>${
    input.negative_prompt !== '' && html`<p class="negative"><b>Not:</b> ${input.negative_prompt}</p>`
  }</blockquote>
</header>`;
}

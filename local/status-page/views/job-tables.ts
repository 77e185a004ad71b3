/** The tables at the end of a job's page: attempts and webhook deliveries. */
import { html } from 'hono/html';
import type { Delivery } from '../../../contract/delivery';
import type { Job } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import { durationText, sentenceCase, words } from '../human-text';
import type { Html } from './layout';
import { moment } from './time';

const NONE = html`<span class="sub">–</span>`;

export function attemptsTable({ attempts }: Job): Html {
  if (attempts.length === 0) return empty('Attempts', 'No worker has run this job yet.');
  return html`<section class="card table-card"><table><caption>Attempts</caption>
<thead><tr><th scope="col" class="number">No.</th><th scope="col">Started</th><th scope="col">Ended</th><th scope="col">Ran</th><th scope="col">On</th><th scope="col">Reason</th></tr></thead>
<tbody>${attempts.map(
    ({ number, started_at, stopped_at, capacity, instance_type, reason }) => html`<tr>
<th scope="row" data-label="No." class="number">${number}</th>
<td data-label="Started">${started_at ? moment(started_at) : NONE}</td>
<td data-label="Ended">${stopped_at ? moment(stopped_at) : NONE}</td>
<td data-label="Ran">${started_at && stopped_at ? durationText((Date.parse(stopped_at) - Date.parse(started_at)) / 1000) : NONE}</td>
<td data-label="On">${[capacity && words(capacity), instance_type].filter(Boolean).join(', ') || NONE}</td>
<td data-label="Reason">${reason ?? NONE}</td></tr>`,
  )}</tbody></table></section>`;
}

export function deliveriesTable({ webhook }: JobRecord, deliveries: readonly Delivery[]): Html {
  if (webhook === null) return empty('Webhook deliveries', 'The set names no webhook.');
  if (deliveries.length === 0) return empty('Webhook deliveries', `Nothing has been sent to ${webhook} yet.`);
  return html`<section class="card table-card"><table><caption>Webhook deliveries <span class="sub">to ${webhook}</span></caption>
<thead><tr><th scope="col">Event</th><th scope="col">Delivery</th><th scope="col" class="number">Tries</th><th scope="col">Last answer</th><th scope="col">Next try</th></tr></thead>
<tbody>${deliveries.map(deliveryRow)}</tbody></table></section>`;
}

function deliveryRow({ id, message, status, attempts, next_attempt_at }: Delivery): Html {
  const last = attempts.at(-1);
  return html`<tr><th scope="row" data-label="Event"><span>${message.event.type}</span><span class="sub id">${id}</span></th>
<td data-label="Delivery">${sentenceCase(status)}</td>
<td data-label="Tries" class="number">${attempts.length}</td>
<td data-label="Last answer">${last ? html`${last.error ?? `HTTP ${last.status_code}`} <span class="sub">${moment(last.at)}</span>` : NONE}</td>
<td data-label="Next try">${next_attempt_at ? moment(next_attempt_at) : NONE}</td></tr>`;
}

function empty(title: string, text: string): Html {
  return html`<section class="card quiet-card"><h2>${title}</h2><p class="sub">${text}</p></section>`;
}

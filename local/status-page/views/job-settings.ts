/** The side of a job's page: when what happened, and what the job runs with. */
import { html } from 'hono/html';
import { isTerminal } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import type { ManifestInput } from '../../../contract/manifest';
import { durationText, sentenceCase } from '../human-text';
import type { Html } from './layout';
import { moment } from './time';

export function timeline({ job, uploaded_at }: JobRecord): Html {
  const { queue_time, predict_time, total_time } = job.metrics;
  const steps: [string, string | null, string | null][] = [
    ['Uploaded', uploaded_at, null],
    [job.status === 'rejected' ? 'Checked' : 'Queued', job.created_at, null],
    ['Submitted', job.submitted_at, null],
    ['Processing', job.started_at, queue_time === null ? null : `waited ${durationText(queue_time)}`],
    [
      isTerminal(job.status) ? sentenceCase(job.status) : 'Ended',
      job.completed_at,
      predict_time === null ? null : `ran ${durationText(predict_time)}`,
    ],
  ];
  return html`<section class="card" aria-labelledby="history-title"><h2 id="history-title">History</h2><ol class="timeline">${steps
    .filter(([, time]) => time !== null)
    .map(
      ([label, time, note]) =>
        html`<li><span class="timeline-label">${label}</span>${moment(time!)}${note && html`<span class="sub">${note}</span>`}</li>`,
    )}</ol>${total_time !== null && html`<p class="sub">${durationText(total_time)} in all</p>`}</section>`;
}

export function settings({ job, manifest }: JobRecord): Html {
  const input: Partial<ManifestInput> = job.input ?? manifest?.input ?? {};
  const guidance = input.guidance ?? {};
  const rows: [string, string | number | null | undefined][] = [
    ['Model', job.model],
    ['Size', input.width && input.height ? `${input.width} × ${input.height}` : null],
    ['Frames', input.num_frames && input.fps ? `${input.num_frames} at ${input.fps} a second` : input.num_frames],
    ['Steps', input.steps],
    ['Seed', input.seed],
    ['Text guidance', guidance.text],
    ['Image guidance', guidance.image],
    ['Videos', input.num_outputs],
    [
      'Cost (estimate)',
      job.metrics.estimated_cost_usd === null ? null : `${job.metrics.estimated_cost_usd.toFixed(2)} USD`,
    ],
  ];
  const metadata = Object.keys(job.metadata).length > 0 ? JSON.stringify(job.metadata, null, 2) : null;
  return html`<section class="card" aria-labelledby="settings-title"><h2 id="settings-title">Settings</h2><dl class="settings">${rows
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>${
    job.input === null && html`<p class="sub">The model decides what is not named.</p>`
  }${metadata && html`<details><summary>Metadata</summary><pre>${metadata}</pre></details>`}</section>`;
}

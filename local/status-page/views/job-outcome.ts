/** The first thing on a job's page: its video, how far it is, or why there is none. */
import { html } from 'hono/html';
import type { Job } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import { errorsOf } from '../../../contract/reference-check';
import { durationText } from '../human-text';
import type { JobDetails } from '../job-details';
import { acceptance } from './acceptance';
import { findingList } from './finding-list';
import { jobName } from './job-name';
import type { Html } from './layout';
import { etaText, progressBar, progressText } from './progress';

export function outcome(details: JobDetails): Html {
  const { record } = details;
  const { job } = record;
  switch (job.status) {
    case 'succeeded':
      return videos(details);
    case 'failed':
    case 'timed_out':
    case 'rejected':
      return failure(record);
    case 'canceled':
      return html`<section class="card outcome" aria-labelledby="outcome-title"><h2 id="outcome-title">Canceled</h2>
<p>Stopped at ${Math.round(job.progress.percent)} %. The photos are still there: upload the set again to run it.</p></section>`;
    default:
      return progress(job, jobName(record));
  }
}

function videos({ record, videos }: JobDetails): Html {
  const { data_removed_at } = record.job;
  if (data_removed_at !== null) {
    return html`<section class="card outcome" aria-labelledby="outcome-title"><h2 id="outcome-title">Removed after its retention</h2>
<p>The video was kept for ${record.retention_days} ${record.retention_days === 1 ? 'day' : 'days'} and removed on ${data_removed_at.slice(0, 10)}.</p></section>`;
  }
  if (videos.length === 0) {
    return html`<section class="card outcome" aria-labelledby="outcome-title"><h2 id="outcome-title">Finished</h2><p>The job names no video.</p></section>`;
  }
  return html`<section class="card stage" aria-labelledby="outcome-title"><h2 id="outcome-title" class="visually-hidden">Video</h2>${videos.map(
    ({ output, url, posterUrl }, i) =>
      html`<figure><video id="video-${i + 1}" data-version="${output.sha256}" controls loop playsinline preload="metadata" aria-label="Video of ${jobName(record)}${videos.length > 1 && ` (${i + 1} of ${videos.length})`}" ${posterUrl && html`poster="${posterUrl}"`} ${output.width !== null && html`width="${output.width}" height="${output.height}"`} src="${url}"></video>
<figcaption><span>${videoFacts(output)}</span><a class="button" href="${url}" download>Download</a></figcaption></figure>`,
  )}</section>`;
}

function videoFacts({ width, height, duration_seconds }: Job['output'][number]): string {
  const size = width !== null && height !== null ? `${width} × ${height}` : '';
  const duration = duration_seconds !== null ? durationText(duration_seconds) : '';
  return [size, duration].filter(Boolean).join(' · ');
}

function progress(job: Job, name: string): Html {
  const eta = etaText(job);
  return html`<section class="card outcome" aria-labelledby="outcome-title"><h2 id="outcome-title">${
    job.status === 'processing' ? 'Generating the video' : 'On its way'
  }</h2>
<p class="percent" aria-hidden="true">${Math.round(job.progress.percent)}<span> %</span></p>
${progressBar(job, name)}
<p class="progress-line"><span>${progressText(job)}</span><span>${eta}</span></p></section>`;
}

const FAILURE_TITLES: Partial<Record<Job['status'], string>> = {
  failed: 'No video: the job failed',
  timed_out: 'No video: the time was up',
  rejected: 'The upload was not accepted',
};

function failure(record: JobRecord): Html {
  const { status, error, reference_check } = record.job;
  const isOfPhotos = error?.code === 'invalid_reference_set' && reference_check !== null;
  return html`<section class="card outcome failure" aria-labelledby="outcome-title"><h2 id="outcome-title">${FAILURE_TITLES[status]}</h2>
${isOfPhotos ? findingList(errorsOf(reference_check), 'outcome-title') : reasons(error)}
${error && html`<p class="sub">Error code <code>${error.code}</code></p>`}
${isOfPhotos ? acceptance(record) : html`<p>${advice(status, error?.retryable ?? false)}</p>`}</section>`;
}

function reasons(error: Job['error']): Html {
  if (!error) return html`<p>No reason was given.</p>`;
  if (error.details.length === 0) return html`<p class="failure-message">${error.message}</p>`;
  return html`<ul class="failure-details">${error.details.map(
    ({ path, message }) => html`<li><code>${path}</code><span>${message}</span></li>`,
  )}</ul>`;
}

function advice(status: Job['status'], isRetryable: boolean): Html {
  if (status === 'rejected') {
    return html`Nothing is lost: the upload is still in its folder. Correct what is named above and upload <code>job.json</code> again, or <a href="/new">start a new video</a>.`;
  }
  return isRetryable
    ? html`This was not the set's fault. Upload its <code>job.json</code> again to run it once more.`
    : html`The same set would fail again. Correct what is named above, then upload <code>job.json</code> again.`;
}

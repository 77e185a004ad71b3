/** How far a job is. */
import { html } from 'hono/html';
import { isTerminal, type Job } from '../../../contract/job';
import { durationText } from '../human-text';
import type { Html } from './layout';

/** @param name what moves, for the label of the bar. */
export function progressBar({ progress }: Pick<Job, 'progress'>, name: string): Html {
  const percent = Math.round(progress.percent);
  return html`<progress max="100" value="${percent}" aria-label="Progress of ${name}">${percent} %</progress>`;
}

/** "Step 5 of 20", or what the job waits for. */
export function progressText(job: Job): string {
  switch (job.status) {
    case 'queued':
      return 'Waiting in the queue';
    case 'submitted':
      return 'Waiting for a free slot';
    case 'starting':
      return 'The worker starts';
    case 'processing':
      return job.progress.step === 0 ? 'Reading model and photos' : stepText(job);
    default:
      return '';
  }
}

/** "about 8 s left", or nothing where nobody knows. */
export function etaText({ progress, status }: Job): string {
  return isTerminal(status) || progress.eta_seconds === null
    ? ''
    : `about ${durationText(Math.round(progress.eta_seconds))} left`;
}

function stepText({ progress }: Job): string {
  const isDenoised = progress.step >= progress.total_steps;
  return isDenoised ? 'Writing the video' : `Step ${progress.step} of ${progress.total_steps}`;
}

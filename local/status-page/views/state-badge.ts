/** A job's state: the word itself, and a colour that repeats it. */
import { html } from 'hono/html';
import type { JobState } from '../../../contract/job';
import { sentenceCase } from '../human-text';
import type { Html } from './layout';

const TONES: Record<JobState, 'waiting' | 'active' | 'good' | 'bad' | 'neutral'> = {
  queued: 'waiting',
  submitted: 'waiting',
  starting: 'active',
  processing: 'active',
  succeeded: 'good',
  failed: 'bad',
  canceled: 'neutral',
  timed_out: 'bad',
  rejected: 'bad',
};

export function stateBadge(state: JobState): Html {
  return html`<span class="badge ${TONES[state]}" data-state="${state}">${sentenceCase(state)}</span>`;
}

/** What a check says of a photo or of a finding: a sign and the word itself, and a colour that repeats them. */
import { html } from 'hono/html';
import type { CheckVerdict } from '../../../contract/reference-check';
import type { Html } from './layout';

const WORDS: Record<CheckVerdict | 'accepted', string> = {
  ok: 'Good',
  warning: 'Warning',
  error: 'Error',
  accepted: 'Accepted',
};

/** The sign is drawn by the style sheet. */
export function verdict(of: keyof typeof WORDS): Html {
  return html`<span class="verdict ${of}">${WORDS[of]}</span>`;
}

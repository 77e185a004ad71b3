/** A moment, for people and for machines. */
import { html } from 'hono/html';
import { ageText, timeText } from '../human-text';
import type { Html } from './layout';

export function moment(time: string): Html {
  return html`<time datetime="${time}">${timeText(time)}</time>`;
}

/** "3 min ago", with the moment itself on hover. */
export function age(time: string, now: Date): Html {
  return html`<time datetime="${time}" title="${timeText(time)}">${ageText(time, now)}</time>`;
}

/** A page that says one thing. */
import { html } from 'hono/html';
import { type Html, layout } from './layout';

export function messagePage(title: string, text: string): Html {
  return layout({
    title,
    body: html`<div class="message"><h1>${title}</h1><p>${text}</p><p><a class="button" href="/">All jobs</a></p></div>`,
  });
}

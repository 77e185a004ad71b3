/** Tables: a caption for screen readers, names in the first column. */
import { type Html, type HtmlValue, html } from './html';

/** Names and what they are. @param caption read aloud, not shown. */
export function factTable(caption: string, rows: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  return html`<table class="facts"><caption class="unseen">${caption}</caption><colgroup><col><col></colgroup><tbody>${rows.map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`,
  )}</tbody></table>`;
}

/** Numbers under column names; the first column names the row. @param caption read aloud, not shown. */
export function numberTable(
  caption: string,
  columns: readonly string[],
  rows: readonly (readonly HtmlValue[])[],
  total?: readonly HtmlValue[],
): Html {
  const line = ([name, ...values]: readonly HtmlValue[]) =>
    html`<tr><th scope="row">${name ?? ''}</th>${values.map((value) => html`<td>${value}</td>`)}</tr>`;
  return html`<div class="scroll" tabindex="0" role="group" aria-label="${caption}"><table class="numbers"><caption class="unseen">${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
<tbody>${rows.map(line)}</tbody>${total !== undefined && html`<tfoot>${line(total)}</tfoot>`}</table></div>`;
}

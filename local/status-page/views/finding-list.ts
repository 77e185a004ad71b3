/** What a check has found, each with its weight as sign and word. */
import { html } from 'hono/html';
import type { Finding } from '../../../contract/reference-check';
import { sentenceCase, withoutPath } from '../human-text';
import type { Html } from './layout';
import { verdict } from './verdict';

/** @param titleId of the heading that names the list. */
export function findingList(findings: readonly Finding[], titleId: string): Html {
  return html`<ul class="findings" aria-labelledby="${titleId}">${findings.map(
    ({ code, severity, accepted, path, message }) =>
      html`<li>${verdict(accepted ? 'accepted' : severity)}<span><b>${sentenceCase(code)}.</b> ${withoutPath(path, message)}</span></li>`,
  )}</ul>`;
}

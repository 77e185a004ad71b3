/**
 * report.html: report.json for people, beside every video. One file that holds everything it shows, so that it opens from disk and
 * from a presigned link, and still does after the links of its video have expired. It runs no script and loads nothing.
 *
 * Each section is a function of the report in a file of its own under report/.
 */
import { createHash } from 'node:crypto';
import type { Report } from '../contract/report';
import { facesSection } from './report/faces';
import { heading } from './report/heading';
import { Html, html } from './report/html';
import type { ReportMedia } from './report/media';
import { outputsSection } from './report/outputs';
import { provenanceSection } from './report/provenance';
import { referencesSection } from './report/references';
import { settingsSection } from './report/settings';
import { stepsSection } from './report/steps';
import { STYLE } from './report/style';
import { timingsSection } from './report/timings';

export type { ReportMedia } from './report/media';

/** Pictures and videos from the page itself and its one style sheet; nothing else, from nowhere. */
const POLICY = [
  "default-src 'none'",
  'img-src data:',
  'media-src data:',
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/**
 * The whole page.
 * @throws Error when `media` lacks a file that the report names.
 */
export function renderReportPage(report: Report, media: ReportMedia): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<title>${report.subject} · mv2id report</title>
<link rel="icon" href="data:,">
<style>${new Html(STYLE)}</style>
</head>
<body>
${heading(report)}
<main>
<div class="top ${report.outputs.length === 1 ? 'beside' : 'below'}">
${outputsSection(report, media)}
${referencesSection(report, media)}
</div>
<div class="sheet">
${facesSection(report, media)}
${settingsSection(report)}
${timingsSection(report)}
${stepsSection(report)}
${provenanceSection(report)}
</div>
</main>
<footer>The same figures for programs: report.json beside this file.</footer>
</body>
</html>
`;
  return page.text;
}

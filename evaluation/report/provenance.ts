/** What the video is, enough to make it again, and to tell whether it is the same. */
import type { Report } from '../../contract/report';
import { type Html, type HtmlValue, html } from './html';
import { byteText } from './quantities';
import { factTable } from './table';

export function provenanceSection(report: Report): Html {
  const several = report.outputs.length > 1;
  const hashes = report.outputs.flatMap(({ video, sha256, latents_sha256 }): [string, HtmlValue][] => [
    [video, hash(sha256)],
    [several ? `Latents of ${video}` : 'Latents', hash(latents_sha256)],
  ]);
  return html`<section class="wide" aria-labelledby="provenance">
<h2 id="provenance">Provenance</h2>
<h3>Origin</h3>
${factTable('Where the video comes from', [
  ['Made by', 'a generative model; no pixel of a photo is in it'],
  ['Digital source type', html`<code>${report.digital_source_type}</code>`],
  ['Content Credentials', report.has_content_credentials ? 'signed (C2PA)' : 'not signed'],
  ['Consent', consentText(report)],
])}
<h3>SHA-256</h3>
${factTable('SHA-256 of what went in and came out', [
  ...hashes,
  ['Model files', hash(report.model_sha256)],
  ...report.references.map(({ file, sha256 }) => [file, hash(sha256)] as const),
])}
<h3>Run</h3>
${factTable('The run', [
  ['Job', html`<code>${report.job_id}</code>`],
  ['Peak memory', byteText(report.peak_memory_bytes)],
  ['Attempts', report.attempts],
  ...Object.entries(report.versions),
])}
</section>`;
}

/** No more of a person than job.json has. */
function consentText({ consent }: Report): HtmlValue {
  const { reference, recorded_at } = consent;
  if (recorded_at === null) return html`confirmed in job.json: ${reference}`;
  return html`recorded ${recorded_at.slice(0, 19).replace('T', ' ')} UTC: ${reference}`;
}

function hash(sha256: string): Html {
  return html`<code class="hash">${sha256}</code>`;
}

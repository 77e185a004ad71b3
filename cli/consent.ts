/** `mv2id consent list`: who vouched for whose consent, newest first. */
import type { Consent } from '../contract/consent';
import { UsageError } from './exit-code';
import { timeText } from './job-text';
import { writeJson } from './json-line';
import { newestFirst } from './newest-first';
import type { ProfileOptions } from './profile';
import { withService } from './service';
import type { Streams } from './streams';
import { textTable } from './text-table';

export interface ConsentListOptions extends ProfileOptions {
  readonly tenant?: string;
  readonly set?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const HEADING = ['JOB', 'SET', 'SUBJECT', 'CONSENT', 'UPLOADED BY', 'UPLOADED', 'RECORDED', 'JOB.JSON SHA-256'];
const HASH_SHOWN = 12;

/** @throws UsageError when a set is named without its tenant. */
export async function runConsentList(
  options: ConsentListOptions,
  { stdout }: Streams,
  now = new Date(),
): Promise<void> {
  const { tenant, set, limit, json } = options;
  if (set !== undefined && tenant === undefined)
    throw new UsageError('--tenant must be given with --set, got nothing.');
  await withService(options, async ({ ports }) => {
    const consents: Consent[] = [];
    for await (const consent of newestFirst(ports.consents, { tenant, set }, now)) {
      consents.push(consent);
      if (consents.length === limit) break;
    }
    if (json) writeJson(stdout, consents);
    else if (consents.length === 0) stdout.write('No consents.\n');
    else for (const line of textTable([HEADING, ...consents.map(row)])) stdout.write(`${line}\n`);
  });
}

function row(consent: Consent): string[] {
  const { id, tenant, set, subject, reference, uploaded_by, uploaded_at, recorded_at, manifest_sha256 } = consent;
  const { requester, source_ip } = uploaded_by;
  const uploader = [requester, source_ip].filter((part) => part !== null).join(' from ') || 'not told';
  return [
    id,
    `${tenant}/${set}`,
    subject,
    reference,
    uploader,
    timeText(uploaded_at),
    timeText(recorded_at),
    manifest_sha256.slice(0, HASH_SHOWN),
  ];
}

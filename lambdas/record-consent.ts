/** Notes down who vouched for whose consent, before the job that rests on it is made. */
import { createHash } from 'node:crypto';
import type { ConsentTable } from '../clients/consent-table';
import type { Consent } from '../contract/consent';
import type { UploadEvent } from '../contract/events';
import type { JobId } from '../contract/job';
import type { Manifest } from '../contract/manifest';

export interface Vouched {
  readonly id: JobId;
  readonly tenant: string;
  readonly set: string;
  readonly manifest: Manifest;
  /** Of job.json. */
  readonly bytes: Uint8Array;
  readonly uploadedAt: Date;
  readonly uploadedBy: Consent['uploaded_by'];
}

/** The first record of a job stands: a repeated event changes nothing. */
export async function recordConsent(consents: ConsentTable, vouched: Vouched, now: Date): Promise<void> {
  const { id, tenant, set, manifest, bytes, uploadedAt, uploadedBy } = vouched;
  await consents.insert({
    id,
    version: 1,
    tenant,
    set,
    subject: manifest.reference_set.subject,
    reference: manifest.reference_set.consent.reference,
    manifest_sha256: createHash('sha256').update(bytes).digest('hex'),
    uploaded_by: uploadedBy,
    uploaded_at: uploadedAt.toISOString(),
    recorded_at: now.toISOString(),
  });
}

/** What an event tells of its cause; reconcile's own tells nothing. */
export function uploaderOf({ detail }: UploadEvent): Consent['uploaded_by'] {
  return { requester: detail.requester ?? null, source_ip: detail['source-ip-address'] ?? null };
}

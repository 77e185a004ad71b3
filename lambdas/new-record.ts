/** The record of a job that has just been judged, taken or not. */
import type { JobLedger } from '../clients/job-ledger';
import type { Job, JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import type { Manifest } from '../contract/manifest';
import type { ReferenceCheck } from '../contract/reference-check';
import type { JobRejected } from '../contract/rejection';

export type NewRecord = Parameters<JobLedger['create']>[0];

/** What validation found out about a job.json and its images. */
export interface Verdict {
  /** Null when job.json itself is wrong. */
  readonly manifest: Manifest | null;
  readonly webhook: string | null;
  readonly images: JobRecord['images'];
  /** Null where the images were not come to, or cannot be looked at. */
  readonly referenceCheck: ReferenceCheck | null;
  /** Null for a job that is taken. */
  readonly rejection: JobRejected | null;
}

export interface Origin {
  readonly id: JobId;
  readonly tenant: string;
  readonly set: string;
  readonly uploadedAt: Date;
}

/** A job.json of nothing but mistakes has thousands; the job object travels in webhooks of at most 20 KB. */
const MAX_DETAILS = 20;
const MAX_FINDINGS = 20;

/** @param retentionDays of the deployment, for results whose job.json has none; for ever unless given. */
export function newRecord(
  { id, tenant, set, uploadedAt }: Origin,
  verdict: Verdict,
  now: Date,
  retentionDays?: number,
): NewRecord {
  const { manifest, webhook, images, referenceCheck, rejection } = verdict;
  const job: Job = {
    schema_version: 1,
    id,
    status: rejection ? 'rejected' : 'queued',
    tenant,
    set,
    model: manifest?.model ?? '',
    progress: { percent: 0, step: 0, total_steps: 0, eta_seconds: null },
    input: null,
    reference_check: referenceCheck && { ...referenceCheck, findings: referenceCheck.findings.slice(0, MAX_FINDINGS) },
    output: [],
    error: rejection && rejectionError(rejection),
    metrics: {
      queue_time: null,
      predict_time: null,
      total_time: null,
      attempts: 0,
      gpu_seconds: null,
      estimated_cost_usd: null,
    },
    attempts: [],
    metadata: manifest?.metadata ?? {},
    created_at: now.toISOString(),
    submitted_at: null,
    started_at: null,
    completed_at: rejection ? now.toISOString() : null,
    data_removed_at: null,
  };
  const retention_days = manifest?.retention_days ?? retentionDays;
  return {
    id,
    job,
    manifest,
    webhook,
    images: [...images],
    uploaded_at: uploadedAt.toISOString(),
    batch_job_id: null,
    attempt: 0,
    last_error: null,
    ...(retention_days !== undefined && { retention_days }),
  };
}

function rejectionError({ code, message, details }: JobRejected): NonNullable<Job['error']> {
  return { code, message, details: details.slice(0, MAX_DETAILS).map((detail) => ({ ...detail })), retryable: false };
}

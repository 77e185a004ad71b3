/**
 * What a webhook carries: the job object as it was when the event fired, with links that are fresh at every try. The body stays under
 * 20 KB, the most that Standard Webhooks recommends; where it would be larger, what the receiver can fetch from the results goes
 * first, and the metadata, by which a receiver knows whose job it is, never does.
 */
import type { ObjectStore } from '../clients/object-store';
import type { WebhookBody } from '../contract/events';
import type { Job, JobOutput } from '../contract/job';
import type { JobEvent } from '../contract/job-record';
import { REFERENCES_FOLDER } from '../contract/keys';
import type { ReferenceCheck } from '../contract/reference-check';

export const MAX_BODY_BYTES = 20_000;
/** Long enough for a receiver that fetches in the morning what arrived at night. */
export const LINK_SECONDS = 24 * 3600;

const MAX_PROMPT_LENGTH = 200;
const MAX_DETAILS = 5;
const MAX_ATTEMPTS = 3;
const MAX_MESSAGE_LENGTH = 500;

/** In this order, as many as are needed. */
const REDUCTIONS: readonly ((job: Job) => Job)[] = [
  withoutReferenceLinks,
  withShortPrompts,
  (job) => withCheck(job, (check) => ({ ...check, findings: check.findings.slice(0, MAX_DETAILS) })),
  (job) => withError(job, (error) => ({ ...error, details: error.details.slice(0, MAX_DETAILS) })),
  (job) => ({ ...job, attempts: job.attempts.slice(-MAX_ATTEMPTS) }),
  (job) =>
    withError(job, (error) => ({ ...error, details: [], message: shortened(error.message, MAX_MESSAGE_LENGTH) })),
  (job) => ({ ...job, attempts: [] }),
  (job) => ({ ...job, reference_check: null }),
];

/** @returns the bytes to sign and send, as text. */
export async function webhookBody(event: JobEvent, results: Pick<ObjectStore, 'presign'>): Promise<string> {
  const output = await Promise.all(event.job.output.map((file) => withLink(file, results)));
  let job: Job = { ...event.job, output };
  for (const reduce of REDUCTIONS) {
    if (isSmall(event, job)) break;
    job = reduce(job);
  }
  // The videos come first among the outputs and keep their links longest.
  for (let last = output.length - 1; last >= 0 && !isSmall(event, job); last--) job = withoutLink(job, last);
  return text(event, job);
}

async function withLink(file: JobOutput, results: Pick<ObjectStore, 'presign'>): Promise<JobOutput> {
  const link = await results.presign(file.key, LINK_SECONDS);
  return { ...file, url: link?.url ?? null, expires_at: link?.expiresAt.toISOString() ?? null };
}

function withoutLink(job: Job, index: number): Job {
  return {
    ...job,
    output: job.output.map((file, i) => (i === index ? { ...file, url: null, expires_at: null } : file)),
  };
}

/** What the model was fed is for people who look closer. */
function withoutReferenceLinks(job: Job): Job {
  const isReference = ({ key }: JobOutput) => key.includes(`/${REFERENCES_FOLDER}/`);
  return {
    ...job,
    output: job.output.map((file) => (isReference(file) ? { ...file, url: null, expires_at: null } : file)),
  };
}

function withShortPrompts(job: Job): Job {
  if (!job.input) return job;
  const { prompt, negative_prompt } = job.input;
  return {
    ...job,
    input: {
      ...job.input,
      prompt: shortened(prompt, MAX_PROMPT_LENGTH),
      negative_prompt: shortened(negative_prompt, MAX_PROMPT_LENGTH),
    },
  };
}

function withError(job: Job, change: (error: NonNullable<Job['error']>) => Job['error']): Job {
  return job.error ? { ...job, error: change(job.error) } : job;
}

function withCheck(job: Job, change: (check: ReferenceCheck) => ReferenceCheck): Job {
  return job.reference_check ? { ...job, reference_check: change(job.reference_check) } : job;
}

/** Cut between characters, never inside one. */
function shortened(long: string, maxLength: number): string {
  const characters = Array.from(long);
  return characters.length <= maxLength ? long : `${characters.slice(0, maxLength).join('')}...`;
}

function isSmall(event: JobEvent, job: Job): boolean {
  return Buffer.byteLength(text(event, job)) <= MAX_BODY_BYTES;
}

function text({ type, timestamp }: JobEvent, data: Job): string {
  const body: WebhookBody = { type, timestamp, data };
  return JSON.stringify(body);
}

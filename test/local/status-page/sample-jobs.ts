/** Jobs on a status page in a temporary home, moved by the ledger as the stages and the worker move them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { JobLedger } from '../../../clients/job-ledger';
import { type LocalPorts, openLocalPorts } from '../../../clients/local/local-ports';
import { mustBe } from '../../../contract/field-error';
import type { Job, JobId, JobInput } from '../../../contract/job';
import type { JobRecord } from '../../../contract/job-record';
import { jobId, manifestKey, modelKey, resultKey, uploadKey } from '../../../contract/keys';
import { type Manifest, parseManifest } from '../../../contract/manifest';
import {
  type AcceptableCode,
  ERROR_CODES,
  type Finding,
  type FindingCode,
  type ReferenceCheck,
} from '../../../contract/reference-check';
import { type StatusPage, startStatusPage } from '../../../local/status-page/server';

export const ADA = path.resolve(__dirname, '../../../examples/ada');
const MODEL = path.resolve(__dirname, '../../../models/mv2id-tiny');

export const INPUT: JobInput = {
  prompt: 'a person turns far to the left, blue background, soft light from the front',
  negative_prompt: '',
  seed: 5,
  width: 128,
  height: 128,
  num_frames: 17,
  fps: 8,
  steps: 20,
  guidance: { text: 2, image: 1.5 },
  num_outputs: 1,
};

/** What the built-in networks find in the example's photos. */
export const ADA_CHECK: ReferenceCheck = {
  measured_with: 'blazeface + faceres (da8aefcf31b9)',
  images: [
    {
      file: 'yaw-060.png',
      faces: 1,
      face_width: 234,
      sharpness: 590.8,
      yaw: -56.7,
      pitch: 6.1,
      roll: 4.8,
      similarity: 0.933,
    },
    {
      file: 'yaw+000.png',
      faces: 1,
      face_width: 221,
      sharpness: 1494.1,
      yaw: -0.2,
      pitch: -0.5,
      roll: 0.4,
      similarity: 0.69,
    },
    {
      file: 'yaw+060.png',
      faces: 1,
      face_width: 228,
      sharpness: 625,
      yaw: 66.1,
      pitch: 0.9,
      roll: -1.6,
      similarity: 0.933,
    },
  ],
  findings: [],
};

/** As validation words it. @param place the photo's in job.json; null for the whole set. */
export function sampleFinding(code: FindingCode, place: number | null, rule: string, got: string): Finding {
  const path = place === null ? 'reference_set.images' : `reference_set.images[${place}].file`;
  const file = place === null ? null : ADA_CHECK.images[place]!.file;
  const severity = (ERROR_CODES as readonly FindingCode[]).includes(code) ? 'error' : 'warning';
  const { message } = mustBe(path, rule, file === null ? got : `${file} (${got})`);
  return { code, severity, accepted: false, path, file, figure: null, rule, message };
}

export interface SamplePage {
  readonly ports: LocalPorts;
  readonly ledger: JobLedger;
  readonly page: StatusPage;
  /** What the page and the ledger take for now. */
  readonly clock: { now: Date };
  close(): Promise<void>;
}

export async function openSamplePage(options: { readonly pollMs?: number } = {}): Promise<SamplePage> {
  const home = mkdtempSync(path.join(tmpdir(), 'mv2id-status-'));
  const clock = { now: new Date('2026-11-23T21:14:00.000Z') };
  const now = () => clock.now;
  const ports = await openLocalPorts({ type: 'local', home }, { now });
  for (const file of ['model_index.json', 'reference_conditioning.json']) {
    await ports.buckets.models.put(modelKey('mv2id-tiny', file), readFileSync(path.join(MODEL, file)));
  }
  const page = await startStatusPage({ ports, port: 0, pollMs: options.pollMs ?? 50, now });
  return {
    ports,
    ledger: new JobLedger(ports, now),
    page,
    clock,
    close: async () => {
      await page.close();
      await ports.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

export interface SampleJob {
  readonly tenant?: string;
  readonly set: string;
  readonly subject?: string;
  readonly webhook?: string;
  /** Instead of a job that is queued. */
  readonly error?: NonNullable<Job['error']>;
  /** Instead of the example's, or of none where there is an error. */
  readonly check?: ReferenceCheck;
  /** `reference_set.accept` */
  readonly accept?: readonly AcceptableCode[];
}

/** Uploads the example's photos and a job.json, and creates the job, queued (or rejected, with an error). */
export async function createSampleJob(sample: SamplePage, job: SampleJob): Promise<JobRecord> {
  const { tenant = 'studio', set, subject = 'Ada', webhook, error = null, accept } = job;
  const check = job.check ?? (error ? null : ADA_CHECK);
  const { ports, ledger, clock } = sample;
  const example = parseManifest(readFileSync(path.join(ADA, 'job.json')));
  const manifest: Manifest = {
    ...example,
    reference_set: { ...example.reference_set, subject, ...(accept && { accept: [...accept] }) },
    ...(webhook !== undefined && { webhook }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  const images: JobRecord['images'] = [];
  for (const { file } of manifest.reference_set.images) {
    const body = readFileSync(path.join(ADA, file));
    await ports.buckets.uploads.put(uploadKey(tenant, set, file), body);
    images.push({ file, size: body.length, sha256: createHash('sha256').update(body).digest('hex') });
  }
  await ports.buckets.uploads.put(manifestKey(tenant, set), bytes);
  const id = jobId(tenant, set, bytes);
  const time = clock.now.toISOString();
  const { record } = await ledger.create({
    id,
    job: { ...firstJob(id, tenant, set, manifest, time, error), reference_check: check },
    manifest,
    webhook: webhook ?? null,
    images,
    uploaded_at: time,
    batch_job_id: null,
    attempt: 0,
    last_error: null,
  });
  return record;
}

/** As the worker does it: started, and at this step. */
export async function progressTo({ ledger, clock }: SamplePage, id: JobId, step: number): Promise<void> {
  await ledger.change(id, ({ job }) => ({
    status: 'processing',
    job: {
      input: INPUT,
      progress: {
        percent: (100 * step) / INPUT.steps,
        step,
        total_steps: INPUT.steps,
        eta_seconds: INPUT.steps - step,
      },
      metrics: { ...job.metrics, attempts: 1 },
      attempts: [
        {
          number: 1,
          started_at: clock.now.toISOString(),
          stopped_at: null,
          reason: null,
          capacity: 'local',
          instance_type: null,
        },
      ],
    },
    record: { attempt: 1 },
  }));
}

/** As the worker does it: results first, then the state. */
export async function succeed(sample: SamplePage, id: JobId, files: Record<string, Uint8Array>): Promise<void> {
  const types: Record<string, string> = {
    mp4: 'video/mp4',
    jpg: 'image/jpeg',
    png: 'image/png',
    html: 'text/html',
    json: 'application/json',
  };
  const output: Job['output'] = [];
  for (const [file, body] of Object.entries(files)) {
    const key = resultKey(id, file);
    await sample.ports.buckets.results.put(key, body);
    const isVideo = file.endsWith('.mp4');
    output.push({
      url: null,
      key,
      content_type: types[path.extname(file).slice(1)]!,
      size: body.length,
      sha256: createHash('sha256').update(body).digest('hex'),
      width: isVideo ? INPUT.width : null,
      height: isVideo ? INPUT.height : null,
      duration_seconds: isVideo ? INPUT.num_frames / INPUT.fps : null,
      expires_at: null,
    });
  }
  await sample.ledger.change(id, ({ job }) => ({
    status: 'succeeded',
    job: {
      output,
      progress: { percent: 100, step: INPUT.steps, total_steps: INPUT.steps, eta_seconds: 0 },
      attempts: job.attempts.map((attempt) => ({
        ...attempt,
        stopped_at: sample.clock.now.toISOString(),
        reason: 'Finished',
      })),
    },
  }));
}

function firstJob(id: JobId, tenant: string, set: string, manifest: Manifest, time: string, error: Job['error']): Job {
  return {
    schema_version: 1,
    id,
    status: error ? 'rejected' : 'queued',
    tenant,
    set,
    model: manifest.model,
    progress: { percent: 0, step: 0, total_steps: 0, eta_seconds: null },
    input: null,
    reference_check: null,
    output: [],
    error,
    metrics: {
      queue_time: null,
      predict_time: null,
      total_time: null,
      attempts: 0,
      gpu_seconds: null,
      estimated_cost_usd: null,
    },
    attempts: [],
    metadata: manifest.metadata ?? {},
    created_at: time,
    submitted_at: null,
    started_at: null,
    completed_at: error ? time : null,
    data_removed_at: null,
  };
}

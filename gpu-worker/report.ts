/** report.json and report.html of a generation: how its videos came about. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { Consent } from '../contract/consent';
import type { JobId } from '../contract/job';
import { posterFileName, videoFileName } from '../contract/keys';
import { MAX_SEED } from '../contract/limits';
import type { Manifest } from '../contract/manifest';
import { DIGITAL_SOURCE_TYPE } from '../contract/provenance';
import { type Report, ReportSchema } from '../contract/report';
import { renderReportPage } from '../evaluation/report-page';
import packageJson from '../package.json';
import { sha256OfFile } from './file-hash';
import type { GenerationRequest, GenerationResult } from './generate';
import type { MeasuredFaces } from './measure-faces';
import type { CachedModel } from './model-cache';
import { peakMemoryBytes } from './peak-memory';

export interface Reported {
  readonly jobId: JobId;
  readonly manifest: Manifest;
  readonly model: CachedModel;
  readonly request: Pick<GenerationRequest, 'setFolder' | 'outFolder' | 'session' | 'computeDtype' | 'credentials'>;
  readonly result: GenerationResult;
  /** What was recorded of it when the job was taken. */
  readonly consent: Consent | null;
  /** Null where they could not be measured. */
  readonly measured: MeasuredFaces | null;
  /** By phase. */
  readonly timingsSeconds: Readonly<Record<string, number>>;
  /** From 1. */
  readonly attempts: number;
  readonly createdAt: Date;
}

/** Libraries that a video's bytes follow from. */
const LIBRARIES = ['onnxruntime-node', 'sharp', '@napi-rs/webcodecs', 'mediabunny'] as const;
const REFERENCE_QUALITY = 85;

export async function describeGeneration(reported: Reported): Promise<Report> {
  const { jobId, manifest, model, request, result, consent, measured, timingsSeconds, attempts, createdAt } = reported;
  return ReportSchema.parse({
    schema_version: 1,
    job_id: jobId,
    created_at: createdAt.toISOString(),
    model: manifest.model,
    model_sha256: model.sha256,
    digital_source_type: DIGITAL_SOURCE_TYPE,
    has_content_credentials: request.credentials !== undefined,
    subject: manifest.reference_set.subject,
    consent: {
      reference: manifest.reference_set.consent.reference,
      recorded_at: consent?.recorded_at ?? null,
      manifest_sha256: consent?.manifest_sha256 ?? null,
    },
    input: result.plan.input,
    references: await describeReferences(reported),
    outputs: await describeOutputs(reported),
    faces: measured?.faces ?? null,
    timings_seconds: timingsSeconds,
    attempts,
    resumed_from_step: result.resumedFromStep,
    peak_memory_bytes: peakMemoryBytes(),
    provider: request.session.provider,
    compute_dtype: request.computeDtype,
    versions: versions(),
  } satisfies Report);
}

/** report.html, with everything it shows inside. */
export async function renderReport(report: Report, { request, measured }: Reported): Promise<string> {
  const outputFile = async (file: string) => ({ file, bytes: await readFile(path.join(request.outFolder, file)) });
  const fedPictures = report.references.flatMap(({ fed }) => (fed === null ? [] : [fed]));
  return renderReportPage(report, {
    videos: await Promise.all(report.outputs.map(({ video }) => outputFile(video))),
    posters: await Promise.all(report.outputs.map(({ poster }) => outputFile(poster))),
    references: await Promise.all(
      fedPictures.map(async (file) => ({ file, bytes: await asJpeg(path.join(request.outFolder, file)) })),
    ),
    extremes: measured?.extremes ?? [],
  });
}

function describeReferences({ request, result }: Reported): Promise<Report['references']> {
  return Promise.all(
    result.references.map(async ({ image: { file, view }, choice, yaw, preparation, fed }) => {
      const whole = path.join(request.setFolder, file);
      const { autoOrient } = await sharp(whole).metadata();
      return {
        file,
        view: view ?? null,
        sha256: await sha256OfFile(whole),
        width: autoOrient.width,
        height: autoOrient.height,
        choice,
        yaw,
        preparation,
        fed: fed?.file ?? null,
      };
    }),
  );
}

function describeOutputs({ request, result }: Reported): Promise<Report['outputs']> {
  return Promise.all(
    result.latentsSha256.map(async (latents, i) => {
      const video = videoFileName(i);
      const file = result.files.find((candidate) => candidate.file === video);
      if (!file) throw new Error(`The generation must have made ${video}, got no such file.`);
      return {
        video,
        poster: posterFileName(i),
        seed: (result.plan.input.seed + i) % (MAX_SEED + 1),
        sha256: await sha256OfFile(path.join(request.outFolder, video)),
        latents_sha256: latents,
        size: file.size,
        duration_seconds: file.durationSeconds ?? 0,
        steps: [...(result.steps[i] ?? [])],
      };
    }),
  );
}

/** For the page, where a PNG would be ten times as large. */
function asJpeg(file: string): Promise<Uint8Array> {
  return sharp(file).jpeg({ quality: REFERENCE_QUALITY }).toBuffer();
}

function versions(): Record<string, string> {
  const { version, dependencies } = packageJson;
  const libraries = LIBRARIES.map((name) => [name, dependencies[name]] as const);
  return { mv2id: version, node: process.versions.node, ...Object.fromEntries(libraries) };
}

/** A report and its media for tests: every section has something to show. */
import type { JobId } from '../../contract/job';
import { DIGITAL_SOURCE_TYPE } from '../../contract/provenance';
import { type Report, ReportSchema } from '../../contract/report';
import type { ReportMedia } from '../../evaluation/report-page';
import { sampleFaces } from './sample-faces';

const STEPS = 20;

export function sampleReport(changes: Partial<Report> = {}): Report {
  return ReportSchema.parse({
    schema_version: 1,
    job_id: `job-${'a'.repeat(26)}` as JobId,
    created_at: '2026-11-23T20:33:07.000Z',
    model: 'mv2id-tiny',
    model_sha256: '1'.repeat(64),
    digital_source_type: DIGITAL_SOURCE_TYPE,
    has_content_credentials: false,
    subject: 'Ada',
    consent: {
      reference: 'release form 17',
      recorded_at: '2026-11-23T20:32:55.000Z',
      manifest_sha256: '7'.repeat(64),
    },
    input: {
      prompt: 'a person turns far to the left, blue background, soft light from the front',
      negative_prompt: '',
      seed: 5,
      width: 128,
      height: 128,
      num_frames: 17,
      fps: 8,
      steps: STEPS,
      guidance: { text: 2, image: 1.5 },
      num_outputs: 1,
    },
    references: [
      sampleReference(1, { file: 'yaw-060.png', view: 'right_45', yaw: -55.2 }),
      sampleReference(2, { file: 'yaw+000.png', view: 'front', yaw: 0.3 }),
      sampleReference(3, { file: 'yaw+060.png', yaw: 66.1 }),
    ],
    outputs: [sampleOutput()],
    faces: sampleFaces(),
    timings_seconds: {
      fetch_model: 0.21,
      encode_prompt: 0.047,
      encode_references: 0.029,
      denoise: 2.04,
      decode: 0.256,
    },
    attempts: 1,
    resumed_from_step: 0,
    peak_memory_bytes: 315_100_000,
    provider: 'cpu',
    compute_dtype: 'float32',
    versions: { mv2id: '0.1.0', node: '20.20.2', 'onnxruntime-node': '1.30.0' },
    ...changes,
  });
}

/** @param number from 1. */
export function sampleReference(
  number: number,
  changes: Partial<Report['references'][number]> = {},
): Report['references'][number] {
  const file = changes.file ?? `${number}.png`;
  return {
    file,
    view: null,
    sha256: `${number + 1}`.repeat(64),
    width: 128,
    height: 128,
    choice: 'all',
    yaw: null,
    preparation: 'cut_out',
    fed: `references/${number}-${file}`,
    ...changes,
  };
}

/** @param index which output, from 0. */
export function sampleOutput(index = 0): Report['outputs'][number] {
  const suffix = index === 0 ? '' : `-${index + 1}`;
  return {
    video: `video${suffix}.mp4`,
    poster: `poster${suffix}.jpg`,
    seed: 5 + index,
    sha256: '5'.repeat(64),
    latents_sha256: '6'.repeat(64),
    size: 20_996,
    duration_seconds: 2.125,
    steps: Array.from({ length: STEPS }, (_, i) => {
      const sigma = 1 - i / STEPS;
      return {
        step: i + 1,
        timestep: 1000 * sigma,
        sigma,
        seconds: 0.1 + 0.01 * Math.sin(3 * i + index),
        velocity_rms: 1.3 - 0.5 * sigma + 0.1 * index,
        sample_rms: 0.6 + 0.4 * sigma * sigma - 0.05 * index,
      };
    }),
  };
}

/** Bytes that stand for the files the report names; any given ones take their place. */
export function sampleMedia(report: Report, files: Readonly<Record<string, Uint8Array>> = {}): ReportMedia {
  const bytesOf = (file: string) => files[file] ?? new TextEncoder().encode(`bytes of ${file}`);
  return {
    videos: report.outputs.map(({ video }) => ({ file: video, bytes: bytesOf(video) })),
    posters: report.outputs.map(({ poster }) => ({ file: poster, bytes: bytesOf(poster) })),
    references: report.references.flatMap(({ fed }) => (fed === null ? [] : [{ file: fed, bytes: bytesOf(fed) }])),
    extremes: (report.faces?.outputs ?? []).map(({ identity }, i) => {
      if (!identity.best) return null;
      return { best: bytesOf(`best-${i + 1}.jpg`), worst: bytesOf(`worst-${i + 1}.jpg`) };
    }),
  };
}

/** report.json: how a video came about, for people who compare. report.html shows the same. */
import { z } from 'zod';
import { JobIdSchema, JobSchema } from './job';
import { PREPARATIONS, VIEWS } from './manifest';
import { DIGITAL_SOURCE_TYPE } from './provenance';
import { ReportFacesSchema } from './report-faces';

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Seconds = z.number().nonnegative();

/**
 * Why a view was taken or left out. `all`: the model takes as many as there are. `new_angle`: farthest from those taken before it.
 * `in_order`: no face was found, and there was room.
 */
export const VIEW_CHOICES = ['all', 'most_frontal', 'new_angle', 'in_order', 'left_out'] as const;
export type ViewChoice = (typeof VIEW_CHOICES)[number];

export const ReportSchema = z.strictObject({
  schema_version: z.literal(1),
  job_id: JobIdSchema,
  created_at: z.iso.datetime(),
  model: z.string(),
  /** Of the model directory's files: names, sizes and contents. */
  model_sha256: Sha256,
  /** What kind of picture the outputs are, as they say themselves too. */
  digital_source_type: z.literal(DIGITAL_SOURCE_TYPE),
  /** Whether they are signed with Content Credentials. */
  has_content_credentials: z.boolean(),
  subject: z.string(),
  /** As job.json has it; null where nothing was recorded: before consents were. */
  consent: z.strictObject({
    reference: z.string(),
    recorded_at: z.iso.datetime().nullable(),
    manifest_sha256: Sha256.nullable(),
  }),
  input: JobSchema.shape.input.unwrap(),
  /** In the manifest's order; none for a model that takes none. */
  references: z.array(
    z.strictObject({
      file: z.string(),
      view: z.enum(VIEWS).nullable(),
      sha256: Sha256,
      /** Pixels of the upright image. */
      width: z.int().positive(),
      height: z.int().positive(),
      /** Why the model was fed this view, or not: all, most_frontal, new_angle, in_order, left_out. */
      choice: z.enum(VIEW_CHOICES).default('all'),
      /** Degrees to the subject's left; null where no face was found, and where none was looked for. */
      yaw: z.number().nullable().default(null),
      /** What was done to it. Nobody can be cut out of a picture in which nobody is found: that one is as uploaded. */
      preparation: z.enum(PREPARATIONS).default('as_uploaded'),
      /** The picture that the model was fed, beside the report: `references/1-front.png`. Null for a view that was left out. */
      fed: z.string().nullable().default(null),
    }),
  ),
  outputs: z.array(
    z.strictObject({
      video: z.string(),
      poster: z.string(),
      seed: z.int().nonnegative(),
      sha256: Sha256,
      /** Of the denoised latents as float32 bytes: what a resumed run must meet. */
      latents_sha256: Sha256,
      /** Bytes. */
      size: z.int().positive(),
      duration_seconds: Seconds,
      /** One entry a denoising step. */
      steps: z.array(
        z.strictObject({
          step: z.int().positive(),
          /** What the model was told, 0..1000. */
          timestep: z.number(),
          /** Share of noise before the step, 0..1. */
          sigma: z.number(),
          seconds: Seconds,
          /** Root mean square of the guided velocity and of the sample after the step. */
          velocity_rms: z.number(),
          sample_rms: z.number(),
        }),
      ),
    }),
  ),
  /** Null where it could not be measured, and in reports from before it was. */
  faces: ReportFacesSchema.nullable().default(null),
  /** Of the attempt that finished, by phase: encode_prompt, encode_references, denoise, decode, fetch_model... */
  timings_seconds: z.record(z.string(), Seconds),
  attempts: z.int().positive(),
  /** Steps that an earlier attempt had done. */
  resumed_from_step: z.int().nonnegative(),
  peak_memory_bytes: z.int().positive(),
  provider: z.string(),
  compute_dtype: z.string(),
  versions: z.record(z.string(), z.string()),
});
export type Report = z.output<typeof ReportSchema>;

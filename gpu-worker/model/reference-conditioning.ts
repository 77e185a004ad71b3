/**
 * reference_conditioning.json: what a model directory adds to the diffusers layout so that references condition it.
 *
 * Where references sit, which timestep they get, how guidance combines the model's answers, and what a job that leaves settings
 * out gets (`defaults`). A directory without the file is plain text-to-video. `{ "version": 1, "preset": "phantom" }` is enough
 * for Phantom-Wan; a key beside `preset` replaces that key of the preset.
 *
 * Guidance is a weighted sum over named branches, v = sum of weight(branch) * v(branch). A branch says whether the model sees the
 * prompt and the references, and its weight is linear in the job's two scales: constant + text * guidance.text +
 * image * guidance.image. The three-branch formula of Phantom-Wan,
 *   v = neither + image * (references - neither) + text * (text_references - references),
 * is thus: text_references { text: 1 }, references { text: -1, image: 1 }, neither { constant: 1, image: -1 }.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import * as limits from '../../contract/limits';
import { PREPARATIONS } from '../../contract/manifest';
import { ModelError } from '../errors';
import { parseAs, parseJson } from './json-file';

const REFERENCE_CONDITIONING_FILE_NAME = 'reference_conditioning.json';

/** A head as large as leaves room for hair above it and shoulders below. */
const HEAD_AND_SHOULDERS = { head: 0.5, eyes: 0.42 } as const;

const BranchSchema = z.strictObject({
  name: z.string().min(1),
  /** Whether the branch sees the prompt; if not, it sees the negative prompt. */
  text: z.boolean(),
  references: z.boolean(),
  weight: z.strictObject({
    constant: z.number().default(0),
    text: z.number().default(0),
    image: z.number().default(0),
  }),
});

const DefaultsSchema = z.strictObject({
  negative_prompt: z.string().default(''),
  width: z.int().positive(),
  height: z.int().positive(),
  num_frames: z.int().positive(),
  fps: z.int().positive(),
  steps: z.int().positive(),
  guidance: z.strictObject({ text: z.number(), image: z.number() }),
});

const Share = z.number().gt(0).lt(1);

const ConditioningSchema = z.strictObject({
  version: z.literal(1),
  /** Position of the references' tokens: see rope.ts. */
  scheme: z.enum(['rd-rope', 'vanilla', 'tass']),
  /** Frames from the last video frame to the references; read by rd-rope. */
  offset: z.int().default(1),
  /** What the references' tokens are told: the video's timestep, or 0 because they are clean. */
  reference_timestep: z.enum(['same', 'zero']),
  /** Of more views than this, those that show the head from the most sides are taken; 0 for a model that takes none. */
  max_references: z.int().min(0).max(limits.MAX_REFERENCE_IMAGES),
  /**
   * What a job that does not say so itself does to its images: `cut_out` where the model was trained on people cut out onto white, as
   * Mv2ID was. Nothing unless given: Phantom-Wan's own code letterboxes only, and a model learns what it is shown.
   */
  preparation: z.enum(PREPARATIONS).default('as_uploaded'),
  /**
   * Where a head that is cut out lies in the frame: height from the crown to the chin, and of the eyes below the upper edge, as shares
   * of the frame's height. The default shows head and shoulders; null leaves the head where the picture has it.
   */
  framing: z.strictObject({ head: Share, eyes: Share }).nullable().default(HEAD_AND_SHOULDERS),
  /** What a branch without references gets in their place: no tokens, or latents of zeros. */
  dropped_references: z.enum(['omit', 'zero']),
  guidance: z.strictObject({ branches: z.array(BranchSchema).min(1) }),
  defaults: DefaultsSchema,
});

const PRESET_NAMES = ['text-to-video', 'phantom'] as const;
const PresetFileSchema = ConditioningSchema.partial().extend({
  version: z.literal(1),
  preset: z.enum(PRESET_NAMES),
});

export type ReferenceConditioning = z.output<typeof ConditioningSchema>;
export type GuidanceBranch = ReferenceConditioning['guidance']['branches'][number];

export interface WeightedBranch {
  readonly branch: GuidanceBranch;
  readonly weight: number;
}

const WAN_SIZE = { width: 832, height: 480, num_frames: 81, fps: 16, steps: 50 } as const;

const THREE_BRANCHES: GuidanceBranch[] = [
  { name: 'text_references', text: true, references: true, weight: { constant: 0, text: 1, image: 0 } },
  { name: 'references', text: false, references: true, weight: { constant: 0, text: -1, image: 1 } },
  { name: 'neither', text: false, references: false, weight: { constant: 1, text: 0, image: -1 } },
];

const PRESETS: Record<(typeof PRESET_NAMES)[number], ReferenceConditioning> = {
  /** Wan as diffusers' WanPipeline runs it. */
  'text-to-video': {
    version: 1,
    scheme: 'vanilla',
    offset: 1,
    reference_timestep: 'same',
    max_references: 0,
    preparation: 'as_uploaded',
    framing: HEAD_AND_SHOULDERS,
    dropped_references: 'omit',
    guidance: {
      branches: [
        { name: 'text', text: true, references: false, weight: { constant: 0, text: 1, image: 0 } },
        { name: 'neither', text: false, references: false, weight: { constant: 1, text: -1, image: 0 } },
      ],
    },
    defaults: { ...WAN_SIZE, negative_prompt: '', guidance: { text: 5, image: 0 } },
  },
  /** Phantom-Wan's own generate.py: references as further frames, dropped as zero latents. */
  phantom: {
    version: 1,
    scheme: 'vanilla',
    offset: 1,
    reference_timestep: 'same',
    max_references: 4,
    preparation: 'as_uploaded',
    framing: HEAD_AND_SHOULDERS,
    dropped_references: 'zero',
    guidance: { branches: THREE_BRANCHES },
    defaults: { ...WAN_SIZE, negative_prompt: '', guidance: { text: 7.5, image: 5 } },
  },
};

/**
 * The settings of a model directory; those of plain text-to-video where it has no such file.
 * @throws ModelError naming every key that is wrong.
 */
export async function readReferenceConditioning(modelDir: string): Promise<ReferenceConditioning> {
  const file = join(modelDir, REFERENCE_CONDITIONING_FILE_NAME);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new ModelError(`${file} must be a readable file, got ${error.code}.`, { cause: error });
  });
  return text === null ? PRESETS['text-to-video'] : parseReferenceConditioning(text, file);
}

/** @param file name for messages. @throws ModelError */
export function parseReferenceConditioning(text: string, file: string): ReferenceConditioning {
  const json = parseJson(file, text);
  const hasPreset = typeof json === 'object' && json !== null && 'preset' in json;
  if (!hasPreset) return parseAs(ConditioningSchema, json, file, REFERENCE_CONDITIONING_FILE_NAME);
  const { preset, ...changes } = parseAs(PresetFileSchema, json, file, REFERENCE_CONDITIONING_FILE_NAME);
  return { ...PRESETS[preset], ...changes };
}

/** The branches that count at these scales, with their weights. A branch whose weight is 0 is not run. */
export function weightedBranches(
  { guidance }: ReferenceConditioning,
  scales: { readonly text: number; readonly image: number },
): WeightedBranch[] {
  return guidance.branches
    .map((branch) => ({
      branch,
      weight: branch.weight.constant + branch.weight.text * scales.text + branch.weight.image * scales.image,
    }))
    .filter(({ weight }) => weight !== 0);
}

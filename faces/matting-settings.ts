/** Which network cuts people out, and how it is fed: the built-in one, or a file of the user's own. */
import { z } from 'zod';
import { fieldErrors } from '../contract/field-error';
import { faceModelFile } from './face-models';
import { INPUT_SETTINGS, Sha256Schema } from './network-input';
import { FaceModelError } from './onnx-model';

const Side = z.int().min(32).max(2048);

export const MattingSettingsSchema = z.strictObject({
  path: z.string().min(1),
  sha256: Sha256Schema.optional(),
  /** Pixels [width, height] that every picture is squeezed into; or the shorter side, the longer one in proportion, as multiples. */
  size: z
    .union([z.tuple([Side, Side]), z.strictObject({ side: Side, multiple_of: z.int().min(1).max(256) })])
    .meta({ rule: '[width, height] or { side, multiple_of }, sides from 32 to 2048' }),
  ...INPUT_SETTINGS,
  /** Name of the output that has one number a pixel, 0 to 1; the first output unless given. */
  output: z.string().min(1).optional(),
  /** A segmentation says where a person is likely; a matting says how much of a pixel is the person, and is believed. */
  kind: z.enum(['segmentation', 'matting']),
  /** Whether the mirrored picture counts half. */
  flip: z.boolean().default(false),
});
export type MattingSettings = z.output<typeof MattingSettingsSchema>;

/** What a caller may ask for: settings, or a preset whose keys the others replace. */
export type MattingModel =
  | z.input<typeof MattingSettingsSchema>
  | ({ preset: MattingPreset } & Partial<MattingSettings>);

export const MATTING_PRESETS = {
  /** MediaPipe's selfie segmentation, which comes with the program. */
  selfie: {
    size: [256, 256],
    layout: 'nchw',
    order: 'rgb',
    mean: 0,
    std: 255,
    output: 'alpha',
    kind: 'segmentation',
    flip: true,
  },
  /** MODNet's ONNX files (Apache-2.0), such as modnet_photographic_portrait_matting.onnx. */
  modnet: {
    size: { side: 512, multiple_of: 32 },
    layout: 'nchw',
    order: 'rgb',
    mean: 127.5,
    std: 127.5,
    kind: 'matting',
    flip: false,
  },
} as const satisfies Record<string, Omit<z.input<typeof MattingSettingsSchema>, 'path'>>;
export type MattingPreset = keyof typeof MATTING_PRESETS;

const PresetSchema = z.looseObject({ preset: z.enum(Object.keys(MATTING_PRESETS) as [MattingPreset]).optional() });

export function builtInMatting(): MattingSettings {
  return parseMattingModel({ preset: 'selfie' });
}

/** @throws FaceModelError that names the field which is wrong. */
export function parseMattingModel(model: unknown): MattingSettings {
  const { preset, ...own } = parsed(PresetSchema, model);
  const base = preset === undefined ? {} : MATTING_PRESETS[preset];
  const file = preset === 'selfie' ? { path: faceModelFile('selfie') } : {};
  return parsed(MattingSettingsSchema, { ...base, ...file, ...own });
}

function parsed<T extends z.ZodType>(schema: T, value: unknown): z.output<T> {
  const [error] = fieldErrors(schema, value, 'matting');
  if (error) throw new FaceModelError(error.path === 'matting' ? error.message : `matting.${error.message}`);
  return schema.parse(value);
}

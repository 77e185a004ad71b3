/**
 * faces.json: which models look at faces, for those who have better ones than the built-in.
 *
 *   { "detector": { "kind": "yunet", "path": "face_detection_yunet_2023mar.onnx" },
 *     "embedder": { "preset": "auraface", "path": "glintr100.onnx", "sha256": "..." },
 *     "matting": { "preset": "modnet", "path": "modnet_photographic_portrait_matting.onnx" } }
 *
 * A key beside `preset` replaces that key of the preset; without `preset` all of them are needed. Paths are relative to the file.
 * The command line is told where it lies; a worker finds it in the model directory, whose references it prepares.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { fieldErrors, mustBe } from '../contract/field-error';
import { type EmbedderSettings, EmbedderSettingsSchema } from './embedder';
import { builtInEmbedder, EMBEDDER_PRESETS, type EmbedderPreset } from './embedder-presets';
import { faceModelFile } from './face-models';
import { builtInMatting, type MattingSettings, parseMattingModel } from './matting-settings';
import { FaceModelError } from './onnx-model';

const PRESETS = Object.keys(EMBEDDER_PRESETS) as [EmbedderPreset, ...EmbedderPreset[]];

export const DetectorSettingsSchema = z.strictObject({
  /** What its outputs are: OpenCV Zoo's YuNet, or the SCRFD of InsightFace's packs (det_500m, det_10g). */
  kind: z.enum(['yunet', 'scrfd']),
  path: z.string().min(1),
  sha256: EmbedderSettingsSchema.shape.sha256,
  /** Side of the square that it is shown, a multiple of 32. */
  size: z.int().min(64).max(2048).multipleOf(32).default(640).meta({ rule: 'a multiple of 32 from 64 to 2048' }),
  min_score: z.number().min(0).max(1).default(0.6),
});
export type DetectorSettings = z.output<typeof DetectorSettingsSchema>;

const FileSchema = z.strictObject({
  detector: DetectorSettingsSchema.optional(),
  embedder: z.looseObject({ preset: z.enum(PRESETS).optional() }).optional(),
  matting: z.looseObject({ path: z.string().min(1).optional() }).optional(),
});

export const FACES_FILE_NAME = 'faces.json';

export interface FaceSettings {
  /** Null for the built-in one. */
  readonly detector: DetectorSettings | null;
  readonly embedder: EmbedderSettings;
  readonly matting: MattingSettings;
}

export function builtInFaces(): FaceSettings {
  return { detector: null, embedder: builtInEmbedder(), matting: builtInMatting() };
}

/**
 * Of a model directory: what its faces.json says, or the built-in ones where it has none. What it names lies inside, so that the
 * model's hash covers it and it travels with the model.
 * @throws FaceModelError that names the field which is wrong.
 */
export async function faceSettingsOf(modelDir: string): Promise<FaceSettings> {
  const file = path.join(modelDir, FACES_FILE_NAME);
  if (!existsSync(file)) return builtInFaces();
  const settings = await readFaceSettings(file);
  const builtIn = builtInFaces();
  for (const part of ['detector', 'embedder', 'matting'] as const) {
    const named = settings[part]?.path;
    if (named === undefined || named === builtIn[part]?.path || isInside(modelDir, named)) continue;
    throw new FaceModelError(mustBe(`${part}.path`, 'a file inside the model directory', named).message);
  }
  return settings;
}

function isInside(folder: string, file: string): boolean {
  return path.relative(folder, file).split(path.sep)[0] !== '..';
}

/** Files of the built-in networks that these settings use as they come: what is wrong with one is not the settings' fault. */
export function builtInFiles(settings: FaceSettings): string[] {
  const builtIn = builtInFaces();
  return [
    ...(settings.detector === null ? [faceModelFile('blazeface')] : []),
    ...(isDeepStrictEqual(settings.embedder, builtIn.embedder) ? [builtIn.embedder.path] : []),
    ...(isDeepStrictEqual(settings.matting, builtIn.matting) ? [builtIn.matting.path] : []),
  ];
}

/** Its paths are relative to it, or absolute. @throws FaceModelError that names the field which is wrong. */
export async function readFaceSettings(file: string): Promise<FaceSettings> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new FaceModelError(mustBe(FACES_FILE_NAME, 'a readable file', `${file} (${error.code})`).message);
  });
  const { detector, embedder, matting } = parsed(FileSchema, parseJson(text, file), FACES_FILE_NAME);
  const folder = path.dirname(file);
  const here = <T extends { path: string }>(settings: T): T => ({
    ...settings,
    path: path.resolve(folder, settings.path),
  });
  return {
    detector: detector ? here(detector) : null,
    embedder: embedder ? here(withPreset(embedder)) : builtInEmbedder(),
    matting: matting ? here(parseMattingModel(matting)) : builtInMatting(),
  };
}

function withPreset({ preset, ...own }: { preset?: EmbedderPreset }): EmbedderSettings {
  const base = preset === undefined ? {} : EMBEDDER_PRESETS[preset];
  const file = preset === 'faceres' ? { path: builtInEmbedder().path } : {};
  return parsed(EmbedderSettingsSchema, { ...base, ...file, ...own }, 'embedder');
}

function parsed<T extends z.ZodType>(schema: T, value: unknown, root: string): z.output<T> {
  const [error] = fieldErrors(schema, value, root);
  if (error) throw new FaceModelError(root === FACES_FILE_NAME ? error.message : `${root}.${error.message}`);
  return schema.parse(value);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FaceModelError(mustBe(FACES_FILE_NAME, 'JSON', `${file} (${(error as Error).message})`).message);
  }
}

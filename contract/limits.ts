/**
 * Every limit of the contract, each with its reason. Validation, the command line and the graph emitter all read them here.
 *
 * Size and frame count also lie on a grid, and the grid belongs to the model: a token covers vae factor x patch pixels, and a
 * latent frame covers several video frames. So the grid is a parameter, and `nearestLegalSize` and `nearestLegalFrames` say what
 * would have been accepted.
 */

/** What width, height and frame count must be a multiple of, from vae/config.json and transformer/config.json. */
export interface ModelGrid {
  /** Pixels: spatial factor of the VAE times the transformer's patch width. */
  readonly widthMultiple: number;
  /** Pixels: spatial factor of the VAE times the transformer's patch height. */
  readonly heightMultiple: number;
  /** Video frames per latent frame; a clip has k * frameMultiple + 1 frames, because the first is coded alone. */
  readonly frameMultiple: number;
}

/** job.json is written by hand or by a small program; anything larger is a mistake and would be held in memory by a Lambda. */
export const MAX_MANIFEST_BYTES = 64 * 1024;
/** The schema itself needs four; the rest is for metadata. What reads a value level by level must not run out of stack. */
export const MAX_MANIFEST_DEPTH = 32;

/** One view is the plain single-reference case; more than eight would cost more attention than the video's own tokens. */
export const MIN_REFERENCE_IMAGES = 1;
export const MAX_REFERENCE_IMAGES = 8;

/** Below this side a face has too few pixels to carry an identity; it also catches 1-pixel placeholders. */
export const MIN_IMAGE_SIDE = 64;
/** A phone's raw photo is under 30 MB; the limit bounds download time and disk of the worker. */
export const MAX_IMAGE_BYTES = 32 * 1024 * 1024;
/** 64 megapixels decode to 256 MB of RGBA: more is a decompression bomb, not a portrait. */
export const MAX_IMAGE_PIXELS = 64_000_000;

/** The smallest side at which the model's grid still has several tokens a row. */
export const MIN_SIDE = 32;
/** Twice the widest side Wan was trained on; beyond it a row would no longer fit the rotary tables with eight views. */
export const MAX_SIDE = 1920;
/** 1280 x 720, the largest area Wan was trained on: attention grows with its square. */
export const MAX_PIXELS = 1280 * 720;

/** One frame is a still picture, which every model can make. */
export const MIN_NUM_FRAMES = 1;
/** Ten seconds at 16 frames a second. Wan was trained on 81 (2.1) and 121 (2.2) frames; longer clips drift. */
export const MAX_NUM_FRAMES = 161;

export const MIN_FPS = 1;
/** Players and browsers handle 60 everywhere; no model here makes more. */
export const MAX_FPS = 60;

export const MIN_STEPS = 1;
/** The solvers have converged by 100; each step costs up to three transformer runs. */
export const MAX_STEPS = 100;

/** 0 switches the cue off. */
export const MIN_GUIDANCE = 0;
/** Far above what any published model uses (7.5); beyond it frames saturate. */
export const MAX_GUIDANCE = 20;

/** A seed is an unsigned 32-bit number, so that every language reads the same one from JSON. */
export const MAX_SEED = 2 ** 32 - 1;

/** The text encoder reads at most 512 tokens; 4000 characters are more than that in every language. */
export const MAX_PROMPT_LENGTH = 4000;

/** Several seeds of one job share the encoded prompt and references; more outputs belong in more jobs, which run in parallel. */
export const MAX_NUM_OUTPUTS = 4;

/** Long enough for any camera's naming, short enough for every file system together with our folders. */
export const MAX_FILE_NAME_LENGTH = 128;
/** Of nearly every file system. */
export const MAX_FILE_NAME_BYTES = 255;
/** A label for people: a name or a case number. */
export const MAX_SUBJECT_LENGTH = 100;
export const MAX_CONSENT_REFERENCE_LENGTH = 200;
/** The common denominator of what HTTP servers and proxies accept. */
export const MAX_WEBHOOK_URL_LENGTH = 2048;
/** Metadata travels in every webhook, whose whole body stays under 20 KB. */
export const MAX_METADATA_BYTES = 4096;

/** Starting a container and reading the weights takes most of a minute. */
export const MIN_EXECUTION_TIMEOUT_SECONDS = 60;
/** A day: longer than any clip within these limits takes on a supported GPU. */
export const MAX_EXECUTION_TIMEOUT_SECONDS = 24 * 3600;
/** Four hours: the largest clip within these limits on the smallest supported GPU; a worker that hangs costs no more than that. */
export const DEFAULT_EXECUTION_TIMEOUT_SECONDS = 4 * 3600;
/** The worker stops by itself at its time limit; Batch, which never retries a job it timed out, only if the worker hangs. */
export const EXECUTION_TIMEOUT_MARGIN_SECONDS = 120;
export const MIN_TTL_SECONDS = 60;
/** SQS keeps a message for at most 14 days. */
export const MAX_TTL_SECONDS = 14 * 24 * 3600;
export const MIN_RETENTION_DAYS = 1;
export const MAX_RETENTION_DAYS = 365;

/** The legal size nearest to the one asked for: brought under the largest area in its own proportions, then onto the grid. */
export function nearestLegalSize(
  size: { width: number; height: number },
  grid: ModelGrid,
): { width: number; height: number } {
  const shrink = Math.min(1, Math.sqrt(MAX_PIXELS / (size.width * size.height)));
  const width = nearestMultiple(size.width * shrink, grid.widthMultiple);
  const height = nearestMultiple(size.height * shrink, grid.heightMultiple);
  if (width * height <= MAX_PIXELS) return { width, height };
  // Rounding up crossed the limit: give way on the longer side.
  return width >= height
    ? { width: multipleBelow(MAX_PIXELS / height, grid.widthMultiple), height }
    : { width, height: multipleBelow(MAX_PIXELS / width, grid.heightMultiple) };
}

/** The legal number of frames nearest to the one asked for: k * frameMultiple + 1. */
export function nearestLegalFrames(numFrames: number, grid: Pick<ModelGrid, 'frameMultiple'>): number {
  const { frameMultiple } = grid;
  const most = Math.floor((MAX_NUM_FRAMES - 1) / frameMultiple);
  const k = Math.round((numFrames - 1) / frameMultiple);
  return clamp(k, 0, most) * frameMultiple + 1;
}

export function isLegalSize(size: { width: number; height: number }, grid: ModelGrid): boolean {
  const nearest = nearestLegalSize(size, grid);
  return nearest.width === size.width && nearest.height === size.height;
}

export function isLegalFrames(numFrames: number, grid: Pick<ModelGrid, 'frameMultiple'>): boolean {
  return nearestLegalFrames(numFrames, grid) === numFrames;
}

function nearestMultiple(side: number, multiple: number): number {
  const least = Math.ceil(MIN_SIDE / multiple);
  const most = Math.floor(MAX_SIDE / multiple);
  return clamp(Math.round(side / multiple), least, most) * multiple;
}

function multipleBelow(side: number, multiple: number): number {
  return Math.floor(side / multiple) * multiple;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

/**
 * What tells people apart: a network that gives a direction for a face, the same for every picture of one person. The built-in one or
 * a file of the user's own; how a file is to be fed is data.
 */
import { z } from 'zod';
import { type Alignment, alignFace, alignment } from './align';
import type { Landmarks } from './detector';
import { INPUT_SETTINGS, networkInput, Sha256Schema } from './network-input';
import { FaceModelError, type OnnxModel, openOnnxModel } from './onnx-model';
import type { Pixels } from './pixels';

export const EmbedderSettingsSchema = z.strictObject({
  /** Name that stands beside every figure. */
  id: z.string().min(1).max(100),
  path: z.string().min(1),
  sha256: Sha256Schema.optional(),
  /** Pixels of its square input. */
  size: z.int().min(32).max(1024),
  ...INPUT_SETTINGS,
  template: z.literal('arcface5'),
  zoom: z.number().min(0.5).max(2).default(1),
  dy: z.number().min(-56).max(56).default(0),
  /** Whether the mirrored face counts half. */
  flip: z.boolean().default(true),
  /** Whether what it measures may be called ArcFace similarity ("MvRC-Arc"). */
  arcface: z.boolean().default(false),
  /** Cosines from which two faces are one person's, and below which they are not; `mv2id faces calibrate` proposes them. */
  thresholds: z
    .strictObject({ same: z.number().min(-1).max(1), different: z.number().min(-1).max(1) })
    .refine(({ same, different }) => different <= same)
    .meta({ rule: 'two cosines, different at most same' }),
  /** Mean cosine of different people: what counts as nothing. At 1 nothing could be more alike. */
  impostor: z.number().min(-1).lt(1).optional(),
});

export type EmbedderSettings = z.output<typeof EmbedderSettingsSchema>;

/** A direction in some hundred dimensions: length 1. */
export type Embedding = Float32Array;

export class FaceEmbedder {
  private constructor(
    readonly settings: EmbedderSettings,
    private readonly model: OnnxModel,
  ) {}

  /** @throws FaceModelError when the file is not there, another one, or takes no such picture. */
  static async open(settings: EmbedderSettings, numThreads?: number): Promise<FaceEmbedder> {
    const { path, sha256 } = settings;
    const model = await openOnnxModel(path, { sha256, numThreads });
    if (model.inputNames.length !== 1) {
      await model.release();
      throw new FaceModelError(`path must be a network with one input, got ${path} (${model.inputNames.join(', ')}).`);
    }
    return new FaceEmbedder(settings, model);
  }

  /** Name and the file's hash, as they stand beside figures. */
  get id(): string {
    return `${this.settings.id} (${this.model.sha256.slice(0, 12)})`;
  }

  /** @returns null when the landmarks give no direction. */
  async embed(picture: Pixels, landmarks: Landmarks): Promise<Embedding | null> {
    const face = this.align(picture, landmarks);
    return face && this.embedAligned(face);
  }

  /** The picture that the network is shown. */
  align(picture: Pixels, landmarks: Landmarks): Pixels | null {
    const { size, zoom, dy }: Alignment = this.settings;
    const similarity = alignment(landmarks, { size, zoom, dy });
    return similarity && alignFace(picture, similarity, size);
  }

  /** @param face [size, size, 3] of the settings. */
  async embedAligned(face: Pixels): Promise<Embedding> {
    const straight = await this.infer(face, false);
    if (!this.settings.flip) return normalized(straight);
    const mirrored = await this.infer(face, true);
    return normalized(straight.map((value, i) => value + mirrored[i]!));
  }

  release(): Promise<void> {
    return this.model.release();
  }

  private async infer(face: Pixels, mirrored: boolean): Promise<Float32Array> {
    const outputs = await this.model.run({
      [this.model.inputNames[0]!]: networkInput(face, this.settings, mirrored),
    });
    return outputs[this.model.outputNames[0]!]!.data;
  }
}

/** Cosine of the angle between two directions, -1..1. */
export function similarity(a: Embedding, b: Embedding): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function normalized(values: Float32Array): Embedding {
  const length = Math.hypot(...values) || 1;
  return values.map((value) => value / length);
}

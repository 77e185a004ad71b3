/** A model directory opened: every config read and every safetensors header checked, no weight loaded. */
import { join } from 'node:path';
import type { ModelGrid } from '../../contract/limits';
import { type ModelDirectory, readModelDirectory } from './config';
import { type ReferenceConditioning, readReferenceConditioning } from './reference-conditioning';
import { spatialFactor, temporalFactor } from './vae';
import { openWeights, type Weights } from './weights';

export interface OpenModel {
  readonly directory: ModelDirectory;
  readonly conditioning: ReferenceConditioning;
  readonly weights: {
    readonly transformer: Weights;
    /** The low-noise expert, where the directory has one. */
    readonly transformer2: Weights | undefined;
    readonly vae: Weights;
    readonly textEncoder: Weights;
  };
}

/** @throws ModelError naming the file, and the key or tensor, that makes the directory unusable. */
export async function openModel(dir: string): Promise<OpenModel> {
  const directory = await readModelDirectory(dir);
  return {
    directory,
    conditioning: await readReferenceConditioning(dir),
    weights: {
      transformer: await openWeights(join(dir, 'transformer')),
      transformer2: directory.transformer2 && (await openWeights(join(dir, 'transformer_2'))),
      vae: await openWeights(join(dir, 'vae')),
      textEncoder: await openWeights(join(dir, 'text_encoder')),
    },
  };
}

/** What sizes and frame counts of this model are multiples of. */
export function modelGrid({ transformer, vae }: ModelDirectory): ModelGrid {
  const [, patchHeight, patchWidth] = transformer.patch_size as [number, number, number];
  const factor = spatialFactor(vae);
  return {
    widthMultiple: factor * patchWidth,
    heightMultiple: factor * patchHeight,
    frameMultiple: temporalFactor(vae),
  };
}

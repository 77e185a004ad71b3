/**
 * What a job runs with: its manifest's input, the model's defaults where the manifest says nothing, and the check of both against
 * the model's grid. Everything that can be refused without loading a weight is refused here.
 */
import { type FieldError, fieldError } from '../contract/field-error';
import type { JobInput } from '../contract/job';
import { isLegalFrames, isLegalSize, nearestLegalFrames, nearestLegalSize } from '../contract/limits';
import type { Manifest } from '../contract/manifest';
import { JobRejected } from '../contract/rejection';
import { innerDim } from './model/config';
import { modelGrid, type OpenModel } from './model/open-model';

/** Sizes of everything that follows from model and job. */
export interface Plan {
  readonly input: JobInput;
  /** n; 0 where the model takes no references, whatever the set holds. */
  readonly numReferences: number;
  /** T */
  readonly numLatentFrames: number;
  readonly latentHeight: number;
  readonly latentWidth: number;
  /** H, W: tokens down and across one latent frame. */
  readonly tokenRows: number;
  readonly tokenColumns: number;
  /** D: width of a token. */
  readonly tokenWidth: number;
}

/**
 * @param seed used where the manifest gives none.
 * @throws JobRejected `invalid_manifest` for a size or frame count off the model's grid, naming the nearest legal one.
 */
export function planGeneration(model: OpenModel, manifest: Manifest, seed: number): Plan {
  const { defaults, max_references } = model.conditioning;
  const { images } = manifest.reference_set;
  const { guidance, ...given } = manifest.input;
  const input: JobInput = {
    ...defaults,
    seed,
    num_outputs: 1,
    ...given,
    guidance: { ...defaults.guidance, ...guidance },
  };
  const grid = modelGrid(model.directory);
  const [first, ...rest] = [...sizeErrors(input, grid), ...framesErrors(input, grid)];
  if (first) throw new JobRejected('invalid_manifest', [first, ...rest]);

  const { transformer } = model.directory;
  const [, patchHeight, patchWidth] = transformer.patch_size as [number, number, number];
  const tokenRows = input.height / grid.heightMultiple;
  const tokenColumns = input.width / grid.widthMultiple;
  return {
    input,
    numReferences: Math.min(images.length, max_references),
    numLatentFrames: (input.num_frames - 1) / grid.frameMultiple + 1,
    latentHeight: tokenRows * patchHeight,
    latentWidth: tokenColumns * patchWidth,
    tokenRows,
    tokenColumns,
    tokenWidth: innerDim(transformer),
  };
}

function sizeErrors(input: JobInput, grid: ReturnType<typeof modelGrid>): FieldError[] {
  if (isLegalSize(input, grid)) return [];
  const nearest = nearestLegalSize(input, grid);
  return (['width', 'height'] as const)
    .filter((side) => input[side] !== nearest[side])
    .map((side) => {
      const multiple = side === 'width' ? grid.widthMultiple : grid.heightMultiple;
      const rule = `a multiple of ${multiple} within the limits (nearest legal size: ${nearest.width} x ${nearest.height})`;
      return fieldError(`input.${side}`, rule, input[side]);
    });
}

function framesErrors(input: JobInput, grid: ReturnType<typeof modelGrid>): FieldError[] {
  if (isLegalFrames(input.num_frames, grid)) return [];
  const nearest = nearestLegalFrames(input.num_frames, grid);
  const rule = `1 more than a multiple of ${grid.frameMultiple} (nearest legal count: ${nearest})`;
  return [fieldError('input.num_frames', rule, input.num_frames)];
}

/**
 * The transformer as a plan wants it: its graph, and the inputs that follow from sizes alone. Denoising, the memory estimate, parity
 * and the benchmark all ask here, so that they speak of one graph.
 */
import type { TransformerConfig } from './model/config';
import type { OpenModel } from './model/open-model';
import { ropePositions, ropeTables } from './model/rope';
import { emitTransformer } from './model/transformer';
import type { Weights } from './model/weights';
import type { FloatDType, Graph } from './onnx/graph';
import type { Plan } from './plan';
import type { FloatTensor } from './session';

/** `transformer_2` is the low-noise expert of Wan 2.2. */
export type Expert = 'transformer' | 'transformer_2';

/** The experts that a model directory has, with what each is emitted from. */
export function expertsOf({ directory, weights }: OpenModel): Map<Expert, readonly [TransformerConfig, Weights]> {
  const experts = new Map<Expert, readonly [TransformerConfig, Weights]>();
  experts.set('transformer', [directory.transformer, weights.transformer]);
  if (directory.transformer2 && weights.transformer2) {
    experts.set('transformer_2', [directory.transformer2, weights.transformer2]);
  }
  return experts;
}

/**
 * @param numReferences that the graph takes: the plan's, or 0 for a guidance branch without references.
 * @throws ModelError when the directory has no such expert, or a tensor is missing or has another shape.
 */
export function emitPlannedTransformer(
  model: OpenModel,
  plan: Plan,
  numReferences: number,
  computeDtype: FloatDType,
  expert: Expert = 'transformer',
): Graph {
  const found = expertsOf(model).get(expert);
  if (!found) throw new Error(`${expert} must be open, got none.`);
  const [config, weights] = found;
  return emitTransformer(config, weights, {
    computeDtype,
    numVideoFrames: plan.numLatentFrames,
    latentHeight: plan.latentHeight,
    latentWidth: plan.latentWidth,
    numReferences,
    textLength: model.directory.textLength,
    referenceTimestep: model.conditioning.reference_timestep,
  });
}

/** Rotation tables of all tokens, [S, headDim / 2] each. */
export function ropeInputs(
  { directory, conditioning }: OpenModel,
  plan: Plan,
  numReferences: number,
): Record<'rope_cos' | 'rope_sin', FloatTensor> {
  const { attention_head_dim: headDim, patch_size } = directory.transformer;
  const positions = ropePositions({
    scheme: conditioning.scheme,
    offset: conditioning.offset,
    numFrames: plan.numLatentFrames / patch_size[0]!,
    height: plan.tokenRows,
    width: plan.tokenColumns,
    numReferences,
  });
  const { cos, sin } = ropeTables(positions, headDim);
  const dims = [positions.length / 3, headDim / 2];
  return {
    rope_cos: { dtype: 'float32', dims, data: cos },
    rope_sin: { dtype: 'float32', dims, data: sin },
  };
}

/** What tokens are told of the noise, [k]: the video's timestep, and 0 for the references where they have one of their own. */
export function timestepInput({ conditioning }: OpenModel, timestep: number, numReferences: number): FloatTensor {
  const hasOwn = conditioning.reference_timestep === 'zero' && numReferences > 0;
  const timesteps = hasOwn ? [timestep, 0] : [timestep];
  return { dtype: 'float32', dims: [timesteps.length], data: Float32Array.from(timesteps) };
}

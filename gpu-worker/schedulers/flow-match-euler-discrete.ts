/**
 * FlowMatchEulerDiscreteScheduler: one Euler step along the velocity.
 * Source: diffusers 0.40.0, schedulers/scheduling_flow_match_euler_discrete.py.
 */
import { z } from 'zod';
import type { Scheduler } from '../scheduler';
import { parseSchedulerConfig, switchedOff } from './settings';

export const flowMatchEulerConfigSchema = z.object({
  num_train_timesteps: z.int().positive().default(1000),
  shift: z.number().positive().default(1),
  use_dynamic_shifting: switchedOff,
  shift_terminal: switchedOff,
  invert_sigmas: switchedOff,
  use_karras_sigmas: switchedOff,
  use_exponential_sigmas: switchedOff,
  use_beta_sigmas: switchedOff,
  stochastic_sampling: switchedOff,
});

export type FlowMatchEulerConfig = z.output<typeof flowMatchEulerConfigSchema>;

const f32 = Math.fround;

export function createFlowMatchEulerDiscrete(config: unknown, numInferenceSteps: number): Scheduler {
  const { num_train_timesteps, shift } = parseSchedulerConfig(flowMatchEulerConfigSchema, config);
  const sigmas = shiftedSigmas(num_train_timesteps, shift, numInferenceSteps);
  let stepIndex = 0;
  return {
    sigmas,
    timesteps: Array.from(sigmas.subarray(0, numInferenceSteps), (sigma) => f32(sigma * num_train_timesteps)),
    step(modelOutput, i, sample) {
      if (i !== stepIndex) throw new Error(`The step must be ${stepIndex}, the next one, got ${i}.`);
      stepIndex++;
      const dt = f32(sigmas[i + 1]! - sigmas[i]!);
      return sample.map((x, at) => x + f32(dt * modelOutput[at]!));
    },
    state: () => ({ stepIndex, numbers: {}, tensors: {} }),
    restore(state) {
      stepIndex = state.stepIndex;
    },
  };
}

/**
 * The shift is applied twice, as there: once to the training schedule, whose ends give the range of timesteps, and once to the
 * timesteps taken from that range.
 */
function shiftedSigmas(numTrainTimesteps: number, shift: number, numInferenceSteps: number): Float32Array {
  const shifted = (sigma: number) => (shift * sigma) / (1 + (shift - 1) * sigma);
  const sigmaMin = f32(
    f32(shift * f32(1 / numTrainTimesteps)) / f32(1 + f32((shift - 1) * f32(1 / numTrainTimesteps))),
  );
  const sigmas = new Float32Array(numInferenceSteps + 1);
  for (let i = 0; i < numInferenceSteps; i++) {
    const along = numInferenceSteps === 1 ? 0 : i / (numInferenceSteps - 1);
    sigmas[i] = shifted(1 + along * (sigmaMin - 1));
  }
  return sigmas;
}

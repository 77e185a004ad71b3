/**
 * Schedulers: from the model's velocities to the next, less noisy latents. Which one runs is the class name in the model
 * directory. Maths as in diffusers >= 0.37, in float32 rounding for rounding, because near sigma = 1 a log-SNR computed in
 * double precision differs visibly.
 */
import { ModelError } from './errors';
import { createFlowMatchEulerDiscrete } from './schedulers/flow-match-euler-discrete';
import { createUniPCMultistep } from './schedulers/uni-pc-multistep';

export interface Scheduler {
  /** What the model is told at each step, 0..1000. UniPC truncates them to whole numbers, FlowMatchEuler does not. */
  readonly timesteps: readonly number[];
  /** Noise share at each step, and the last one's target: numInferenceSteps + 1 values. */
  readonly sigmas: Float32Array;
  /**
   * The sample at sigma[i + 1] from the one at sigma[i] and the model's velocity there. Steps are taken in order; neither
   * argument is changed.
   * @throws Error when i is not the step that comes next.
   */
  step(modelOutput: Float32Array, i: number, sample: Float32Array): Float32Array;
  /** All that later steps depend on besides the sample, for a checkpoint between two steps. */
  state(): SchedulerState;
  /** Continue from `state()` of a scheduler made with the same arguments. */
  restore(state: SchedulerState): void;
}

export interface SchedulerState {
  /** The step that comes next. */
  readonly stepIndex: number;
  readonly numbers: Readonly<Record<string, number>>;
  readonly tensors: Readonly<Record<string, Float32Array>>;
}

const SCHEDULERS = {
  UniPCMultistepScheduler: createUniPCMultistep,
  FlowMatchEulerDiscreteScheduler: createFlowMatchEulerDiscrete,
} as const;

const SCHEDULER_CLASS_NAMES = Object.keys(SCHEDULERS);

/**
 * @param className as model_index.json names it.
 * @param config contents of scheduler/scheduler_config.json.
 * @throws ModelError for a class or a setting that is not supported, by name.
 */
export function createScheduler(className: string, config: unknown, numInferenceSteps: number): Scheduler {
  if (!Object.hasOwn(SCHEDULERS, className)) {
    throw new ModelError(`scheduler must be one of ${SCHEDULER_CLASS_NAMES.join(', ')}, got ${className}.`);
  }
  return SCHEDULERS[className as keyof typeof SCHEDULERS](config, numInferenceSteps);
}

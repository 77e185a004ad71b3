/** What a generation has done so far, between two denoising steps: enough to go on from there and end in the same bytes. */
import type { Report } from '../contract/report';
import type { SchedulerState } from './scheduler';

/** One denoising step as the report shows it. */
export type StepRecord = Report['outputs'][number]['steps'][number];

/** One output after its last step. */
export interface OutputState {
  /** Latents [C * T * h * w], still noisy. */
  readonly sample: Float32Array;
  readonly scheduler: SchedulerState;
  /** One entry a step done; they count the output's own steps from 1. */
  readonly steps: readonly StepRecord[];
}

export interface Snapshot {
  /** Of every output; null before its first step, because noise comes from the seed. */
  readonly outputs: readonly (OutputState | null)[];
}

/** Steps done, of all outputs together. */
export function stepsDone({ outputs }: Snapshot): number {
  return outputs.reduce((sum, output) => sum + (output?.scheduler.stepIndex ?? 0), 0);
}

/** The snapshot with one output further on; gaps are outputs that have not begun. */
export function withOutput({ outputs }: Snapshot, index: number, state: OutputState): Snapshot {
  const length = Math.max(outputs.length, index + 1);
  return { outputs: Array.from({ length }, (_, i) => (i === index ? state : (outputs[i] ?? null))) };
}

/** The state with arrays of its own, for another thread to own. */
export function copyOfState({ sample, scheduler, steps }: OutputState): OutputState {
  const tensors = Object.fromEntries(Object.entries(scheduler.tensors).map(([name, data]) => [name, data.slice()]));
  return { sample: sample.slice(), scheduler: { ...scheduler, tensors }, steps: [...steps] };
}

/** The memory of a state, as postMessage takes it to hand it over. */
export function buffersOf({ sample, scheduler }: OutputState): ArrayBuffer[] {
  return [sample, ...Object.values(scheduler.tensors)].map(({ buffer }) => buffer as ArrayBuffer);
}

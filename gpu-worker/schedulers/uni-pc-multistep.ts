/**
 * UniPCMultistepScheduler for flow models: predictor-corrector of order 1 to 3 on the predicted clean sample x0.
 * Source: diffusers 0.40.0, schedulers/scheduling_unipc_multistep.py; method: arXiv 2302.04867.
 *
 * With alpha = 1 - sigma and lambda = ln(alpha / sigma), every update is
 *   x_target = (sigma_target / sigma_source) x - alpha_target (e^hh - 1) m0 - alpha_target B sum_k rho_k D1_k,   hh = -h
 * where m are x0 predictions, D1_k their divided differences, and rho solves a small linear system of the steps' ratios.
 */
import { z } from 'zod';
import type { Scheduler, SchedulerState } from '../scheduler';
import { parseSchedulerConfig, switchedOff } from './settings';

export const uniPcConfigSchema = z.object({
  num_train_timesteps: z.int().positive().default(1000),
  solver_order: z.int().min(1).max(3).default(2),
  solver_type: z.enum(['bh1', 'bh2']).default('bh2'),
  prediction_type: z.literal('flow_prediction'),
  use_flow_sigmas: z.literal(true),
  flow_shift: z.number().positive().default(1),
  predict_x0: z.literal(true).default(true),
  // Without these two the last step divides by zero, in diffusers as well.
  lower_order_final: z.literal(true).default(true),
  final_sigmas_type: z.literal('zero').default('zero'),
  disable_corrector: z.array(z.int()).default([]),
  thresholding: switchedOff,
  solver_p: switchedOff,
  use_karras_sigmas: switchedOff,
  use_exponential_sigmas: switchedOff,
  use_beta_sigmas: switchedOff,
  use_dynamic_shifting: switchedOff,
  shift_terminal: switchedOff,
});
export type UniPcConfig = z.output<typeof uniPcConfigSchema>;

/** A whole sigma of 1 would make ln(alpha) infinite. */
const SIGMA_EPSILON = 1e-6;

const f32 = Math.fround;

export function createUniPCMultistep(config: unknown, numInferenceSteps: number): Scheduler {
  return new UniPCMultistep(parseSchedulerConfig(uniPcConfigSchema, config), numInferenceSteps);
}

class UniPCMultistep implements Scheduler {
  readonly timesteps: readonly number[];
  readonly sigmas: Float32Array;
  private stepIndex = 0;
  /** x0 predictions, the newest last; at most solver_order of them. */
  private modelOutputs: Float32Array[] = [];
  /** The (corrected) sample that the last predictor started from. */
  private lastSample: Float32Array | undefined;
  /** Order of the last predictor; the corrector after it has the same. */
  private order = 1;
  /** Full steps taken, counted up to solver_order: the order warms up with them. */
  private warmup = 0;

  constructor(
    private readonly config: UniPcConfig,
    private readonly numInferenceSteps: number,
  ) {
    const { num_train_timesteps, flow_shift } = config;
    const sigmas = Array.from({ length: numInferenceSteps }, (_, i) => {
      const sigma = 1 + (i / numInferenceSteps) * (1 / num_train_timesteps - 1);
      return (flow_shift * sigma) / (1 + (flow_shift - 1) * sigma);
    });
    if (Math.abs(sigmas[0]! - 1) < SIGMA_EPSILON) sigmas[0]! -= SIGMA_EPSILON;
    this.timesteps = sigmas.map((sigma) => Math.trunc(sigma * num_train_timesteps));
    this.sigmas = Float32Array.from([...sigmas, 0]);
  }

  step(modelOutput: Float32Array, i: number, sample: Float32Array): Float32Array {
    if (i !== this.stepIndex) throw new Error(`The step must be ${this.stepIndex}, the next one, got ${i}.`);
    const { solver_order, disable_corrector } = this.config;
    // The prediction is made from the sample as the model saw it, before the corrector moves it.
    const prediction = this.predictClean(modelOutput, sample);
    let current = sample;
    if (i > 0 && !disable_corrector.includes(i - 1) && this.lastSample) {
      current = this.correct(prediction, this.lastSample);
    }
    this.modelOutputs = [...this.modelOutputs, prediction].slice(-solver_order);
    this.order = Math.min(solver_order, this.numInferenceSteps - i, this.warmup + 1);
    this.lastSample = current;
    this.warmup = Math.min(this.warmup + 1, solver_order);
    const next = this.predict(current);
    this.stepIndex++;
    return next;
  }

  state(): SchedulerState {
    const predictions = this.modelOutputs.map((output, k) => [`model_output_${k}`, output] as const);
    return {
      stepIndex: this.stepIndex,
      numbers: { order: this.order, warmup: this.warmup },
      tensors: { ...Object.fromEntries(predictions), ...(this.lastSample && { last_sample: this.lastSample }) },
    };
  }

  restore({ stepIndex, numbers, tensors }: SchedulerState): void {
    this.stepIndex = stepIndex;
    this.order = numbers.order ?? 1;
    this.warmup = numbers.warmup ?? 0;
    this.lastSample = tensors.last_sample;
    const count = Object.keys(tensors).filter((name) => name.startsWith('model_output_')).length;
    this.modelOutputs = Array.from({ length: count }, (_, k) => tensors[`model_output_${k}`]!);
  }

  /** x0 = x - sigma v */
  private predictClean(modelOutput: Float32Array, sample: Float32Array): Float32Array {
    const sigma = this.sigmas[this.stepIndex]!;
    return sample.map((x, at) => x - f32(sigma * modelOutput[at]!));
  }

  /** UniC: the sample at sigma[i] once more, now that the model's output there is known. */
  private correct(prediction: Float32Array, lastSample: Float32Array): Float32Array {
    const i = this.stepIndex;
    const update = this.prepareUpdate(i - 1, i);
    // A single unknown is not solved for but set to one half, as in the original.
    const rhos = this.order === 1 ? [0.5] : solve(update.ratioPowers, update.moments);
    const m0 = this.modelOutputs.at(-1)!;
    const differences = [...update.differences, prediction.map((m, at) => m - m0[at]!)];
    return applyUpdate(update, lastSample, m0, rhos, differences);
  }

  /** UniP: the sample at sigma[i + 1]. */
  private predict(sample: Float32Array): Float32Array {
    const i = this.stepIndex;
    const update = this.prepareUpdate(i, i + 1);
    const known = update.differences.length;
    const rhos =
      known === 1
        ? [0.5]
        : solve(
            update.ratioPowers.slice(0, known).map((row) => row.slice(0, known)),
            update.moments.slice(0, known),
          );
    return applyUpdate(update, sample, this.modelOutputs.at(-1)!, rhos, update.differences);
  }

  /** Everything an update from sigma[source] to sigma[target] needs, for the current order. */
  private prepareUpdate(source: number, target: number): Update {
    const { sigmas, modelOutputs, order, config } = this;
    const sigmaTarget = sigmas[target]!;
    const alphaTarget = f32(1 - sigmaTarget);
    const lambdaSource = logSnr(sigmas[source]!);
    const h = f32(logSnr(sigmaTarget) - lambdaSource);
    const m0 = modelOutputs.at(-1)!;
    const ratios: number[] = [];
    const differences: Float32Array[] = [];
    for (let k = 1; k < order; k++) {
      const ratio = f32(f32(logSnr(sigmas[source - k]!) - lambdaSource) / h);
      const m = modelOutputs.at(-(k + 1))!;
      ratios.push(ratio);
      differences.push(m.map((value, at) => f32(value - m0[at]!) / ratio));
    }
    ratios.push(1);
    const hh = -h;
    const expm1 = f32(Math.expm1(hh));
    const b = config.solver_type === 'bh1' ? hh : expm1;
    const moments: number[] = [];
    let phi = f32(f32(expm1 / hh) - 1);
    let factorial = 1;
    for (let k = 1; k <= order; k++) {
      moments.push(f32(f32(phi * factorial) / b));
      factorial *= k + 1;
      phi = f32(f32(phi / hh) - 1 / factorial);
    }
    return {
      sampleScale: f32(sigmaTarget / sigmas[source]!),
      cleanScale: f32(alphaTarget * expm1),
      differenceScale: f32(alphaTarget * b),
      ratioPowers: Array.from({ length: order }, (_, power) => ratios.map((ratio) => f32(ratio ** power))),
      moments,
      differences,
    };
  }
}

interface Update {
  readonly sampleScale: number;
  readonly cleanScale: number;
  readonly differenceScale: number;
  /** [order][order], row k holds the ratios to the power of k. */
  readonly ratioPowers: number[][];
  readonly moments: number[];
  /** order - 1 tensors. */
  readonly differences: Float32Array[];
}

/** ln(alpha / sigma) in float32; +Infinity at sigma 0. */
function logSnr(sigma: number): number {
  return f32(f32(Math.log(f32(1 - sigma))) - f32(Math.log(sigma)));
}

function applyUpdate(
  { sampleScale, cleanScale, differenceScale }: Update,
  x: Float32Array,
  m0: Float32Array,
  rhos: readonly number[],
  differences: readonly Float32Array[],
): Float32Array {
  return x.map((value, at) => {
    const base = f32(f32(sampleScale * value) - f32(cleanScale * m0[at]!));
    let correction = 0;
    for (let k = 0; k < differences.length; k++) correction = f32(correction + f32(rhos[k]! * differences[k]![at]!));
    return base - f32(differenceScale * correction);
  });
}

/** Gaussian elimination with partial pivoting, for the two or three unknowns of an order. */
function solve(matrix: readonly (readonly number[])[], vector: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, vector[i]!]);
  const n = rows.length;
  for (let column = 0; column < n; column++) {
    const pivot = rows
      .slice(column)
      .reduce((best, row) => (Math.abs(row[column]!) > Math.abs(best[column]!) ? row : best));
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / pivot[column]!;
      for (let k = column; k <= n; k++) row[k]! -= factor * pivot[k]!;
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    const known = solution.reduce((sum, value, k) => (k > i ? sum + rows[i]![k]! * value : sum), 0);
    solution[i] = f32((rows[i]![n]! - known) / rows[i]![i]!);
  }
  return solution;
}

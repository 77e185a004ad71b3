/**
 * The denoising loop: at every step the model answers once a guidance branch, the answers are summed with their weights, and the
 * scheduler takes the step.
 *
 * Branches whose tokens differ need different graphs. A graph is loaded when a branch first needs it, and a model with two
 * experts (Wan 2.2) drops the high-noise one before the low-noise one is loaded.
 */
import { ModelError } from './errors';
import type { EncodedText, GenerationHooks } from './generate';
import type { OpenModel } from './model/open-model';
import { type GuidanceBranch, weightedBranches } from './model/reference-conditioning';
import type { FloatDType } from './onnx/graph';
import type { Plan } from './plan';
import { type Expert, emitPlannedTransformer, ropeInputs, timestepInput } from './planned-transformer';
import { createScheduler } from './scheduler';
import { createSession, type FloatTensor, type Session, type SessionOptions, type Tensor } from './session';
import type { Snapshot, StepRecord } from './snapshot';

export interface Denoising {
  readonly model: OpenModel;
  readonly plan: Plan;
  readonly text: EncodedText;
  /** [1, C, n, h, w], clean; null where there are none. */
  readonly references: FloatTensor | null;
  /** One [1, C, T, h, w] an output. */
  readonly noises: readonly FloatTensor[];
  readonly session: SessionOptions;
  readonly computeDtype: FloatDType;
  /** Where an earlier run of the same job had come to. */
  readonly checkpoint?: Snapshot | null;
}

export interface Denoised {
  /** [1, C, T, h, w], normalised as the transformer knows them. */
  readonly latents: FloatTensor;
  /** One entry a step, those of earlier runs included. */
  readonly steps: readonly StepRecord[];
}

/** @throws ModelError when the model answers something that is no number. */
export async function denoise(task: Denoising, { onEvent, onSnapshot, cancel }: GenerationHooks): Promise<Denoised[]> {
  const { model, plan } = task;
  const { steps, guidance } = plan.input;
  const branches = weightedBranches(model.conditioning, guidance);
  const outputs = startOutputs(task);
  for (const [index, { sample, scheduler, records }] of outputs.entries()) {
    if (records.length > 0) onSnapshot?.(index, { sample: sample.data, scheduler: scheduler.state(), steps: records });
  }
  const experts = new Experts(task);
  try {
    // All outputs take a step before any takes the next, so that each expert is loaded once.
    for (let i = 0; i < steps; i++) {
      for (const [index, output] of outputs.entries()) {
        if (output.records.length > i) continue;
        cancel.throwIfSet();
        const startedAt = performance.now();
        const { scheduler } = output;
        const timestep = scheduler.timesteps[i]!;
        const velocity = new Float32Array(output.sample.data.length);
        for (const { branch, weight } of branches) {
          const answer = await experts.predict(branch, output.sample, timestep);
          for (let at = 0; at < velocity.length; at++) velocity[at]! += weight * answer[at]!;
        }
        const velocityRms = rms(velocity);
        if (!Number.isFinite(velocityRms)) {
          const where = `step ${i + 1} in ${task.computeDtype}`;
          throw new ModelError(`transformer must answer with finite numbers, got ${velocityRms} at ${where}.`);
        }
        const data = scheduler.step(velocity, i, output.sample.data);
        output.sample = { ...output.sample, data };
        output.records.push({
          step: i + 1,
          timestep,
          sigma: scheduler.sigmas[i]!,
          seconds: (performance.now() - startedAt) / 1000,
          velocity_rms: velocityRms,
          sample_rms: rms(data),
        });
        onSnapshot?.(index, { sample: data, scheduler: scheduler.state(), steps: output.records });
        onEvent({ type: 'step', step: i * outputs.length + index + 1, totalSteps: steps * outputs.length });
      }
    }
  } finally {
    await experts.release();
  }
  return outputs.map(({ sample, records }) => ({ latents: sample, steps: records }));
}

/** Every output at its noise, or where the checkpoint left it. */
function startOutputs({ model, plan, noises, checkpoint }: Denoising) {
  const { className, config } = model.directory.scheduler;
  return noises.map((noise, index) => {
    const scheduler = createScheduler(className, config, plan.input.steps);
    const state = checkpoint?.outputs[index];
    if (state) scheduler.restore(state.scheduler);
    const sample: FloatTensor = state ? { ...noise, data: state.sample } : noise;
    return { scheduler, sample, records: [...(state?.steps ?? [])] };
  });
}

/** Root mean square. */
function rms(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum / values.length);
}

/** Sessions of the transformer, by the number of references their graphs take. */
class Experts {
  private readonly sessions = new Map<number, Session>();
  private current: Expert = 'transformer';
  private readonly ropes = new Map<number, ReturnType<typeof ropeInputs>>();

  constructor(private readonly task: Denoising) {}

  /** The velocity [C * T * h * w] of the video, as one branch sees it. */
  async predict(branch: GuidanceBranch, sample: FloatTensor, timestep: number): Promise<Float32Array> {
    const { model, text, references, plan } = this.task;
    const isDropped = !branch.references;
    const numReferences = isDropped && model.conditioning.dropped_references === 'omit' ? 0 : plan.numReferences;
    const session = await this.sessionFor(timestep, numReferences);
    const prompt = branch.text ? text.prompt : text.negative;
    if (!prompt) throw new Error(`The branch ${branch.name} must have its text encoded, got none.`);
    const feeds: Record<string, Tensor> = {
      hidden_states: sample,
      encoder_hidden_states: prompt,
      timestep: timestepInput(model, timestep, numReferences),
      ...this.ropeFor(numReferences),
    };
    if (numReferences > 0 && references) feeds.references = isDropped ? zerosLike(references) : references;
    const { sample: velocity } = await session.run(feeds);
    return velocity!.data as Float32Array;
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await session.release();
    this.sessions.clear();
  }

  private async sessionFor(timestep: number, numReferences: number): Promise<Session> {
    const expert = this.expertAt(timestep);
    if (expert !== this.current) await this.release();
    this.current = expert;
    const present = this.sessions.get(numReferences);
    if (present) return present;
    const { model, plan, computeDtype, session: options } = this.task;
    const graph = emitPlannedTransformer(model, plan, numReferences, computeDtype, expert);
    const session = await createSession(graph, options);
    this.sessions.set(numReferences, session);
    return session;
  }

  /** Wan 2.2: the first expert denoises while t >= boundary * num_train_timesteps, the second one below. */
  private expertAt(timestep: number): Expert {
    const { transformer2, boundaryRatio, scheduler } = this.task.model.directory;
    if (!transformer2 || boundaryRatio === undefined) return 'transformer';
    return timestep >= boundaryRatio * scheduler.config.num_train_timesteps ? 'transformer' : 'transformer_2';
  }

  private ropeFor(numReferences: number): ReturnType<typeof ropeInputs> {
    const present = this.ropes.get(numReferences);
    if (present) return present;
    const tables = ropeInputs(this.task.model, this.task.plan, numReferences);
    this.ropes.set(numReferences, tables);
    return tables;
  }
}

function zerosLike(tensor: FloatTensor): FloatTensor {
  return { ...tensor, data: new Float32Array(tensor.data.length) };
}

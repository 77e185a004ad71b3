/**
 * How much memory a job needs, known before anything is loaded: the graphs are emitted (weights stay on disk), each node's
 * values are counted while they live, and the largest of the job's phases decides. Sessions are released between phases.
 *
 * It is an estimate of the CPU provider's use; the test measures it against the process. On a GPU the same bytes are needed there.
 */
import { freemem } from 'node:os';
import { mustBe } from '../contract/field-error';
import { OutOfMemoryError } from './errors';
import type { OpenModel } from './model/open-model';
import { weightedBranches } from './model/reference-conditioning';
import { emitTextEncoder } from './model/text-encoder';
import { emitVaeDecoder, emitVaeEncoder } from './model/vae';
import type { Weights } from './model/weights';
import type { DType, FloatDType, Graph, Value } from './onnx/graph';
import type { Plan } from './plan';
import { emitPlannedTransformer, expertsOf } from './planned-transformer';

export interface PhaseMemory {
  readonly phase: 'encode_prompt' | 'encode_references' | 'denoise' | 'decode';
  /** Bytes of the weights as they are held, in the type that is computed with. */
  readonly weights: number;
  /** Bytes of the values that live at the same time inside the graph, its inputs and outputs included. */
  readonly activations: number;
}

export interface MemoryEstimate {
  readonly phases: readonly PhaseMemory[];
  /** Bytes of the whole process at its largest. */
  readonly peak: number;
}

const BYTES: Record<DType, number> = { float32: 4, float16: 2, bfloat16: 2, int64: 8, int32: 4, bool: 1 };

/** Node, the runtime, tokenizer and image libraries, and what they keep between phases. Measured. */
const PROCESS_BYTES = 300e6;
/** The runtime's allocator rounds up, convolutions unfold their input, and JavaScript frees late. Measured; see the test. */
const OVERHEAD_FACTOR = 3;
/** These nodes only give their input another shape. */
const VIEWS: readonly string[] = ['Reshape', 'Identity', 'Squeeze', 'Unsqueeze'];

/** @throws ModelError when a graph cannot be emitted: a tensor is missing or has another shape. */
export function estimateMemory(model: OpenModel, plan: Plan, computeDtype: FloatDType): MemoryEstimate {
  const { directory, weights } = model;
  const { latentHeight, latentWidth, input } = plan;
  const { width, height } = input;
  const phase = (name: PhaseMemory['phase'], graphs: readonly (readonly [Graph, Weights])[]): PhaseMemory => ({
    phase: name,
    weights: graphs.reduce((sum, [graph, { byteSize, parameterCount }]) => {
      return sum + (graph.weightBytes / Math.max(byteSize, 1)) * parameterCount * BYTES[computeDtype];
    }, 0),
    activations: Math.max(...graphs.map(([graph]) => peakActivations(graph))),
  });
  const textEncoder = emitTextEncoder(directory.textEncoder, weights.textEncoder, {
    textLength: directory.textLength,
    computeDtype,
  });
  const vaeEncoder = emitVaeEncoder(directory.vae, weights.vae, { numFrames: 1, height, width, computeDtype });
  const decoders = (['first', 'next'] as const).map((chunk) =>
    emitVaeDecoder(directory.vae, weights.vae, { chunk, latentHeight, latentWidth, computeDtype }),
  );
  const phases = [
    phase('encode_prompt', [[textEncoder, weights.textEncoder]]),
    ...(plan.numReferences > 0 ? [phase('encode_references', [[vaeEncoder, weights.vae]])] : []),
    phase('denoise', transformerGraphs(model, plan, computeDtype)),
    // The decoder's two graphs are loaded one after the other.
    decoders
      .map((decoder) => phase('decode', [[decoder, weights.vae]]))
      .reduce((a, b) => (phaseBytes(b) > phaseBytes(a) ? b : a)),
  ];
  return { phases, peak: PROCESS_BYTES + Math.max(...phases.map(phaseBytes)) };
}

/** Bytes that a phase takes besides the process itself. */
function phaseBytes({ weights, activations }: PhaseMemory): number {
  return weights + OVERHEAD_FACTOR * activations;
}

/**
 * @param available bytes that may be used; what the machine, or its container, has left unless given.
 * @throws OutOfMemoryError in advance, rather than being killed in the middle.
 */
export function requireMemory({ peak }: MemoryEstimate, available = availableMemory()): void {
  if (peak <= available) return;
  const rule = `at least ${byteText(peak)} for this model at this size`;
  throw new OutOfMemoryError(mustBe('memory', rule, `${byteText(available)} available`).message);
}

/** 1.5e9 -> "1.50 GB" */
export function byteText(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 1)} GB`;
}

/** The limits of a container count where Node tells them (20.13 and later). */
function availableMemory(): number {
  const { availableMemory } = process as { availableMemory?: () => number };
  return availableMemory?.() ?? freemem();
}

/** The transformers that are loaded at the same time: one for each number of references that a guidance branch needs. */
function transformerGraphs(model: OpenModel, plan: Plan, computeDtype: FloatDType): [Graph, Weights][] {
  const { conditioning } = model;
  const counts = weightedBranches(conditioning, plan.input.guidance).map(({ branch }) =>
    branch.references || conditioning.dropped_references === 'zero' ? plan.numReferences : 0,
  );
  // Two experts are never loaded together, so the larger one counts; both are emitted, to check their tensors.
  const perExpert = [...expertsOf(model)].map(([expert, [, tensors]]) =>
    [...new Set(counts)].map((numReferences): [Graph, Weights] => [
      emitPlannedTransformer(model, plan, numReferences, computeDtype, expert),
      tensors,
    ]),
  );
  return perExpert.reduce((a, b) => (b[0]![1].parameterCount > a[0]![1].parameterCount ? b : a));
}

/** The most bytes that live at once when the nodes run in order and a value dies after its last use. */
export function peakActivations({ inputs, outputs, flow }: Graph): number {
  const lastUse = new Map<string, number>();
  for (const [at, node] of flow.entries()) for (const input of node.inputs) lastUse.set(input.name, at);
  const kept = new Set([...inputs, ...outputs].map(({ name }) => name));
  const produced = new Set<string>();
  let live = inputs.reduce((sum, input) => sum + byteSize(input), 0);
  let peak = live;
  for (const [at, node] of flow.entries()) {
    const isView = VIEWS.includes(node.opType);
    for (const output of node.outputs) {
      produced.add(output.name);
      live += byteSize(output);
    }
    if (!isView) peak = Math.max(peak, live);
    for (const input of new Set(node.inputs)) {
      if (lastUse.get(input.name) === at && produced.has(input.name) && !kept.has(input.name)) live -= byteSize(input);
    }
  }
  return peak;
}

function byteSize({ dtype, shape }: Value): number {
  return BYTES[dtype] * shape.reduce<number>((product, dim) => product * Number(dim), 1);
}

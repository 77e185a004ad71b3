/**
 * The only importer of onnxruntime-node: turns a graph into something that runs.
 *
 * `run` blocks the thread that calls it (the runtime's own run is synchronous behind its promise), so the worker keeps sessions
 * on a thread of their own.
 */

import path from 'node:path';
import { env, InferenceSession, listSupportedBackends, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { ModelError, OutOfMemoryError, ProviderError } from './errors';
import type { DType, Graph, Value } from './onnx/graph';

// What goes wrong is thrown; the runtime would print it a second time, over several lines.
env.logLevel = 'fatal';

export const PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** A tensor in row-major order. float16 and bfloat16 are left out: graph inputs and outputs are float32, int64 or int32. */
export type Tensor =
  | { readonly dtype: 'float32'; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'int64'; readonly dims: readonly number[]; readonly data: BigInt64Array }
  | { readonly dtype: 'int32'; readonly dims: readonly number[]; readonly data: Int32Array };

export type FloatTensor = Extract<Tensor, { dtype: 'float32' }>;

export interface SessionOptions {
  readonly provider: Provider;
  /** Threads that one operator may use; the number of cores unless given. */
  readonly numThreads?: number;
  /**
   * Keep the memory of intermediate values between runs (CPU): faster for small values; for large ones, whose pages cost little
   * beside the work on them, it only raises the peak. True unless given.
   */
  readonly memoryArena?: boolean;
  /**
   * Fail where the runtime would leave an operator to the CPU, which it does without a word: every copy between both costs more than
   * the operator. Not for whole models: what only computes shapes belongs on the CPU.
   */
  readonly forbidCpuFallback?: boolean;
}

/** "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version" */
const CUDA_FAILURE = /\bCU[A-Z]+ failure -?\d+: [^;]+/;

/** Versions of the runtime, and the providers that it was built for; whether one loads, only a session tells. */
export function describeRuntime(): { readonly version: string; readonly providers: readonly string[] } {
  return { version: env.versions.node ?? 'unknown', providers: listSupportedBackends().map(({ name }) => name) };
}

/** Where the runtime looks for its CUDA provider, whether or not it is there. */
export function cudaProviderFile(): string {
  const folder = path.join(path.dirname(require.resolve('onnxruntime-node')), '../bin/napi-v6', process.platform);
  return path.join(folder, process.arch, 'libonnxruntime_providers_cuda.so');
}

/** What a graph declares: a run is checked against it before the runtime sees it. */
export class Session {
  constructor(
    private readonly name: string,
    private readonly inputs: readonly Value[],
    private readonly runtime: InferenceSession,
  ) {}

  /** Runs the graph once. Feeds must be just the graph's inputs; the outputs come back under their names. */
  async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>> {
    for (const name of Object.keys(feeds)) {
      if (!this.inputs.some((input) => input.name === name)) {
        throw new TypeError(
          `${this.name}: ${name} must be one of ${this.inputs.map((input) => input.name).join(', ')}.`,
        );
      }
    }
    const runtimeFeeds = Object.fromEntries(
      this.inputs.map((input) => [input.name, toRuntimeTensor(this.name, input, feeds[input.name])]),
    );
    const results = await this.runtime.run(runtimeFeeds).catch((error: unknown) => {
      throw translateError(error, `${this.name} failed to run`);
    });
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, fromRuntimeTensor(tensor)]));
  }

  /** Frees the weights and buffers; the session cannot be used after this. */
  async release(): Promise<void> {
    await this.runtime.release();
  }
}

/**
 * Loads `graph` with its weights.
 *
 * @throws ProviderError when the provider does not load; there is no falling back to another.
 * @throws OutOfMemoryError when the weights do not fit.
 * @throws ModelError when a weight file vanished or changed under us.
 */
export async function createSession(
  graph: Graph,
  { provider, numThreads, memoryArena = true, forbidCpuFallback = false }: SessionOptions,
): Promise<Session> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    enableCpuMemArena: memoryArena,
    logSeverityLevel: 4,
    ...(numThreads === undefined ? {} : { intraOpNumThreads: numThreads }),
    extra: {
      session: {
        // Weight locations are absolute paths without their leading slash.
        model_external_initializers_file_folder_path: '/',
        // A worker thread waits this long for its next share of an operator before it sleeps, and not at all after a run: small
        // operators would pay for being woken (a third of a step at 128 tokens), and idle threads must not burn a core.
        intra_op: { allow_spinning: '1', spin_duration_us: '100' },
        force_spinning_stop: '1',
        ...(forbidCpuFallback && { disable_cpu_ep_fallback: '1' }),
      },
    },
  };
  const runtime = await InferenceSession.create(graph.toBytes(), options).catch((error: unknown) => {
    throw translateError(error, `${graph.name} failed to load on ${provider}`, provider);
  });
  return new Session(graph.name, graph.inputs, runtime);
}

function toRuntimeTensor(graphName: string, input: Value, tensor: Tensor | undefined): RuntimeTensor {
  const wanted = `${input.dtype} [${input.shape.join(', ')}]`;
  if (tensor === undefined) throw new TypeError(`${graphName}: ${input.name} must be given as ${wanted}.`);
  const { dtype, dims, data } = tensor;
  const isFit =
    dtype === input.dtype &&
    dims.length === input.shape.length &&
    input.shape.every((dim, index) => typeof dim === 'string' || dim === dims[index]);
  if (!isFit) throw new TypeError(`${graphName}: ${input.name} must be ${wanted}, got ${dtype} [${dims.join(', ')}].`);
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (data.length !== count) {
    throw new TypeError(
      `${graphName}: ${input.name} must have ${count} elements for [${dims.join(', ')}], got ${data.length}.`,
    );
  }
  return new RuntimeTensor(dtype, data, dims);
}

function fromRuntimeTensor(tensor: RuntimeTensor): Tensor {
  const dtype = tensor.type as DType;
  if (dtype === 'float32' || dtype === 'int64' || dtype === 'int32') {
    return { dtype, dims: tensor.dims, data: tensor.data } as Tensor;
  }
  throw new TypeError(`A graph output must be float32, int64 or int32, got ${tensor.type}.`);
}

/** The runtime has one error class for everything, so its text decides. */
function translateError(error: unknown, what: string, provider?: Provider): Error {
  const message = error instanceof Error ? error.message : String(error);
  // The rest of what the CUDA provider says is its own source.
  const line = (CUDA_FAILURE.exec(message)?.[0] ?? message).replace(/\s+/g, ' ').trim();
  if (
    /bad_alloc|bad allocation|out of memory|failed to allocate|CUDA_ERROR_OUT_OF_MEMORY|insufficient memory/i.test(
      message,
    )
  ) {
    return new OutOfMemoryError(`${what}: memory must suffice for its weights and values, got: ${line}`, {
      cause: error,
    });
  }
  if (/external data|external initializer|out of bounds/i.test(message)) {
    return new ModelError(`${what}: a weight file must stay as it was when it was opened, got: ${line}`, {
      cause: error,
    });
  }
  if (provider !== undefined && provider !== 'cpu') {
    return new ProviderError(`${what}: provider must be one that loads on this machine, got ${provider}: ${line}`, {
      cause: error,
    });
  }
  return new Error(`${what}: ${line}`, { cause: error });
}

/**
 * Proves a provider by using it: a small graph with the operators that a model spends its time in runs there, and again on the CPU,
 * and both must give the same numbers. The runtime may put nothing on the CPU behind our back: it would say nothing and be a hundred
 * times slower.
 */
import { ProviderError } from './errors';
import { DTYPE_OF_PROVIDER } from './job-defaults';
import { type FloatDType, Graph, type Value } from './onnx/graph';
import { Add, Cast, Conv, MatMul, MultiHeadAttention, Reshape } from './onnx/ops';
import { createSession, type FloatTensor, type Provider } from './session';

export interface ProviderProof {
  readonly dtype: FloatDType;
  /** The largest difference from the CPU's numbers, relative to the largest of them. */
  readonly difference: number;
  /** Loading and running it, with the provider's own start. */
  readonly milliseconds: number;
}

const TOKENS = 64;
/** One head of attention: the fast kernels take no less. */
const HEAD_WIDTH = 64;
const NUM_HEADS = 2;
const WIDTH = NUM_HEADS * HEAD_WIDTH;
const CHANNELS = 8;
/** bfloat16 keeps 8 bits, and a GPU's float32 products may be of 10; a wrong kernel is off by far more. */
const TOLERANCE = 0.05;

/** @throws ProviderError when the provider does not load, leaves a part to the CPU, or computes something else. */
export async function proveProvider(provider: Provider, now: () => number = Date.now): Promise<ProviderProof> {
  const dtype = DTYPE_OF_PROVIDER[provider];
  const start = now();
  const values = await run(emitCheckGraph(dtype), provider);
  const milliseconds = now() - start;
  const difference = relativeDifference(values, await run(emitCheckGraph('float32'), 'cpu'));
  // Not "greater than": something that is not a number must not pass.
  if (!(difference <= TOLERANCE)) {
    throw new ProviderError(
      `${provider} must compute what the CPU computes within ${TOLERANCE}, got a relative difference of ${difference}.`,
    );
  }
  return { dtype, difference, milliseconds };
}

/** Attention in the type that a transformer computes in, then a convolution over time and space, which a VAE never does in bfloat16. */
export function emitCheckGraph(dtype: FloatDType): Graph {
  const g = new Graph('provider check');
  const tokens = Cast(g, g.input('x', 'float32', [1, TOKENS, WIDTH]), dtype);
  const [query, key, value] = ['query', 'key', 'value'].map((name, index) =>
    MatMul(g, tokens, g.constant(name, dtype, [WIDTH, WIDTH], wave(WIDTH * WIDTH, index + 1))),
  ) as [Value, Value, Value];
  const attended = Add(g, tokens, MultiHeadAttention(g, query, key, value, { numHeads: NUM_HEADS }));
  const convDtype = dtype === 'bfloat16' ? 'float32' : dtype;
  const frames = Reshape(g, Cast(g, attended, convDtype), [1, CHANNELS, 4, 16, 16]);
  const kernel = [CHANNELS, CHANNELS, 3, 3, 3];
  const weight = g.constant(
    'kernel',
    convDtype,
    kernel,
    wave(
      kernel.reduce((a, b) => a * b),
      4,
    ),
  );
  g.output('y', Cast(g, Conv(g, frames, weight, undefined, { pads: [2, 1, 1, 0, 1, 1] }), 'float32'));
  return g;
}

async function run(graph: Graph, provider: Provider): Promise<Float32Array> {
  const session = await createSession(graph, { provider, forbidCpuFallback: provider !== 'cpu' });
  try {
    const x: FloatTensor = { dtype: 'float32', dims: [1, TOKENS, WIDTH], data: wave(TOKENS * WIDTH, 0) };
    return (await session.run({ x })).y!.data as Float32Array;
  } catch (error) {
    throw new ProviderError(`${provider} must run a small graph, got: ${(error as Error).message}`, { cause: error });
  } finally {
    await session.release();
  }
}

/** Numbers from -0.1 to 0.1 without a pattern that a wrong layout would keep. */
function wave(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, index) => 0.1 * Math.sin(12.9898 * index + 78.233 * seed));
}

/** NaN where one of them is no number or their count differs. */
export function relativeDifference(values: Float32Array, expected: Float32Array): number {
  let largest = 0;
  let difference = values.length === expected.length ? 0 : Number.NaN;
  for (const [index, value] of values.entries()) {
    largest = Math.max(largest, Math.abs(expected[index]!));
    difference = Math.max(difference, Math.abs(value - expected[index]!));
  }
  return difference / largest;
}

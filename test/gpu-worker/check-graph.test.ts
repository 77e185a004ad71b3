import { emitCheckGraph, proveProvider, relativeDifference } from '../../gpu-worker/check-graph';
import { DTYPE_OF_PROVIDER } from '../../gpu-worker/job-defaults';
import { createSession } from '../../gpu-worker/session';

test('the CPU agrees with itself', async () => {
  let now = 0;
  expect(await proveProvider('cpu', () => (now += 5))).toEqual({ dtype: 'float32', difference: 0, milliseconds: 5 });
});

test('a provider that does not load is no proof', async () => {
  await expect(proveProvider('cuda')).rejects.toMatchObject({ name: 'ProviderError' });
});

test.each(Object.entries(DTYPE_OF_PROVIDER))(
  'the graph of %s computes in %s, with what models are made of',
  (_, dtype) => {
    const { flow } = emitCheckGraph(dtype);
    const attention = flow.find(({ opType }) => opType === 'MultiHeadAttention');
    expect(attention?.outputs[0]?.dtype).toBe(dtype);
    expect(flow.map(({ opType }) => opType)).toEqual(expect.arrayContaining(['MatMul', 'Conv']));
  },
);

test('every number of the graph counts: none of its inputs can be anything', async () => {
  const session = await createSession(emitCheckGraph('float32'), { provider: 'cpu' });
  const zeros = { dtype: 'float32', dims: [1, 64, 128], data: new Float32Array(64 * 128) } as const;
  const { y } = await session.run({ x: zeros });
  await session.release();
  expect(new Set(y!.data as Float32Array)).toEqual(new Set([0]));
});

test('the runtime refuses a graph that it would leave to the CPU when that is forbidden', async () => {
  await expect(createSession(emitCheckGraph('float32'), { provider: 'cpu', forbidCpuFallback: true })).rejects.toThrow(
    /graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled/,
  );
});

test('differences are relative to the largest number, and what is no number is never close', () => {
  const of = (...values: number[]) => Float32Array.from(values);
  expect(relativeDifference(of(1, 2, 4), of(1, 2, 4))).toBe(0);
  expect(relativeDifference(of(1, 3, 4), of(1, 2, 4))).toBe(0.25);
  expect(relativeDifference(of(Number.NaN, 2), of(1, 2))).toBeNaN();
  expect(relativeDifference(of(1), of(1, 2))).toBeNaN();
});

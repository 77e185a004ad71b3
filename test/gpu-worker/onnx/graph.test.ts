import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights } from '../../../gpu-worker/model/weights';
import { Graph, GraphError } from '../../../gpu-worker/onnx/graph';
import { Add, Cast, Conv, Gemm, Mul, MultiHeadAttention, Reshape } from '../../../gpu-worker/onnx/ops';
import { createSession } from '../../../gpu-worker/session';
import { writeTensors } from '../../safetensors';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'graph-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

test('a graph with a symbolic dimension runs at several sizes', async () => {
  const g = new Graph('symbolic');
  const x = g.input('x', 'float32', ['S', 2]);
  g.output('y', Add(g, Mul(g, x, g.scalar(3)), g.constant('offset', 'float32', [2], [10, 20])));
  const session = await createSession(g, { provider: 'cpu' });

  const run = async (rows: number[]) => {
    const { y } = await session.run({
      x: { dtype: 'float32', dims: [rows.length / 2, 2], data: Float32Array.from(rows) },
    });
    return [...y!.data];
  };

  expect(await run([1, 2])).toEqual([13, 26]);
  expect(await run([1, 2, 3, 4])).toEqual([13, 26, 19, 32]);
  await session.release();
});

test.each(['F32', 'F16', 'BF16'] as const)('weights are read from %s safetensors in place', async (dtype) => {
  // One byte of odd length first, so that the tensors behind it are not aligned.
  writeTensors(join(dir, 'model.safetensors'), [
    { name: 'odd', dtype: 'U8', shape: [3], values: [1, 2, 3] },
    { name: 'linear.weight', dtype, shape: [2, 3], values: [1, -2, 0.5, 4, 0.25, -8] },
    { name: 'linear.bias', dtype, shape: [2], values: [100, -100] },
  ]);
  const weights = await openWeights(dir);
  const g = new Graph('linear');
  const x = g.input('x', 'float32', [1, 3]);
  const weight = g.weight(weights.get('linear.weight', [2, 3]));
  g.output('y', Gemm(g, x, weight, g.weight(weights.get('linear.bias', [2])), { transB: 1 }));
  const session = await createSession(g, { provider: 'cpu' });

  const { y } = await session.run({ x: { dtype: 'float32', dims: [1, 3], data: Float32Array.of(1, 2, 4) } });

  expect(y).toEqual({ dtype: 'float32', dims: [1, 2], data: Float32Array.of(99, -127.5) });
  await session.release();
});

test('a weight asked for twice is stored once, and can be viewed in another shape', async () => {
  writeTensors(join(dir, 'model.safetensors'), [
    { name: 'w', dtype: 'F16', shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
  ]);
  const tensor = (await openWeights(dir)).get('w');
  const g = new Graph('views');

  const first = g.weight(tensor);
  const again = g.weight(tensor);
  const view = g.weight(tensor, { shape: [6] });
  const stored = g.weight(tensor, { dtype: 'float16' });

  expect(again).toBe(first);
  expect(view.shape).toEqual([6]);
  expect([first.dtype, stored.dtype]).toEqual(['float32', 'float16']);
  expect(g.weightBytes).toBe(24);
  expect(() => g.weight(tensor, { shape: [5] })).toThrow('w: [2,3] cannot be viewed as [5].');
});

test('equal constants are one', () => {
  const g = new Graph('constants');

  expect(g.ints([1, 2])).toBe(g.ints([1, 2]));
  expect(g.scalar(1e-6)).toBe(g.scalar(1e-6));
  expect(g.scalar(1, 'float16')).not.toBe(g.scalar(1, 'float32'));
});

test('node names carry the scopes, and a number where a name comes again', () => {
  const g = new Graph('names');
  const x = g.input('x', 'float32', [1]);

  const sums = g.scope('blocks.0', () => g.scope('attn1', () => [Add(g, x, x), Add(g, x, x)]));

  expect(sums.map((sum) => sum.name)).toEqual(['/blocks.0/attn1/Add:out', '/blocks.0/attn1/Add_1:out']);
});

test('the scope is left when its body fails', () => {
  const g = new Graph('scopes');
  const x = g.input('x', 'float32', [2]);

  expect(() => g.scope('inner', () => Reshape(g, x, [3]))).toThrow('/inner/Reshape: ');
  expect(() => Reshape(g, x, [3])).toThrow(/^\/Reshape: /);
});

describe('a graph that cannot be right fails at emission, with the name of the node', () => {
  const cases: [string, (g: Graph) => unknown, string][] = [
    [
      'shapes that do not broadcast',
      (g) => g.scope('blocks.3', () => Add(g, g.input('a', 'float32', [2, 3]), g.input('b', 'float32', [2]))),
      '/blocks.3/Add: its inputs must broadcast, got float32 [2, 3] and float32 [2].',
    ],
    [
      'dtypes that differ',
      (g) => Add(g, g.input('a', 'float32', [2]), g.input('b', 'float16', [2])),
      '/Add: its inputs must have one dtype, got float32 [2] and float16 [2].',
    ],
    [
      'columns that do not meet rows',
      (g) => Gemm(g, g.input('a', 'float32', [2, 3]), g.input('b', 'float32', [3, 4]), undefined, { transB: 1 }),
      '/Gemm: columns of a must equal rows of b, got float32 [2, 3] and float32 [3, 4], transB 1.',
    ],
    [
      'heads that do not divide the width',
      (g) => {
        const x = g.input('x', 'float32', [1, 5, 10]);
        return MultiHeadAttention(g, x, x, x, { numHeads: 3 });
      },
      '/MultiHeadAttention: the width must divide by 3 heads, got float32 [1, 5, 10].',
    ],
    [
      'a kernel larger than the image',
      (g) => Conv(g, g.input('x', 'float32', [1, 1, 2, 2]), g.input('w', 'float32', [1, 1, 3, 3])),
      '/Conv: the kernel [3,3] must fit into float32 [1, 1, 2, 2], pads [0,0,0,0].',
    ],
    [
      'a dimension that is no number',
      (g) => g.input('x', 'float32', [1, Number.NaN]),
      'x: a dimension must be a whole number or a name, got [1, NaN].',
    ],
    [
      'a constant with too few elements',
      (g) => g.constant('c', 'float32', [2, 2], [1, 2, 3]),
      'c: a constant of shape [2,2] must have 4 elements, got 3.',
    ],
    [
      'two inputs of one name',
      (g) => [g.input('x', 'int64', [1]), g.input('x', 'int64', [1])],
      'x: an input must have a name of its own.',
    ],
    ['no output', (g) => g.toBytes(), 'broken: a graph must have an output.'],
    [
      'a value of another graph',
      (g) => Cast(g, new Graph('other').input('x', 'float32', [1]), 'float16'),
      '/Cast: its input x must belong to the graph broken.',
    ],
  ];

  test.each(cases)('%s', (_, emit, message) => {
    const g = new Graph('broken');

    expect(() => emit(g)).toThrow(new GraphError(message));
  });
});

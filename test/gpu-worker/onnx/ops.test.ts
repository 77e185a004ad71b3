/** Every operator runs in the real engine and is compared with plain JavaScript; the shape it promised must be the shape it gets. */

import { type Dim, Graph, GraphError, type Value } from '../../../gpu-worker/onnx/graph';
import * as op from '../../../gpu-worker/onnx/ops';
import { createSession, type Tensor } from '../../../gpu-worker/session';
import { relativeError } from '../../golden';

const X = { dtype: 'float32', dims: [2, 3], data: Float32Array.of(-2, -0.5, 0, 1, 2, 3) } satisfies Tensor;
const ROWS = { dtype: 'float32', dims: [2, 4], data: Float32Array.of(1, 2, 3, 10, -1, 0.5, 4, 0) } satisfies Tensor;
const IMAGE = { dtype: 'float32', dims: [1, 1, 2, 2], data: Float32Array.of(1, 2, 3, 4) } satisfies Tensor;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const geluTanh = (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const x = [...X.data];

interface Case {
  readonly name: string;
  readonly input: Tensor;
  readonly emit: (g: Graph, x: Value) => Value;
  readonly dims: readonly number[];
  readonly expected: readonly number[];
}

const vector = (g: Graph, name: string, values: number[]) => g.constant(name, 'float32', [values.length], values);
const matrix = (g: Graph, name: string, shape: number[], values: number[]) =>
  g.constant(name, 'float32', shape, values);

const elementwise: Case[] = (
  [
    ['Add', (g, v) => op.Add(g, v, vector(g, 'c', [1, 2, 3])), (value, i) => value + [1, 2, 3][i % 3]!],
    ['Sub', (g, v) => op.Sub(g, v, g.scalar(1)), (value) => value - 1],
    ['Mul', (g, v) => op.Mul(g, v, v), (value) => value * value],
    ['Div', (g, v) => op.Div(g, v, g.scalar(4)), (value) => value / 4],
    ['Min', (g, v) => op.Min(g, v, g.scalar(1)), (value) => Math.min(value, 1)],
    ['Max', (g, v) => op.Max(g, v, g.scalar(1)), (value) => Math.max(value, 1)],
    ['Sin', (g, v) => op.Sin(g, v), Math.sin],
    ['Cos', (g, v) => op.Cos(g, v), Math.cos],
    ['Sqrt', (g, v) => op.Sqrt(g, op.Mul(g, v, v)), Math.abs],
    ['Reciprocal', (g, v) => op.Reciprocal(g, op.Add(g, v, g.scalar(5))), (value) => 1 / (value + 5)],
    ['Clip', (g, v) => op.Clip(g, v, -1, 2), (value) => Math.min(2, Math.max(-1, value))],
    ['Relu', (g, v) => op.Relu(g, v), (value) => Math.max(0, value)],
    ['Sigmoid', (g, v) => op.Sigmoid(g, v), sigmoid],
    ['HardSwish', (g, v) => op.HardSwish(g, v), (value) => value * Math.min(1, Math.max(0, value / 6 + 0.5))],
    ['PRelu', (g, v) => op.PRelu(g, v, g.scalar(0.25)), (value) => (value > 0 ? value : value / 4)],
    ['Gelu', (g, v) => op.Gelu(g, v), geluTanh],
    ['QuickGelu', (g, v) => op.QuickGelu(g, v, { alpha: 1 }), (value) => value * sigmoid(value)],
    ['Cast', (g, v) => op.Cast(g, op.Cast(g, v, 'float16'), 'float32'), (value) => value],
  ] as [string, (g: Graph, v: Value) => Value, (value: number, index: number) => number][]
).map(([name, emit, reference]) => ({ name, input: X, emit, dims: [2, 3], expected: x.map(reference) }));

const moving: Case[] = [
  {
    name: 'MaxPool',
    input: { dtype: 'float32', dims: [1, 1, 2, 4], data: Float32Array.of(1, 2, 3, 4, 8, 7, 6, 5) },
    emit: (g, v) => op.MaxPool(g, v, { kernel: [2, 2], strides: [2, 2] }),
    dims: [1, 1, 1, 2],
    expected: [8, 6],
  },
  { name: 'Reshape', input: X, emit: (g, v) => op.Reshape(g, v, [3, -1]), dims: [3, 2], expected: x },
  {
    name: 'Transpose',
    input: X,
    emit: (g, v) => op.Transpose(g, v, [1, 0]),
    dims: [3, 2],
    expected: [-2, 1, -0.5, 2, 0, 3],
  },
  { name: 'Concat', input: X, emit: (g, v) => op.Concat(g, [v, v], { axis: 0 }), dims: [4, 3], expected: [...x, ...x] },
  {
    name: 'Split',
    input: X,
    emit: (g, v) => op.Split(g, v, [1, 2], { axis: -1 })[1]!,
    dims: [2, 2],
    expected: [-0.5, 0, 2, 3],
  },
  {
    name: 'Slice',
    input: X,
    emit: (g, v) => op.Slice(g, v, { axis: 1, start: 0, end: 3, step: 2 }),
    dims: [2, 2],
    expected: [-2, 0, 1, 3],
  },
  {
    name: 'Slice from the end',
    input: X,
    emit: (g, v) => op.Slice(g, v, { axis: 1, start: -2, end: -1 }),
    dims: [2, 1],
    expected: [-0.5, 2],
  },
  {
    name: 'Expand',
    input: { dtype: 'float32', dims: [2, 1], data: Float32Array.of(1, 2) },
    emit: (g, v) => op.Expand(g, v, [2, 2, 3]),
    dims: [2, 2, 3],
    expected: [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2],
  },
  {
    name: 'Gather',
    input: X,
    emit: (g, v) => op.Gather(g, v, g.ints([1, 0, 1])),
    dims: [3, 3],
    expected: [1, 2, 3, -2, -0.5, 0, 1, 2, 3],
  },
  {
    name: 'Pad',
    input: IMAGE,
    emit: (g, v) => op.Pad(g, v, [0, 0, 0, 0, 0, 0, 1, 1], { value: 9 }),
    dims: [1, 1, 3, 3],
    expected: [1, 2, 9, 3, 4, 9, 9, 9, 9],
  },
  {
    name: 'Resize',
    input: IMAGE,
    emit: (g, v) => op.Resize(g, v, [1, 1, 2, 1]),
    dims: [1, 1, 4, 2],
    expected: [1, 2, 1, 2, 3, 4, 3, 4],
  },
  {
    name: 'Resize, linear',
    input: IMAGE,
    emit: (g, v) => op.Resize(g, v, [1, 1, 1, 2], { mode: 'linear' }),
    dims: [1, 1, 2, 4],
    expected: [1, 1.25, 1.75, 2, 3, 3.25, 3.75, 4],
  },
  {
    name: 'ConvTranspose',
    input: IMAGE,
    emit: (g, v) => op.ConvTranspose(g, v, matrix(g, 'w', [1, 1, 1, 2], [10, 1]), vector(g, 'b', [0.5])),
    dims: [1, 1, 2, 4],
    expected: [10.5, 1.5, 20.5, 2.5, 30.5, 3.5, 40.5, 4.5],
  },
];

const reducing: Case[] = [
  {
    name: 'ReduceMean',
    input: X,
    emit: (g, v) => op.ReduceMean(g, v, { axes: [-1] }),
    dims: [2, 1],
    expected: [-2.5 / 3, 2],
  },
  {
    name: 'ReduceSum',
    input: X,
    emit: (g, v) => op.ReduceSum(g, v, { axes: [0], keepdims: 0 }),
    dims: [3],
    expected: [-1, 1.5, 3],
  },
];

const scale = [1, 2, 0.5, -1];
const shift = [0, 10, 0, -10];
const normalizing: Case[] = [
  {
    name: 'LayerNormalization',
    input: ROWS,
    emit: (g, v) =>
      op.LayerNormalization(g, v, vector(g, 'scale', scale), vector(g, 'shift', shift), { epsilon: 1e-3 }),
    dims: [2, 4],
    expected: perRow(ROWS, (row) => layerNorm(row).map((value, i) => value * scale[i]! + shift[i]!)),
  },
  {
    name: 'SimplifiedLayerNormalization',
    input: ROWS,
    emit: (g, v) => op.SimplifiedLayerNormalization(g, v, vector(g, 'scale', scale), { epsilon: 1e-3 }),
    dims: [2, 4],
    expected: perRow(ROWS, (row) => rmsNorm(row).map((value, i) => value * scale[i]!)),
  },
];

const linear: Case[] = [
  {
    name: 'MatMul',
    input: X,
    emit: (g, v) => op.MatMul(g, v, matrix(g, 'w', [3, 1], [1, 10, 100])),
    dims: [2, 1],
    expected: [-7, 321],
  },
  {
    name: 'Gemm, transB',
    input: X,
    emit: (g, v) => op.Gemm(g, v, matrix(g, 'w', [1, 3], [1, 10, 100]), vector(g, 'c', [5]), { transB: 1 }),
    dims: [2, 1],
    expected: [-2, 326],
  },
  {
    name: 'Gemm, transA, alpha, beta',
    input: X,
    emit: (g, v) =>
      op.Gemm(g, v, matrix(g, 'w', [2, 1], [1, 10]), vector(g, 'c', [5]), { transA: 1, alpha: 2, beta: 3 }),
    dims: [3, 1],
    expected: [31, 54, 75],
  },
  {
    name: 'Conv, two axes, stride and padding',
    input: IMAGE,
    emit: (g, v) =>
      op.Conv(g, v, matrix(g, 'w', [1, 1, 2, 2], [1, 10, 100, 1000]), vector(g, 'c', [0.5]), {
        strides: [2, 1],
        pads: [1, 0, 0, 1],
      }),
    dims: [1, 1, 1, 2],
    expected: [2100.5, 200.5],
  },
  {
    name: 'Conv, three axes, groups',
    input: { dtype: 'float32', dims: [1, 2, 2, 1, 1], data: Float32Array.of(1, 2, 3, 4) },
    emit: (g, v) =>
      op.Conv(g, v, matrix(g, 'w', [2, 1, 2, 1, 1], [1, 10, 1, 100]), undefined, {
        pads: [1, 0, 0, 0, 0, 0],
        group: 2,
      }),
    dims: [1, 2, 2, 1, 1],
    expected: [10, 21, 300, 403],
  },
];

test.each([...elementwise, ...moving, ...reducing, ...normalizing, ...linear])(
  '$name',
  async ({ input, emit, dims, expected }) => {
    const g = new Graph('operator');
    const y = g.output('y', emit(g, g.input('x', input.dtype, input.dims)));
    const session = await createSession(g, { provider: 'cpu' });

    const result = (await session.run({ x: input })).y!;

    await session.release();
    expect(y.shape).toEqual(dims);
    expect(result.dims).toEqual(dims);
    expect(relativeError(result.data as Float32Array, expected)).toBeLessThan(1e-6);
  },
);

const S = 3;
const HEADS = 2;
const HEAD = 4;

test('MultiHeadAttention with a bias, its scale given and not', async () => {
  const [q, k, v] = [10, 20, 30].map((seed) => wave(S * HEADS * HEAD, seed));
  const bias = wave(HEADS * S * S, 40);
  const attend = (scaleGiven: number) =>
    heads((head) =>
      Array.from({ length: S }, (_, row) => {
        const scores = Array.from({ length: S }, (_, column) => {
          const dot = range(HEAD).reduce((sum, i) => sum + at(q!, row, head, i) * at(k!, column, head, i), 0);
          return dot * scaleGiven + bias[(head * S + row) * S + column]!;
        });
        const weights = softmax(scores);
        return range(HEAD).map((i) =>
          range(S).reduce((sum, column) => sum + weights[column]! * at(v!, column, head, i), 0),
        );
      }),
    );
  const shape = [1, S, HEADS * HEAD];

  const results = await runMany(
    { q: [q!, shape], k: [k!, shape], v: [v!, shape], bias: [bias, [1, HEADS, S, S]] },
    (g, inputs) => {
      const attention = (scaleGiven?: number) =>
        op.MultiHeadAttention(g, inputs.q!, inputs.k!, inputs.v!, {
          numHeads: HEADS,
          attentionBias: inputs.bias!,
          ...(scaleGiven === undefined ? {} : { scale: scaleGiven }),
        });
      return { usual: attention(), unscaled: attention(1) };
    },
  );

  expect(relativeError(results.usual!, attend(1 / Math.sqrt(HEAD)))).toBeLessThan(1e-6);
  expect(relativeError(results.unscaled!, attend(1))).toBeLessThan(1e-6);
});

test('RotaryEmbedding turns neighbouring pairs of every head', async () => {
  const values = wave(S * HEADS * HEAD, 5);
  const angles = wave((S * HEAD) / 2, 6).map((angle) => 3 * angle);
  const expected = heads((head) =>
    range(S).map((row) =>
      range(HEAD).map((i) => {
        const angle = angles[(row * HEAD) / 2 + (i >> 1)]!;
        const [even, odd] = [at(values, row, head, i & ~1), at(values, row, head, i | 1)];
        return i % 2 === 0
          ? even * Math.cos(angle) - odd * Math.sin(angle)
          : even * Math.sin(angle) + odd * Math.cos(angle);
      }),
    ),
  );
  const table = [S, HEAD / 2];

  const { y } = await runMany(
    { x: [values, [1, S, HEADS * HEAD]], cos: [angles.map(Math.cos), table], sin: [angles.map(Math.sin), table] },
    (g, inputs) => ({ y: op.RotaryEmbedding(g, inputs.x!, inputs.cos!, inputs.sin!, { numHeads: HEADS }) }),
  );

  expect(relativeError(y!, expected)).toBeLessThan(1e-6);
});

describe('an operator refuses', () => {
  const refusals: [string, (g: Graph, x: Value) => unknown, string][] = [
    [
      'a lost element',
      (g, v) => op.Reshape(g, v, [4]),
      '/Reshape: the element count must stay, got float32 [2, 3] to [4].',
    ],
    [
      'a repeated axis',
      (g, v) => op.Transpose(g, v, [0, 0]),
      '/Transpose: perm must name each dimension of float32 [2, 3] once, got [0,0].',
    ],
    [
      'pieces that do not add up',
      (g, v) => op.Split(g, v, [1, 1], { axis: 1 }),
      '/Split: lengths must add up to axis 1 of float32 [2, 3], got [1,1].',
    ],
    [
      'an axis that is not there',
      (g, v) => op.ReduceSum(g, v, { axes: [2] }),
      '/ReduceSum: axis must be in -2 to 1, got 2.',
    ],
    [
      'an empty slice',
      (g, v) => op.Slice(g, v, { axis: 1, start: 2, end: 2 }),
      '/Slice: start to end must be a forward range within axis 1 of float32 [2, 3], got 2 to 2, step 1.',
    ],
    ['a stretch', (g, v) => op.Expand(g, v, [2, 6]), '/Expand: float32 [2, 3] must broadcast to [2, 6].'],
    ['float indices', (g, v) => op.Gather(g, v, v), '/Gather: indices must be int64 or int32, got float32 [2, 3].'],
    [
      'a scale of another length',
      (g, v) => op.LayerNormalization(g, v, vector(g, 'scale', scale), undefined, { epsilon: 1e-6 }),
      '/LayerNormalization: scale and bias must have shape [3], got float32 [4].',
    ],
    [
      'parts that differ elsewhere',
      (g, v) => op.Concat(g, [v, op.Transpose(g, v, [1, 0])], { axis: 0 }),
      '/Concat: all but axis 0 must agree, got float32 [2, 3] and float32 [3, 2].',
    ],
    ['whole numbers', (g) => op.Sin(g, g.ints([1])), '/Sin: its input must be a float type, got int64 [1].'],
    ['bounds in the wrong order', (g, v) => op.Clip(g, v, 1, -1), '/Clip: min must not exceed max, got 1 and -1.'],
    [
      'padding of a named dimension',
      (g) => op.Pad(g, g.input('n', 'float32', ['S', 2]), [1, 0, 0, 0]),
      '/Pad: dimension 0 must be a number, got float32 [S, 2].',
    ],
  ];

  test.each(refusals)('%s', (_, emit, message) => {
    const g = new Graph('refused');
    const v = g.input('x', 'float32', [2, 3]);

    expect(() => emit(g, v)).toThrow(new GraphError(message));
  });
});

async function runMany(
  inputs: Record<string, [values: number[], dims: number[]]>,
  emit: (g: Graph, inputs: Record<string, Value>) => Record<string, Value>,
): Promise<Record<string, Float32Array>> {
  const g = new Graph('many');
  const values = Object.entries(inputs).map(([name, [, dims]]): [string, Value] => [
    name,
    g.input(name, 'float32', dims as Dim[]),
  ]);
  for (const [name, value] of Object.entries(emit(g, Object.fromEntries(values)))) g.output(name, value);
  const session = await createSession(g, { provider: 'cpu' });
  const feeds = Object.entries(inputs).map(([name, [data, dims]]): [string, Tensor] => [
    name,
    { dtype: 'float32', dims, data: Float32Array.from(data) },
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data as Float32Array]));
}

/** Results of all heads, [row][i] each, side by side as [S, HEADS * HEAD]. */
function heads(compute: (head: number) => number[][]): number[] {
  const perHead = range(HEADS).map(compute);
  return range(S).flatMap((row) => perHead.flatMap((rows) => rows[row]!));
}

function at(values: readonly number[], row: number, head: number, i: number): number {
  return values[(row * HEADS + head) * HEAD + i]!;
}

function range(count: number): number[] {
  return [...new Array(count).keys()];
}

function wave(count: number, seed: number): number[] {
  return range(count).map((i) => Math.fround(Math.sin(seed + 1.7 * i)));
}

function softmax(scores: readonly number[]): number[] {
  const exps = scores.map(Math.exp);
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
}

function perRow(
  { dims, data }: { dims: readonly number[]; data: Float32Array },
  compute: (row: number[]) => number[],
): number[] {
  const width = dims[1]!;
  return range(dims[0]!).flatMap((row) => compute([...data.slice(row * width, (row + 1) * width)]));
}

function layerNorm(row: readonly number[]): number[] {
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
  return row.map((value) => (value - mean) / Math.sqrt(variance + 1e-3));
}

function rmsNorm(row: readonly number[]): number[] {
  const square = row.reduce((sum, value) => sum + value * value, 0) / row.length;
  return row.map((value) => value / Math.sqrt(square + 1e-3));
}

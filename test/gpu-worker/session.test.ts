import { mkdtempSync, realpathSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights } from '../../gpu-worker/model/weights';
import { Graph } from '../../gpu-worker/onnx/graph';
import { Add, Expand, Gather, Mul, ReduceSum } from '../../gpu-worker/onnx/ops';
import { createSession, type Session, type Tensor } from '../../gpu-worker/session';
import { writeTensors } from '../safetensors';

const float = (dims: number[], values: number[]): Tensor => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from(values),
});

function doubling(): Graph {
  const g = new Graph('doubling');
  const x = g.input('x', 'float32', ['S', 2]);
  g.output('y', Add(g, x, x));
  return g;
}

describe('a session', () => {
  let session: Session;

  beforeEach(async () => {
    session = await createSession(doubling(), { provider: 'cpu', numThreads: 1 });
  });

  afterEach(() => session.release());

  test('gives its outputs by name', async () => {
    expect(await session.run({ x: float([1, 2], [1, 2]) })).toEqual({ y: float([1, 2], [2, 4]) });
  });

  test('gives the same bytes for the same feeds', async () => {
    const feeds = { x: float([2, 2], [0.1, 0.2, 0.3, 0.4]) };

    expect(await session.run(feeds)).toEqual(await session.run(feeds));
  });

  const refusals: [string, Record<string, Tensor>, string][] = [
    ['a feed that is missing', {}, 'doubling: x must be given as float32 [S, 2].'],
    ['a feed that is none', { x: float([1, 2], [1, 2]), z: float([1], [1]) }, 'doubling: z must be one of x.'],
    ['another shape', { x: float([2, 1], [1, 2]) }, 'doubling: x must be float32 [S, 2], got float32 [2, 1].'],
    [
      'another dtype',
      { x: { dtype: 'int64', dims: [1, 2], data: BigInt64Array.of(1n, 2n) } },
      'doubling: x must be float32 [S, 2], got int64 [1, 2].',
    ],
    ['too few elements', { x: float([2, 2], [1, 2]) }, 'doubling: x must have 4 elements for [2, 2], got 2.'],
  ];

  test.each(refusals)('refuses %s', async (_, feeds, message) => {
    await expect(session.run(feeds)).rejects.toThrow(new TypeError(message));
  });

  test('tells what went wrong inside a run', async () => {
    const g = new Graph('lookup');
    const index = g.input('index', 'int64', [1]);
    g.output('row', Gather(g, g.constant('table', 'float32', [2], [1, 2]), index));
    const lookup = await createSession(g, { provider: 'cpu' });

    await expect(lookup.run({ index: { dtype: 'int64', dims: [1], data: BigInt64Array.of(7n) } })).rejects.toThrow(
      /^lookup failed to run: .*\/Gather.*7/,
    );
    await lookup.release();
  });
});

// webgpu is left out: whether a machine has it is not ours to say.
test('a provider that does not load fails, and nothing else takes its place', async () => {
  await expect(createSession(doubling(), { provider: 'cuda' })).rejects.toMatchObject({
    name: 'ProviderError',
    message: expect.stringMatching(
      /^doubling failed to load on cuda: provider must be one that loads on this machine, got cuda: /,
    ),
  });
});

test('too little memory is told as that', async () => {
  const g = new Graph('huge');
  const x = g.input('x', 'float32', [1]);
  // 16 TB, computed from an input so that nothing is folded while it loads.
  const huge = Expand(g, x, [2 ** 42]);
  g.output('y', ReduceSum(g, Mul(g, huge, huge), { axes: [0] }));
  const session = await createSession(g, { provider: 'cpu' });

  await expect(session.run({ x: float([1], [1]) })).rejects.toMatchObject({
    name: 'OutOfMemoryError',
    message: expect.stringMatching(/^huge failed to run: memory must suffice for its weights and values, got: /),
  });
  await session.release();
});

describe('weights that change between opening and loading', () => {
  let dir: string;
  let graph: Graph;

  beforeEach(async () => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), 'session-')));
    writeTensors(join(dir, 'model.safetensors'), [
      { name: 'offset', dtype: 'F32', shape: [1024], values: new Array(1024).fill(1) },
    ]);
    graph = new Graph('offset');
    const x = graph.input('x', 'float32', [1024]);
    graph.output('y', Add(graph, x, graph.weight((await openWeights(dir)).get('offset'))));
  });

  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  test('a file cut short', async () => {
    truncateSync(join(dir, 'model.safetensors'), 100);

    await expect(createSession(graph, { provider: 'cpu' })).rejects.toMatchObject({
      name: 'ModelError',
      message: expect.stringMatching(
        /^offset failed to load on cpu: a weight file must stay as it was when it was opened, got: /,
      ),
    });
  });

  test('a file removed', async () => {
    rmSync(dir, { recursive: true });

    await expect(createSession(graph, { provider: 'cpu' })).rejects.toMatchObject({
      name: 'ModelError',
      message: expect.stringMatching(
        /^offset failed to load on cpu: a weight file must stay as it was when it was opened, got: /,
      ),
    });
  });
});

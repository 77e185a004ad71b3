import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openOnnxModel } from '../../faces/onnx-model';
import { Graph } from '../../gpu-worker/onnx/graph';
import { Add, Cast } from '../../gpu-worker/onnx/ops';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-onnx-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Gives twice what it is given, or that in another type. */
function casting(dtype: 'float32' | 'float16' | 'int32'): string {
  const g = new Graph(dtype);
  const x = g.input('x', 'float32', [3]);
  // The runtime has a kernel for each of them.
  g.output('y', dtype === 'float32' ? Add(g, x, x) : Cast(g, x, dtype));
  const file = path.join(folder, `${dtype}.onnx`);
  writeFileSync(file, g.toBytes());
  return file;
}

const FEEDS = { x: { dims: [3], data: Float32Array.of(1, 2, 3) } };

test('numbers come back under the names of their outputs', async () => {
  const model = await openOnnxModel(casting('float32'));
  expect([model.inputNames, model.outputNames]).toEqual([['x'], ['y']]);
  expect(await model.run(FEEDS)).toEqual({ y: { dims: [3], data: Float32Array.of(2, 4, 6) } });
  await model.release();
});

test.each(['float16', 'int32'] as const)('%s is no list of float32, and is not taken for one', async (dtype) => {
  const model = await openOnnxModel(casting(dtype));
  await expect(model.run(FEEDS)).rejects.toThrow(
    `path must be a network that gives float32, got ${model.file} (y is ${dtype}).`,
  );
  await model.release();
});

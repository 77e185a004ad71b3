import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { byteText, peakActivations, requireMemory } from '../../gpu-worker/memory';
import { Graph } from '../../gpu-worker/onnx/graph';
import { Add, Concat, Reshape } from '../../gpu-worker/onnx/ops';
import { writeRandomModel } from '../random-model';
import { writeReferenceSet } from '../reference-set';

const KILOBYTE_OF_FLOATS = 250;

test('a value counts from the node that makes it to the node that reads it last', () => {
  const g = new Graph('chain');
  const x = g.input('x', 'float32', [KILOBYTE_OF_FLOATS]);
  const a = Add(g, x, x);
  const b = Add(g, a, a);
  const c = Add(g, b, b);
  g.output('y', c);
  // x stays, as inputs do; besides it, a result and its input.
  expect(peakActivations(g)).toBe(3000);
});

test('values that wait for a later node all count', () => {
  const g = new Graph('join');
  const x = g.input('x', 'float32', [KILOBYTE_OF_FLOATS]);
  const parts = Array.from({ length: 4 }, () => Add(g, x, x));
  g.output('y', Concat(g, parts, { axis: 0 }));
  expect(peakActivations(g)).toBe(1000 + 4000 + 4000);
});

test('another view of a value takes no memory', () => {
  const g = new Graph('view');
  const x = g.input('x', 'float32', [KILOBYTE_OF_FLOATS]);
  g.output('y', Add(g, Reshape(g, Add(g, x, x), [10, 25]), g.scalar(1)));
  expect(peakActivations(g)).toBe(3000);
});

test('the estimate is near what a process needs', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-memory-'));
  const model = writeRandomModel(path.join(folder, 'model'), { vae: { base_dim: 32, dim_mult: [1, 2, 4] } });
  const size = { width: 256, height: 256, num_frames: 9, steps: 1 };
  const set = await writeReferenceSet(path.join(folder, 'set'), size);
  const command = path.resolve(__dirname, '../../bin/mv2id.js');
  const args = [command, 'generate', set, '--model', model, '--out', path.join(folder, 'out')];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args);
  rmSync(folder, { recursive: true });
  const estimated = megabytes(/Needs about (.*) of memory/.exec(stderr)?.[1]);
  const measured = megabytes(/Peak memory (.*)/.exec(stdout)?.[1]);
  expect(estimated / measured).toBeGreaterThan(0.7);
  expect(estimated / measured).toBeLessThan(1.8);
});

test('too little is refused with both figures', () => {
  const estimate = { phases: [], peak: 2.5e9 };
  expect(() => requireMemory(estimate, 2.5e9)).not.toThrow();
  expect(() => requireMemory(estimate, 1e9)).toThrow(
    'memory must be at least 2.50 GB for this model at this size, got 1.00 GB available.',
  );
});

test.each([
  [1234, '1.2 kB'],
  [250e6, '250.0 MB'],
  [1.5e9, '1.50 GB'],
  [65.1e9, '65.1 GB'],
])('%d bytes read %s', (bytes, text) => {
  expect(byteText(bytes)).toBe(text);
});

function megabytes(text = ''): number {
  const [number, unit] = text.split(' ');
  return Number(number) * (unit === 'GB' ? 1000 : 1);
}

/** The engine that the benchmark measures does what it is asked, at tiny size. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EngineProcess, OURS } from '../../bench/engine-process';
import { setupOf } from '../../bench/setup';
import { openModel } from '../../gpu-worker/model/open-model';
import { writeRandomModel } from '../random-model';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('every command is answered with a time or a size, and with a result that repeats', async () => {
  const model = await openModel(writeRandomModel(path.join(folder, 'model')));
  const engine = await EngineProcess.start(OURS, setupOf(model, {}, 1));
  try {
    expect(engine.version).toMatch(/^onnxruntime-node \d/);
    expect((await engine.ask('load')).seconds).toBeGreaterThan(0);
    for (const command of ['step', 'decode', 'generate'] as const) {
      const { seconds, magnitude } = await engine.ask(command);
      expect(seconds).toBeGreaterThan(0);
      expect(magnitude).toBeGreaterThan(0);
      expect((await engine.ask(command)).magnitude).toBe(magnitude);
    }
    const megabytes = (await engine.ask('peak')).bytes! / 1e6;
    expect(megabytes).toBeGreaterThan(50);
    expect(megabytes).toBeLessThan(2000);
  } finally {
    engine.stop();
  }
});

test('an engine that ends is told from one that answers', async () => {
  const model = await openModel(writeRandomModel(path.join(folder, 'other')));
  const broken = { name: 'broken', command: process.execPath, args: ['-e', 'process.exit(3)'] };
  await expect(EngineProcess.start(broken, setupOf(model, {}, 1))).rejects.toThrow(
    'broken must answer setup, got the end of its process.',
  );
});

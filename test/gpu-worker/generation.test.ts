/** The generating thread, started as the command starts it. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseManifest } from '../../contract/manifest';
import { JobRejected } from '../../contract/rejection';
import { GenerationCanceled } from '../../gpu-worker/cancellation';
import { ModelError } from '../../gpu-worker/errors';
import type { GenerationEvent, GenerationRequest } from '../../gpu-worker/generate';
import { startGeneration } from '../../gpu-worker/generation';
import { type Snapshot, stepsDone } from '../../gpu-worker/snapshot';
import { ORIGIN } from '../origin';
import { writeRandomModel } from '../random-model';
import { manifest, writeReferenceSet } from '../reference-set';

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-generation-'));
  writeRandomModel(path.join(folder, 'model'));
  await writeReferenceSet(path.join(folder, 'set'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function request(input: Record<string, unknown> = {}, changes: Partial<GenerationRequest> = {}): GenerationRequest {
  return {
    modelDir: path.join(folder, 'model'),
    setFolder: path.join(folder, 'set'),
    manifest: parseManifest(new TextEncoder().encode(JSON.stringify(manifest(input)))),
    seed: 1,
    outFolder: mkdtempSync(path.join(folder, 'out-')),
    session: { provider: 'cpu', numThreads: 1 },
    computeDtype: 'float32',
    origin: ORIGIN,
    ...changes,
  };
}

test('the thread generates, and the main thread keeps running meanwhile', async () => {
  const task = request();
  const events: GenerationEvent[] = [];
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const { files } = await startGeneration(task, (event) => events.push(event)).result;
  clearInterval(timer);
  expect(files.map(({ file }) => file)).toEqual(['video.mp4', 'poster.jpg']);
  expect(readdirSync(task.outFolder).sort()).toEqual(['poster.jpg', 'references', 'video.mp4']);
  expect(events.filter(({ type }) => type === 'step')).toHaveLength(2);
  expect(ticks).toBeGreaterThan(5);
});

test('cancel stops it between two steps', async () => {
  const task = request({ steps: 100 });
  const steps: number[] = [];
  const generation = startGeneration(task, (event) => {
    if (event.type !== 'step') return;
    steps.push(event.step);
    generation.cancel();
  });
  await expect(generation.result).rejects.toThrow(GenerationCanceled);
  expect(steps.length).toBeLessThan(100);
  expect(readdirSync(task.outFolder)).toEqual(['references']);
});

test('the main thread holds every step that it has heard of, and another thread goes on from there', async () => {
  const held: Snapshot[] = [];
  const whole = startGeneration(request({ steps: 4 }), (event) => {
    if (event.type !== 'step') return;
    held.push(whole.snapshot());
    expect(stepsDone(whole.snapshot())).toBeGreaterThanOrEqual(event.step);
  });
  const { latentsSha256 } = await whole.result;
  const resumed = startGeneration(request({ steps: 4 }, { checkpoint: held[1] }), () => {});
  expect(resumed.snapshot()).toEqual({ outputs: [] });
  expect((await resumed.result).latentsSha256).toEqual(latentsSha256);
  expect(stepsDone(resumed.snapshot())).toBe(4);
});

test('errors keep their class and their details', async () => {
  const offGrid = startGeneration(request({ width: 70 }), () => {}).result;
  await expect(offGrid).rejects.toThrow(JobRejected);
  await expect(offGrid).rejects.toMatchObject({ code: 'invalid_manifest', details: [{ path: 'input.width' }] });
  const noModel = startGeneration(request({}, { modelDir: path.join(folder, 'none') }), () => {}).result;
  await expect(noModel).rejects.toThrow(ModelError);
  const noFolder = startGeneration(request({}, { outFolder: path.join(folder, 'nowhere') }), () => {}).result;
  await expect(noFolder).rejects.toMatchObject({ code: 'ENOENT' });
});

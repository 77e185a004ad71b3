import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { matrixFlops } from '../../bench/flops';
import { openModel } from '../../gpu-worker/model/open-model';
import { planGeneration } from '../../gpu-worker/plan';
import { emitPlannedTransformer } from '../../gpu-worker/planned-transformer';
import { writeRandomModel } from '../random-model';
import { manifest } from '../reference-set';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-flops-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a step is counted as the formula of its config says', async () => {
  const model = await openModel(writeRandomModel(path.join(folder, 'model')));
  const plan = planGeneration(model, manifest() as Parameters<typeof planGeneration>[1], 0);
  const graph = emitPlannedTransformer(model, plan, 2, 'float32');

  const [D, F, L, textDim, freqDim, layers] = [24, 32, 16, 16, 32, 2];
  const patch = 4 * 2 * 2;
  const [Sv, Sr] = [2 * 4 * 4, 2 * 4 * 4];
  const S = Sv + Sr;
  const selfAttention = 4 * 2 * S * D * D + 4 * S * S * D;
  const crossAttention = 2 * 2 * S * D * D + 2 * 2 * L * D * D + 4 * S * L * D;
  const feedForward = 2 * 2 * S * D * F;
  const text = 2 * L * textDim * D + 2 * L * D * D;
  const time = 2 * (2 * freqDim * D + 2 * D * D + 2 * D * 6 * D); // two timesteps: the video's and the references'
  const ends = 2 * S * patch * D + 2 * Sv * D * patch;
  expect(matrixFlops(graph)).toBe(layers * (selfAttention + crossAttention + feedForward) + text + time + ends);
});

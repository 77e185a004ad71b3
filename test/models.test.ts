/** The model in the repository: small enough, usable as it lies there, and able to run the bundled example. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseManifest } from '../contract/manifest';
import { CancelFlag } from '../gpu-worker/cancellation';
import { generate } from '../gpu-worker/generate';
import { inspectModel } from '../gpu-worker/model/inspect';
import { ORIGIN } from './origin';

const MODEL = path.join(__dirname, '../models/mv2id-tiny');
const EXAMPLE = path.join(__dirname, '../examples/ada');

test('mv2id-tiny is at most 30 MB', () => {
  const files = readdirSync(MODEL, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, file) => sum + statSync(path.join(file.parentPath, file.name)).size, 0);
  expect(bytes).toBeLessThanOrEqual(30e6);
});

test('mv2id-tiny is usable, with references', async () => {
  const report = await inspectModel(MODEL, { computeDtype: 'float32' });
  expect(report.problems).toEqual([]);
  expect(report.model?.conditioning.max_references).toBe(4);
});

test('mv2id-tiny makes a video of the example, here in two steps', async () => {
  const manifest = parseManifest(readFileSync(path.join(EXAMPLE, 'job.json')));
  const outFolder = mkdtempSync(path.join(tmpdir(), 'mv2id-example-'));
  try {
    const result = await generate(
      {
        modelDir: MODEL,
        setFolder: EXAMPLE,
        manifest: { ...manifest, input: { ...manifest.input, steps: 2 } },
        seed: 1,
        outFolder,
        session: { provider: 'cpu' },
        computeDtype: 'float32',
        origin: ORIGIN,
      },
      { cancel: new CancelFlag(), onEvent: () => {} },
    );
    const { width, height, num_frames } = result.plan.input;
    expect([width, height, num_frames]).toEqual([128, 128, 33]);
    expect(readdirSync(outFolder).sort()).toEqual(['poster.jpg', 'references', 'video.mp4']);
  } finally {
    rmSync(outFolder, { recursive: true });
  }
});

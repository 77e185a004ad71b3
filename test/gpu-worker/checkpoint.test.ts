/** Stopping at any step and going on from the file: the same latents and the same video as an unbroken run. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseManifest } from '../../contract/manifest';
import { CancelFlag, GenerationCanceled } from '../../gpu-worker/cancellation';
import { decodeCheckpoint, encodeCheckpoint, fingerprintOf } from '../../gpu-worker/checkpoint';
import { type GenerationEvent, type GenerationRequest, generate } from '../../gpu-worker/generate';
import { readHeader } from '../../gpu-worker/model/weights';
import { copyOfState, type Snapshot, stepsDone, withOutput } from '../../gpu-worker/snapshot';
import { ORIGIN } from '../origin';
import { writeRandomModel } from '../random-model';
import { manifest, writeReferenceSet } from '../reference-set';

const STEPS = 5;
const SCHEDULERS = {
  unipc: undefined,
  unipc_order_3: {
    className: 'UniPCMultistepScheduler',
    config: { prediction_type: 'flow_prediction', use_flow_sigmas: true, flow_shift: 3, solver_order: 3 },
  },
  euler: { className: 'FlowMatchEulerDiscreteScheduler', config: { shift: 3 } },
} as const;

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-checkpoint-'));
  await writeReferenceSet(path.join(folder, 'set'));
  for (const [name, scheduler] of Object.entries(SCHEDULERS)) {
    writeRandomModel(path.join(folder, name), { scheduler });
  }
  writeRandomModel(path.join(folder, 'two-experts'), { boundaryRatio: 0.9 });
});
afterAll(() => rmSync(folder, { recursive: true }));

function request(model: string, numOutputs: number): GenerationRequest {
  const input = { steps: STEPS, num_outputs: numOutputs };
  return {
    modelDir: path.join(folder, model),
    setFolder: path.join(folder, 'set'),
    manifest: parseManifest(new TextEncoder().encode(JSON.stringify(manifest(input)))),
    seed: 1,
    outFolder: mkdtempSync(path.join(folder, 'out-')),
    session: { provider: 'cpu', numThreads: 1 },
    computeDtype: 'float32',
    origin: ORIGIN,
  };
}

/** Runs to the end, and keeps the snapshot after every step as the bytes of its file. */
async function runWhole(task: GenerationRequest) {
  const files: Uint8Array[] = [];
  const events: GenerationEvent[] = [];
  let latest: Snapshot = { outputs: [] };
  const result = await generate(task, {
    cancel: new CancelFlag(),
    onEvent: (event) => events.push(event),
    onSnapshot: (output, state) => {
      latest = withOutput(latest, output, copyOfState(state));
      files.push(encodeCheckpoint({ fingerprint: 'f', snapshot: latest }));
    },
  });
  const hashes = result.files.map(({ file }) => sha256(path.join(task.outFolder, file)));
  return { result, files, events, hashes };
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

test.each([
  ['unipc', 1],
  ['unipc', 2],
  ['unipc_order_3', 1],
  ['euler', 2],
  ['two-experts', 1],
] as const)('%s with %i outputs ends in the same bytes from every step', async (model, numOutputs) => {
  const whole = await runWhole(request(model, numOutputs));
  expect(whole.files).toHaveLength(STEPS * numOutputs);
  for (const [at, file] of whole.files.entries()) {
    const { snapshot } = decodeCheckpoint(file);
    expect(stepsDone(snapshot)).toBe(at + 1);
    const resumed = await runWhole({ ...request(model, numOutputs), checkpoint: snapshot });
    expect(resumed.result.latentsSha256).toEqual(whole.result.latentsSha256);
    expect(resumed.hashes).toEqual(whole.hashes);
    expect(resumed.result.resumedFromStep).toBe(at + 1);
    expect(resumed.events.filter(({ type }) => type === 'step')).toHaveLength(STEPS * numOutputs - at - 1);
    // Durations are each run's own; the rest of every step's record is the same.
    const records = (run: typeof whole) =>
      run.result.steps.map((steps) => steps.map((step) => ({ ...step, seconds: 0 })));
    expect(records(resumed)).toEqual(records(whole));
    expect(resumed.result.steps.map((steps) => steps.length)).toEqual(Array(numOutputs).fill(STEPS));
  }
});

test('a checkpoint after the last step goes on at decoding', async () => {
  const { files } = await runWhole(request('unipc', 1));
  const { events } = await runWhole({ ...request('unipc', 1), checkpoint: decodeCheckpoint(files.at(-1)!).snapshot });
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event.phase] : []));
  expect(phases).toEqual(['prepare_references', 'decode']);
});

test('a resumed run can be stopped and resumed again', async () => {
  const whole = await runWhole(request('unipc', 1));
  const cancel = new CancelFlag();
  let latest: Snapshot = { outputs: [] };
  const stopped = generate(
    { ...request('unipc', 1), checkpoint: decodeCheckpoint(whole.files[0]!).snapshot },
    {
      cancel,
      onEvent: ({ type }) => type === 'step' && cancel.set(),
      onSnapshot: (output, state) => {
        latest = withOutput(latest, output, copyOfState(state));
      },
    },
  );
  await expect(stopped).rejects.toThrow(GenerationCanceled);
  expect(stepsDone(latest)).toBe(2);
  const resumed = await runWhole({ ...request('unipc', 1), checkpoint: latest });
  expect(resumed.result.latentsSha256).toEqual(whole.result.latentsSha256);
});

test('a checkpoint of another plan is not used, and that is told', async () => {
  const { files, result } = await runWhole(request('unipc', 2));
  const { snapshot } = decodeCheckpoint(files.at(-1)!);
  const one = await runWhole({ ...request('unipc', 1), checkpoint: snapshot });
  expect(one.result.resumedFromStep).toBe(0);
  expect(one.result.latentsSha256).toEqual([result.latentsSha256[0]]);
  expect(one.events).toContainEqual({
    type: 'notice',
    message: 'The checkpoint is not one of this job: it starts from its beginning.',
  });
});

test('the file is safetensors with every tensor under its name', async () => {
  const { files } = await runWhole(request('unipc', 1));
  const file = path.join(folder, 'state.safetensors');
  writeFileSync(file, files[2]!);
  expect((await readHeader(file)).map(({ name }) => name).sort()).toEqual([
    'outputs.0.sample',
    'outputs.0.scheduler.last_sample',
    'outputs.0.scheduler.model_output_0',
    'outputs.0.scheduler.model_output_1',
  ]);
});

test('a file that is cut anywhere, or changed anywhere, is refused', async () => {
  const { files } = await runWhole(request('unipc', 1));
  const file = files[1]!;
  expect(decodeCheckpoint(file).fingerprint).toBe('f');
  for (let length = 0; length < file.length; length += 37) {
    expect(() => decodeCheckpoint(file.subarray(0, length))).toThrow();
  }
  for (const at of [0, 5, 9, 200, file.length - 1]) {
    const changed = Uint8Array.from(file);
    changed[at]! ^= 0xff;
    expect(() => decodeCheckpoint(changed)).toThrow();
  }
  expect(() => decodeCheckpoint(new Uint8Array(1000))).toThrow('A checkpoint must begin with the length of its header');
});

test('everything that the bytes of a video follow from is in the fingerprint', () => {
  const job = {
    manifest: manifest(),
    seed: 1,
    imagesSha256: ['a', 'b'],
    modelSha256: 'm',
    computeDtype: 'float32',
    provider: 'cpu',
  };
  const others = [
    { manifest: manifest({ steps: 9 }) },
    { seed: 2 },
    { imagesSha256: ['b', 'a'] },
    { modelSha256: 'n' },
    { computeDtype: 'float16' },
    { provider: 'cuda' },
  ].map((change) => fingerprintOf({ ...job, ...change }));
  expect(new Set([fingerprintOf(job), ...others]).size).toBe(1 + others.length);
});

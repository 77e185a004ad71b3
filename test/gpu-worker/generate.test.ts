/** The whole pipeline on random weights: what comes out, and that it depends on what it should depend on. */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ALL_FORMATS, BufferSource, Input } from 'mediabunny';
import sharp from 'sharp';
import { FACE_MODELS } from '../../contract/env';
import { type Manifest, parseManifest } from '../../contract/manifest';
import { FaceModelError } from '../../faces/onnx-model';
import { CancelFlag, GenerationCanceled } from '../../gpu-worker/cancellation';
import { ModelError, OutOfMemoryError } from '../../gpu-worker/errors';
import { type GenerationEvent, type GenerationRequest, generate } from '../../gpu-worker/generate';
import { seededNoise } from '../../gpu-worker/noise';
import { Graph } from '../../gpu-worker/onnx/graph';
import { Add, Mul, ReduceMean } from '../../gpu-worker/onnx/ops';
import { ada } from '../faces/photos';
import { writeSafetensors } from '../golden';
import { ORIGIN } from '../origin';
import { CONDITIONING, writeRandomModel } from '../random-model';
import { manifest, writeReferenceSet } from '../reference-set';

let folder: string;
let modelDir: string;
let setFolder: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-generate-'));
  modelDir = writeRandomModel(path.join(folder, 'model'));
  setFolder = await writeReferenceSet(path.join(folder, 'set'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function request(changes: Partial<GenerationRequest> = {}, input: Record<string, unknown> = {}): GenerationRequest {
  const outFolder = mkdtempSync(path.join(folder, 'out-'));
  return {
    modelDir,
    setFolder,
    manifest: job(input),
    seed: 1,
    outFolder,
    session: { provider: 'cpu', numThreads: 1 },
    computeDtype: 'float32',
    origin: ORIGIN,
    ...changes,
  };
}

function job(input: Record<string, unknown>): Manifest {
  return parseManifest(new TextEncoder().encode(JSON.stringify(manifest(input))));
}

async function run(changes: Partial<GenerationRequest> = {}, input: Record<string, unknown> = {}) {
  const events: GenerationEvent[] = [];
  const task = request(changes, input);
  const cancel = new CancelFlag();
  const result = await generate(task, { cancel, onEvent: (event) => events.push(event) });
  return { result, events, outFolder: task.outFolder };
}

async function latentsOf(changes: Partial<GenerationRequest> = {}, input: Record<string, unknown> = {}) {
  return (await run(changes, input)).result.latentsSha256[0];
}

function withConditioning(name: string, changes: Record<string, unknown>): string {
  return writeRandomModel(path.join(folder, name), { conditioning: { ...CONDITIONING, ...changes } });
}

test('a reference set becomes a video and a poster', async () => {
  const { result, events, outFolder } = await run();
  expect(readdirSync(outFolder).sort()).toEqual(['poster.jpg', 'references', 'video.mp4']);
  const input = new Input({
    formats: ALL_FORMATS,
    source: new BufferSource(readFileSync(path.join(outFolder, 'video.mp4'))),
  });
  const track = await input.getPrimaryVideoTrack();
  expect((await track?.computePacketStats())?.packetCount).toBe(5);
  expect(result.files).toEqual([
    {
      file: 'video.mp4',
      contentType: 'video/mp4',
      size: expect.any(Number),
      width: 64,
      height: 64,
      durationSeconds: 0.625,
    },
    {
      file: 'poster.jpg',
      contentType: 'image/jpeg',
      size: expect.any(Number),
      width: 64,
      height: 64,
      durationSeconds: null,
    },
  ]);
  expect(events.map((event) => (event.type === 'phase' ? event.phase : event.type))).toEqual([
    'planned',
    'prepare_references',
    'encode_prompt',
    'encode_references',
    'denoise',
    'step',
    'step',
    'decode',
    'frames',
    'frames',
  ]);
});

test('the same job gives the same bytes of latents, another seed others', async () => {
  const latents = await latentsOf();
  expect(await latentsOf()).toBe(latents);
  expect(await latentsOf({}, { seed: 8 })).not.toBe(latents);
});

test('prompt, references, guidance, scheme and timestep policy all matter', async () => {
  const oneReference = { ...job({}), reference_set: { ...job({}).reference_set, images: [{ file: 'front.png' }] } };
  const latents = [
    await latentsOf(),
    await latentsOf({}, { prompt: 'a head turns to the right' }),
    await latentsOf({ manifest: oneReference }),
    await latentsOf({}, { guidance: { text: 3 } }),
    await latentsOf({}, { guidance: { image: 3 } }),
    await latentsOf({}, { negative_prompt: 'a hat' }),
    await latentsOf({ modelDir: withConditioning('vanilla', { scheme: 'vanilla' }) }),
    await latentsOf({ modelDir: withConditioning('offset', { offset: 4 }) }),
    await latentsOf({ modelDir: withConditioning('same', { reference_timestep: 'same' }) }),
    await latentsOf({ modelDir: withConditioning('zero', { dropped_references: 'zero' }) }),
  ];
  expect(new Set(latents).size).toBe(latents.length);
});

test('branches without weight are left out without changing the result', async () => {
  const branches = CONDITIONING.guidance.branches.slice(0, 1);
  const alone = withConditioning('alone', { guidance: { branches } });
  const scales = { guidance: { text: 1, image: 1 } };
  expect(await latentsOf({}, scales)).toBe(await latentsOf({ modelDir: alone }, scales));
});

test('noise from a file takes the place of the seed', async () => {
  const noiseFile = path.join(folder, 'noise.safetensors');
  const shape = [1, 4, 2, 8, 8];
  writeSafetensors(noiseFile, [{ name: 'noise', shape, data: seededNoise(8, 4 * 2 * 8 * 8) }]);
  expect(await latentsOf({ noiseFile }, { seed: 7 })).toBe(await latentsOf({}, { seed: 8 }));
});

test('several outputs count the seed up', async () => {
  const { result, outFolder } = await run({}, { num_outputs: 2 });
  expect(readdirSync(outFolder).sort()).toEqual([
    'poster-2.jpg',
    'poster.jpg',
    'references',
    'video-2.mp4',
    'video.mp4',
  ]);
  expect(result.latentsSha256).toEqual([await latentsOf({}, { seed: 7 }), await latentsOf({}, { seed: 8 })]);
});

test('a job without a seed takes the one it is given', async () => {
  expect(await latentsOf({ seed: 7 }, { seed: undefined })).toBe(await latentsOf());
});

test('a directory without reference_conditioning.json is plain text-to-video, and says so', async () => {
  const plain = writeRandomModel(path.join(folder, 'plain'), { conditioning: null });
  const input = { width: 64, height: 64, num_frames: 5, steps: 1 };
  const { result, events } = await run({ modelDir: plain }, input);
  expect(result.plan.numReferences).toBe(0);
  expect(result.plan.input.guidance).toEqual({ text: 5, image: 0 });
  expect(events).toContainEqual({
    type: 'notice',
    message: 'This model takes no references: the images are not used.',
  });
});

test('the model decides how its references are prepared, and the job may decide otherwise', async () => {
  const cutting = withConditioning('cutting', { preparation: 'cut_out' });
  const faces = await writeFaceSet(path.join(folder, 'faces'));
  const latentsWith = (modelDir: string, preparation?: 'cut_out' | 'as_uploaded') => {
    const { reference_set, ...rest } = job({});
    const images = [{ file: 'front.png' }];
    return latentsOf({
      modelDir,
      setFolder: faces,
      manifest: { ...rest, reference_set: { ...reference_set, images, preparation } },
    });
  };
  const cut = await latentsWith(cutting);
  const asUploaded = await latentsWith(modelDir);
  expect(cut).not.toBe(asUploaded);
  expect(await latentsWith(modelDir, 'cut_out')).toBe(cut);
  expect(await latentsWith(cutting, 'as_uploaded')).toBe(asUploaded);
});

test('a model brings its own matting in faces.json; what is wrong with it is the model’s fault', async () => {
  const own = withConditioning('own matting', { preparation: 'cut_out' });
  const faces = await writeFaceSet(path.join(folder, 'faces of one'));
  const { reference_set, ...rest } = job({});
  const set = {
    setFolder: faces,
    manifest: { ...rest, reference_set: { ...reference_set, images: [{ file: 'front.png' }] } },
  };
  const builtIn = await latentsOf({ modelDir: own, ...set });
  // Everything is half a person.
  const g = new Graph('half');
  const image = g.input('input', 'float32', [1, 3, 64, 64]);
  g.output('alpha', Add(g, Mul(g, ReduceMean(g, image, { axes: [1] }), g.scalar(0)), g.scalar(0.5)));
  writeFileSync(path.join(own, 'half.onnx'), g.toBytes());
  const matting = { preset: 'modnet', path: 'half.onnx', size: [64, 64] };
  writeFileSync(path.join(own, 'faces.json'), JSON.stringify({ matting }));
  expect(await latentsOf({ modelDir: own, ...set })).not.toBe(builtIn);

  writeFileSync(path.join(own, 'faces.json'), JSON.stringify({ matting: { ...matting, sha256: 'a'.repeat(64) } }));
  const wrong = run({ modelDir: own, ...set });
  await expect(wrong).rejects.toThrow(ModelError);
  await expect(wrong).rejects.toThrow(/^sha256 must be that of .*half\.onnx/);
});

test('a face model that comes with the program and is missing is not the model’s fault, unless it is fed otherwise', async () => {
  const own = withConditioning('built-in networks', { preparation: 'cut_out' });
  const setFolder = await writeFaceSet(path.join(folder, 'faces without models'));
  const { reference_set, ...rest } = job({});
  const images = [{ file: 'front.png' }];
  const errorOf = (faces: object) => {
    writeFileSync(path.join(own, 'faces.json'), JSON.stringify(faces));
    const running = run({
      modelDir: own,
      setFolder,
      manifest: { ...rest, reference_set: { ...reference_set, images } },
    });
    return running.then(
      () => null,
      (error: Error) => error,
    );
  };
  const otherwise = await errorOf({ matting: { preset: 'selfie', output: 'none' } });
  process.env[FACE_MODELS] = folder;
  const missing = await errorOf({});
  delete process.env[FACE_MODELS];
  expect(otherwise).toBeInstanceOf(ModelError);
  expect(otherwise?.message).toMatch(/^matting\.output must be an output of .*selfie\.onnx/);
  expect(missing).toBeInstanceOf(FaceModelError);
  expect(missing?.message).toMatch(/blazeface\.onnx \(ENOENT\)/);
});

test('what is left out, and what could not be cut out, is told', async () => {
  const two = withConditioning('two views', { preparation: 'cut_out', max_references: 2 });
  const faces = await writeFaceSet(path.join(folder, 'three'));
  const { reference_set, ...rest } = job({});
  const images = ['front.png', 'green.png', 'side.png'].map((file) => ({ file }));
  const { result, events } = await run({
    modelDir: two,
    setFolder: faces,
    manifest: { ...rest, reference_set: { ...reference_set, images } },
  });
  expect(result.plan.numReferences).toBe(2);
  expect(result.references.map(({ choice, fed }) => [choice, fed?.file])).toEqual([
    ['most_frontal', 'references/1-front.png'],
    ['left_out', undefined],
    ['new_angle', 'references/2-side.png'],
  ]);
  const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
  expect(notices).toEqual(['The model takes 2 references: green.png left out.']);
  const alone = await run({
    modelDir: two,
    setFolder: faces,
    manifest: { ...rest, reference_set: { ...reference_set, images: images.slice(1, 2) } },
  });
  expect(alone.events).toContainEqual({
    type: 'notice',
    message: 'Nobody to cut out is found in green.png: used as uploaded.',
  });
});

/** A face from the front and from the side, and a picture of nobody. */
async function writeFaceSet(setFolder: string): Promise<string> {
  mkdirSync(setFolder);
  copyFileSync(ada(0), path.join(setFolder, 'front.png'));
  copyFileSync(ada(60), path.join(setFolder, 'side.png'));
  await sharp({ create: { width: 96, height: 96, channels: 3, background: '#0a0' } }).toFile(
    path.join(setFolder, 'green.png'),
  );
  return setFolder;
}

test('a model with two experts uses both', async () => {
  const two = writeRandomModel(path.join(folder, 'two'), { boundaryRatio: 0.9 });
  const one = await latentsOf({}, { steps: 3 });
  expect(await latentsOf({ modelDir: two }, { steps: 3 })).not.toBe(one);
});

test('FlowMatchEuler runs as well', async () => {
  const euler = writeRandomModel(path.join(folder, 'euler'), {
    scheduler: { className: 'FlowMatchEulerDiscreteScheduler', config: { shift: 3 } },
  });
  expect(await latentsOf({ modelDir: euler })).not.toBe(await latentsOf());
});

test('a prompt longer than the model reads is told', async () => {
  const { events } = await run({}, { prompt: 'a head turns to the left '.repeat(9) });
  expect(events.filter(({ type }) => type === 'notice')).toEqual([
    {
      type: 'notice',
      message: expect.stringMatching(
        /^input\.prompt is longer than the model reads: its last \d+ tokens are not used\.$/,
      ),
    },
  ]);
});

test('too little memory is told before anything is loaded', async () => {
  const task = request({ availableMemory: 1e6 });
  const events: string[] = [];
  const hooks = { cancel: new CancelFlag(), onEvent: (event: GenerationEvent) => events.push(event.type) };
  await expect(generate(task, hooks)).rejects.toThrow(OutOfMemoryError);
  expect(events).toEqual(['planned', 'phase']);
});

test.each(['encode_prompt', 'denoise', 'decode'])('a stop during %s leaves no finished video', async (phase) => {
  const task = request();
  const cancel = new CancelFlag();
  const onEvent = (event: GenerationEvent) => {
    if (event.type === 'phase' && event.phase === phase) cancel.set();
  };
  await expect(generate(task, { cancel, onEvent })).rejects.toThrow(GenerationCanceled);
  expect(readdirSync(task.outFolder)).not.toContain('video.mp4');
});

test('a folder that cannot be written to fails with the system code', async () => {
  const task = request();
  mkdirSync(path.join(task.outFolder, 'video.mp4', 'x'), { recursive: true });
  await expect(generate(task, { cancel: new CancelFlag(), onEvent: () => {} })).rejects.toMatchObject({
    code: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/),
  });
});

/** The whole sampled pipeline against PyTorch: a model directory, image files, a noise file in; latents and frames out. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { Manifest } from '../../contract/manifest';
import { CancelFlag } from '../../gpu-worker/cancellation';
import { sampleLatents } from '../../gpu-worker/generate';
import { readReferenceImage } from '../../gpu-worker/images';
import { openModel } from '../../gpu-worker/model/open-model';
import { readNoise } from '../../gpu-worker/noise';
import { planGeneration } from '../../gpu-worker/plan';
import type { FloatTensor } from '../../gpu-worker/session';
import { VaeDecoder } from '../../gpu-worker/vae-decoder';
import {
  randomTensor,
  readGolden,
  relativeError,
  type WeightSpec,
  writeRandomComponent,
  writeSafetensors,
} from '../golden';

interface PipelineCase {
  name: string;
  views: number;
  scheduler: { class_name: string; config: object };
  conditioning: { defaults: { width: number; height: number } };
}

interface PipelineGolden {
  components: Record<'transformer' | 'vae' | 'text_encoder', { config: unknown; weights: WeightSpec[] }>;
  tokenizer: Record<'tokenizer' | 'tokenizer_config', object>;
  prompt: string;
  negative_prompt: string;
  frame_stride: number;
  cases: PipelineCase[];
}

const SESSION = { provider: 'cpu', numThreads: 1 } as const;
const TOLERANCE = 1e-4;
const { metadata, tensors } = readGolden<PipelineGolden>('pipeline');

const folder = mkdtempSync(join(tmpdir(), 'pipeline-'));
afterAll(() => rmSync(folder, { recursive: true }));

test.each(metadata.cases)('$name: latents and frames are those of PyTorch', async (golden) => {
  const { name } = golden;
  const expected = tensors[`latents/${name}`]!;
  const model = await openModel(writeModel(golden));
  const setFolder = await writeSet(golden);
  const manifest = manifestOf(golden);
  const plan = planGeneration(model, manifest, 0);
  const references: Float32Array[] = [];
  for (const image of manifest.reference_set.images.slice(0, golden.views)) {
    references.push(await readReferenceImage(setFolder, image, 'image', plan.input));
  }
  const noiseData = await readNoise(join(setFolder, 'noise.safetensors'), expected.dims);
  const noise: FloatTensor = { dtype: 'float32', dims: expected.dims, data: noiseData };
  const hooks = { onEvent: () => {}, cancel: new CancelFlag() };
  const request = { session: SESSION, computeDtype: 'float32' } as const;

  const [output] = await sampleLatents(request, model, plan, references, [noise], hooks);
  const { latents } = output!;
  const frames = await decode(model, latents);

  expect(latents.dims).toEqual(expected.dims);
  expect(relativeError(latents.data, expected.data as Float32Array)).toBeLessThan(TOLERANCE);
  const every = frames.filter((_, index) => index % metadata.frame_stride === 0);
  expect(relativeError(every, tensors[`frames/${name}`]!.data as Float32Array)).toBeLessThan(TOLERANCE);
});

function writeModel({ name, scheduler, conditioning }: PipelineCase): string {
  const dir = join(folder, name, 'model');
  const { transformer, vae, text_encoder } = metadata.components;
  const component = (part: string, fileName: string, { config, weights }: { config: unknown; weights: WeightSpec[] }) =>
    writeRandomComponent(join(dir, part), fileName, config, `pipeline/${part}`, weights);
  component('transformer', 'diffusion_pytorch_model.safetensors', transformer);
  component('vae', 'diffusion_pytorch_model.safetensors', vae);
  component('text_encoder', 'model.safetensors', text_encoder);
  writeJson(join(dir, 'tokenizer', 'tokenizer.json'), metadata.tokenizer.tokenizer);
  writeJson(join(dir, 'tokenizer', 'tokenizer_config.json'), metadata.tokenizer.tokenizer_config);
  writeJson(join(dir, 'scheduler', 'scheduler_config.json'), scheduler.config);
  writeJson(join(dir, 'reference_conditioning.json'), conditioning);
  writeJson(join(dir, 'model_index.json'), {
    _class_name: 'WanPipeline',
    transformer: ['diffusers', 'WanTransformer3DModel'],
    vae: ['diffusers', 'AutoencoderKLWan'],
    text_encoder: ['transformers', 'UMT5EncoderModel'],
    tokenizer: ['transformers', 'T5TokenizerFast'],
    scheduler: ['diffusers', scheduler.class_name],
  });
  return dir;
}

/** Hashed bytes as PNGs of exactly the video's size, and the noise. A set has an image even where the model takes none. */
async function writeSet({ name, views, conditioning }: PipelineCase): Promise<string> {
  const setFolder = join(folder, name, 'set');
  mkdirSync(setFolder, { recursive: true });
  const { width, height } = conditioning.defaults;
  const bytes = Uint8Array.from(randomTensor(`pipeline/${name}/references`, views * height * width * 3), (value) =>
    Math.floor((value + 1) * 128),
  );
  for (let view = 0; view < Math.max(views, 1); view++) {
    const area = height * width * 3;
    const pixels = views === 0 ? new Uint8Array(area) : bytes.subarray(view * area, (view + 1) * area);
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toFile(join(setFolder, `${view}.png`));
  }
  const shape = tensors[`latents/${name}`]!.dims;
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = randomTensor(`pipeline/${name}/noise`, count, 0, 3 ** 0.5);
  writeSafetensors(join(setFolder, 'noise.safetensors'), [{ name: 'noise', shape, data }]);
  return setFolder;
}

function manifestOf({ views }: PipelineCase): Manifest {
  return {
    schema_version: 1,
    model: 'random',
    input: { prompt: metadata.prompt, negative_prompt: metadata.negative_prompt },
    reference_set: {
      subject: 'nobody',
      consent: { confirmed: true, reference: 'random pixels' },
      images: Array.from({ length: Math.max(views, 1) }, (_, view) => ({ file: `${view}.png` })),
    },
  };
}

/** All frames, [1, 3, F, H, W] flat, put together from the pieces. */
async function decode({ directory, weights }: Awaited<ReturnType<typeof openModel>>, latents: FloatTensor) {
  const [, , , latentHeight, latentWidth] = latents.dims as [number, number, number, number, number];
  const decoder = new VaeDecoder(directory.vae, weights.vae, { latentHeight, latentWidth, session: SESSION });
  const pieces: FloatTensor[] = [];
  for await (const piece of decoder.decode(latents)) pieces.push(piece);
  await decoder.release();
  return Float32Array.from(
    [0, 1, 2].flatMap((channel) =>
      pieces.flatMap(({ data }) => [...data.subarray((channel * data.length) / 3, ((channel + 1) * data.length) / 3)]),
    ),
  );
}

function writeJson(file: string, value: unknown): void {
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, JSON.stringify(value));
}

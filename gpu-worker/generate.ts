/**
 * One job from a reference set to a video, in six steps:
 *
 *   1 prepare the references   files -> pixels: the most useful views, cut out or as uploaded
 *   2 encode the prompt        text -> embeddings
 *   3 encode the references    pixels -> clean latents, one view after the other
 *   4 denoise                  noise, step by step, conditioned on prompt and references -> latents
 *   5 decode                   latents -> frames, streamed into the video
 *   6 poster                   the first frame, while it passes by
 *
 * A network's session lives only as long as its step, so peak memory is that of the largest step. The thread that calls this is
 * blocked for most of it: see generation.ts.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { posterFileName, videoFileName } from '../contract/keys';
import { MAX_SEED } from '../contract/limits';
import type { Manifest } from '../contract/manifest';
import { builtInFiles, faceSettingsOf } from '../faces/face-settings';
import { FaceModelError } from '../faces/onnx-model';
import type { CancelFlag } from './cancellation';
import { type Denoised, denoise } from './denoise';
import { ModelError } from './errors';
import { estimateMemory, type MemoryEstimate, requireMemory } from './memory';
import { type OpenModel, openModel } from './model/open-model';
import { weightedBranches } from './model/reference-conditioning';
import { emitTextEncoder } from './model/text-encoder';
import { openTokenizer } from './model/tokenizer';
import { emitVaeEncoder } from './model/vae';
import { readNoise, seededNoise } from './noise';
import type { FloatDType } from './onnx/graph';
import { type Plan, planGeneration } from './plan';
import { openSigner, type SigningCredentials } from './provenance/content-credentials';
import type { Origin } from './provenance/origin';
import { referenceNotices } from './references/notices';
import { type PreparedReferences, prepareReferences, type ReferenceUse } from './references/prepare';
import { createSession, type FloatTensor, type SessionOptions } from './session';
import { type OutputState, type Snapshot, type StepRecord, stepsDone } from './snapshot';
import { VaeDecoder } from './vae-decoder';
import { type Marking, openVideoWriter, writePoster } from './video';

export interface GenerationRequest {
  readonly modelDir: string;
  /** Folder with the images that the manifest names. */
  readonly setFolder: string;
  readonly manifest: Manifest;
  /** Seed where the manifest gives none. */
  readonly seed: number;
  /** An existing folder; the video, the poster and the references as they are fed are written into it. */
  readonly outFolder: string;
  readonly session: SessionOptions;
  readonly computeDtype: FloatDType;
  /** Stands in every file that is made. */
  readonly origin: Origin;
  /** Signs every file that is made. */
  readonly credentials?: SigningCredentials;
  /** Noise from a file in place of the seed. */
  readonly noiseFile?: string;
  /** Bytes that may be used; what the machine has available unless given. */
  readonly availableMemory?: number;
  /** Where an earlier run of the same request had come to; one that does not fit is not used. */
  readonly checkpoint?: Snapshot | null;
}

export type Phase = 'prepare_references' | 'encode_prompt' | 'encode_references' | 'denoise' | 'decode';

export type GenerationEvent =
  | { readonly type: 'planned'; readonly plan: Plan; readonly memory: MemoryEstimate }
  | { readonly type: 'phase'; readonly phase: Phase }
  /** A denoising step is done; `totalSteps` counts the steps of all outputs. */
  | { readonly type: 'step'; readonly step: number; readonly totalSteps: number }
  | { readonly type: 'frames'; readonly frames: number; readonly totalFrames: number }
  /** Something the caller should know that does not stop the job. */
  | { readonly type: 'notice'; readonly message: string };

export interface GeneratedFile {
  /** Name in the out folder. */
  readonly file: string;
  readonly contentType: 'video/mp4' | 'image/jpeg';
  readonly size: number;
  readonly width: number;
  readonly height: number;
  readonly durationSeconds: number | null;
}

export interface GenerationResult {
  readonly plan: Plan;
  readonly files: readonly GeneratedFile[];
  /** What became of each image of the set; none for a model that takes no references. */
  readonly references: readonly ReferenceUse[];
  /** Of each output's latents as float32 bytes: equal for the same job on the same machine. */
  readonly latentsSha256: readonly string[];
  /** Of each output, every step. */
  readonly steps: readonly (readonly StepRecord[])[];
  /** Steps of all outputs that the checkpoint had done. */
  readonly resumedFromStep: number;
}

export interface GenerationHooks {
  onEvent(event: GenerationEvent): void;
  /** An output has taken a step, or is where its checkpoint left it. The arrays are the generator's own: valid until this returns, not to be changed. */
  onSnapshot?(output: number, state: OutputState): void;
  readonly cancel: CancelFlag;
}

/**
 * @throws JobRejected when job or images are at fault, ModelError when the model directory is, OutOfMemoryError, ProviderError,
 *   CredentialsError, GenerationCanceled.
 */
export async function generate(request: GenerationRequest, hooks: GenerationHooks): Promise<GenerationResult> {
  const model = await openModel(request.modelDir);
  const plan = planGeneration(model, request.manifest, request.seed);
  const marking = await openMarking(request);
  const memory = estimateMemory(model, plan, request.computeDtype);
  hooks.onEvent({ type: 'planned', plan, memory });

  // 1 Prepare the references
  hooks.onEvent({ type: 'phase', phase: 'prepare_references' });
  const references = await prepare(request, model, plan, hooks);
  const noises = await drawNoises(request, model, plan);
  requireMemory(memory, request.availableMemory);
  hooks.cancel.throwIfSet();

  // 2 to 4
  const checkpoint = usableCheckpoint(request, plan, noises, hooks);
  const denoised = await sampleLatents({ ...request, checkpoint }, model, plan, references.pixels, noises, hooks);

  // 5 Decode, 6 poster
  hooks.onEvent({ type: 'phase', phase: 'decode' });
  const latents = denoised.map((output) => output.latents);
  const files = await decode(request, model, plan, latents, marking, hooks);
  return {
    plan,
    files,
    references: references.uses,
    latentsSha256: latents.map(({ data }) => sha256(data)),
    steps: denoised.map(({ steps }) => steps),
    resumedFromStep: checkpoint ? stepsDone(checkpoint) : 0,
  };
}

/** Before anything is computed: what cannot be signed need not be made. */
async function openMarking({ origin, credentials }: GenerationRequest): Promise<Marking> {
  return { origin, ...(credentials && { sign: await openSigner(credentials) }) };
}

/** What steps 2 to 4 need of a request. */
type SamplingRequest = Pick<GenerationRequest, 'session' | 'computeDtype' | 'checkpoint'>;

/**
 * Steps 2 to 4: from pixels, prompt and noise to the latents [1, C, T, h, w] of every output. A checkpoint after the last step
 * leaves nothing of them to do.
 * @param references float32 [3, H, W] each, -1..1; as many as the plan counts. @param noises [1, C, T, h, w], one an output.
 */
export async function sampleLatents(
  request: SamplingRequest,
  model: OpenModel,
  plan: Plan,
  references: readonly Float32Array[],
  noises: readonly FloatTensor[],
  hooks: GenerationHooks,
): Promise<Denoised[]> {
  const { checkpoint } = request;
  const isDenoised = checkpoint && stepsDone(checkpoint) === plan.input.steps * noises.length;
  if (isDenoised) {
    const nothing: EncodedText = { prompt: null, negative: null };
    return denoise({ ...request, model, plan, text: nothing, references: null, noises }, hooks);
  }

  // 2 Encode the prompt
  hooks.onEvent({ type: 'phase', phase: 'encode_prompt' });
  const text = await encodePrompts(request, model, plan, hooks);

  // 3 Encode the references
  hooks.onEvent({ type: 'phase', phase: 'encode_references' });
  const referenceLatents = await encodeReferences(request, model, plan, references, hooks.cancel);

  // 4 Denoise
  hooks.onEvent({ type: 'phase', phase: 'denoise' });
  return denoise({ ...request, model, plan, text, references: referenceLatents, noises }, hooks);
}

/** Embeddings of the prompt and of the negative prompt, [1, L, text_dim] each; null where no branch looks at it. */
export interface EncodedText {
  readonly prompt: FloatTensor | null;
  readonly negative: FloatTensor | null;
}

async function prepare(
  { modelDir, setFolder, outFolder, manifest }: GenerationRequest,
  { conditioning }: OpenModel,
  { input, numReferences }: Plan,
  hooks: GenerationHooks,
): Promise<PreparedReferences> {
  const preparation = manifest.reference_set.preparation ?? conditioning.preparation;
  // faces.json and what it names are parts of the model directory.
  const faces = await faceSettingsOf(modelDir).catch((error: Error) => {
    throw asModelError(error);
  });
  const { framing } = conditioning;
  const settings = { numReferences, video: input, preparation, framing, faces };
  const references = await prepareReferences(setFolder, manifest, settings, outFolder, hooks.cancel).catch(
    (error: Error) => {
      // The directory has no part in the networks that come with the program. Errors of a network name its file.
      const isOurs = builtInFiles(faces).some((file) => error.message.includes(file));
      throw isOurs ? error : asModelError(error);
    },
  );
  for (const message of referenceNotices(references.uses, settings)) hooks.onEvent({ type: 'notice', message });
  return references;
}

function asModelError(error: Error): Error {
  return error instanceof FaceModelError ? new ModelError(error.message) : error;
}

/** One noise tensor [1, C, T, h, w] an output. A noise file serves the first; further outputs count the seed up. */
async function drawNoises(request: GenerationRequest, model: OpenModel, plan: Plan): Promise<FloatTensor[]> {
  const { seed, num_outputs } = plan.input;
  const { numLatentFrames, latentHeight, latentWidth } = plan;
  const dims = [1, model.directory.vae.z_dim, numLatentFrames, latentHeight, latentWidth];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const noises = Array.from({ length: num_outputs }, (_, i) => seededNoise((seed + i) % (MAX_SEED + 1), count));
  const data = request.noiseFile ? [await readNoise(request.noiseFile, dims), ...noises.slice(1)] : noises;
  return data.map((values) => ({ dtype: 'float32', dims, data: values }));
}

/** The request's checkpoint if it is one of this plan. */
function usableCheckpoint(
  { checkpoint }: GenerationRequest,
  plan: Plan,
  noises: readonly FloatTensor[],
  hooks: GenerationHooks,
): Snapshot | null {
  if (!checkpoint) return null;
  const fits =
    checkpoint.outputs.length <= noises.length &&
    checkpoint.outputs.every((output, i) => {
      if (!output) return true;
      const { sample, scheduler, steps } = output;
      const isWhole = sample.length === noises[i]!.data.length && steps.length === scheduler.stepIndex;
      return isWhole && scheduler.stepIndex <= plan.input.steps;
    });
  if (fits) return checkpoint;
  hooks.onEvent({ type: 'notice', message: 'The checkpoint is not one of this job: it starts from its beginning.' });
  return null;
}

async function encodePrompts(
  request: SamplingRequest,
  model: OpenModel,
  plan: Plan,
  hooks: GenerationHooks,
): Promise<EncodedText> {
  const { dir, textEncoder, textLength } = model.directory;
  const branches = weightedBranches(model.conditioning, plan.input.guidance);
  const tokenizer = await openTokenizer(path.join(dir, 'tokenizer'));
  const graph = emitTextEncoder(textEncoder, model.weights.textEncoder, {
    textLength,
    computeDtype: request.computeDtype,
  });
  const session = await createSession(graph, request.session);
  try {
    const encode = async (field: string, prompt: string): Promise<FloatTensor> => {
      const { inputIds, attentionMask, truncatedTokens } = tokenizer.encode(prompt, textLength);
      if (truncatedTokens > 0) {
        const message = `${field} is longer than the model reads: its last ${truncatedTokens} tokens are not used.`;
        hooks.onEvent({ type: 'notice', message });
      }
      const dims = [1, textLength];
      const { last_hidden_state } = await session.run({
        input_ids: { dtype: 'int64', dims, data: inputIds },
        attention_mask: { dtype: 'int64', dims, data: attentionMask },
      });
      return last_hidden_state as FloatTensor;
    };
    const sees = (text: boolean) => branches.some(({ branch }) => branch.text === text);
    return {
      prompt: sees(true) ? await encode('input.prompt', plan.input.prompt) : null,
      negative: sees(false) ? await encode('input.negative_prompt', plan.input.negative_prompt) : null,
    };
  } finally {
    await session.release();
  }
}

/** Clean latents of all views, [1, C, n, h, w]; null where there are none. Each view is encoded alone, as a clip of one frame. */
async function encodeReferences(
  request: SamplingRequest,
  { directory, weights }: OpenModel,
  plan: Plan,
  references: readonly Float32Array[],
  cancel: CancelFlag,
): Promise<FloatTensor | null> {
  if (references.length === 0) return null;
  const { width, height } = plan.input;
  const graph = emitVaeEncoder(directory.vae, weights.vae, {
    numFrames: 1,
    height,
    width,
    computeDtype: request.computeDtype,
  });
  const session = await createSession(graph, request.session);
  try {
    const views: FloatTensor[] = [];
    for (const data of references) {
      cancel.throwIfSet();
      const { latents } = await session.run({ sample: { dtype: 'float32', dims: [1, 3, 1, height, width], data } });
      views.push(latents as FloatTensor);
    }
    return joinFrames(views);
  } finally {
    await session.release();
  }
}

/** n tensors [1, C, 1, h, w] -> [1, C, n, h, w] */
function joinFrames(views: readonly FloatTensor[]): FloatTensor {
  const [, channels, , height, width] = views[0]!.dims as [number, number, number, number, number];
  const area = height * width;
  const data = new Float32Array(channels * views.length * area);
  for (const [i, view] of views.entries()) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = view.data.subarray(channel * area, (channel + 1) * area);
      data.set(plane, (channel * views.length + i) * area);
    }
  }
  return { dtype: 'float32', dims: [1, channels, views.length, height, width], data };
}

async function decode(
  request: GenerationRequest,
  { directory, weights }: OpenModel,
  plan: Plan,
  outputs: readonly FloatTensor[],
  marking: Marking,
  hooks: GenerationHooks,
): Promise<GeneratedFile[]> {
  const { width, height, num_frames, fps } = plan.input;
  const { latentHeight, latentWidth } = plan;
  const decoder = new VaeDecoder(directory.vae, weights.vae, {
    latentHeight,
    latentWidth,
    computeDtype: request.computeDtype,
    session: request.session,
  });
  const files: GeneratedFile[] = [];
  const totalFrames = num_frames * outputs.length;
  let frames = 0;
  try {
    for (const [i, latents] of outputs.entries()) {
      const video = videoFileName(i);
      const poster = posterFileName(i);
      const writer = await openVideoWriter(path.join(request.outFolder, video), { width, height }, fps, marking);
      try {
        let posterSize: number | undefined;
        for await (const piece of decoder.decode(latents)) {
          hooks.cancel.throwIfSet();
          for (const frame of framesOf(piece)) {
            posterSize ??= await writePoster(path.join(request.outFolder, poster), frame, { width, height }, marking);
            await writer.add(frame);
            frames++;
          }
          hooks.onEvent({ type: 'frames', frames, totalFrames });
        }
        const { size, durationSeconds } = await writer.finish();
        files.push({ file: video, contentType: 'video/mp4', size, width, height, durationSeconds });
        files.push({
          file: poster,
          contentType: 'image/jpeg',
          size: posterSize ?? 0,
          width,
          height,
          durationSeconds: null,
        });
      } finally {
        writer.abort();
      }
    }
  } finally {
    await decoder.release();
  }
  return files;
}

/** [1, 3, f, H, W] -> f frames [3, H, W] */
function* framesOf({ dims, data }: FloatTensor): Generator<Float32Array> {
  const [, channels, count, height, width] = dims as [number, number, number, number, number];
  const area = height * width;
  for (let i = 0; i < count; i++) {
    const frame = new Float32Array(channels * area);
    for (let channel = 0; channel < channels; channel++) {
      const start = (channel * count + i) * area;
      frame.set(data.subarray(start, start + area), channel * area);
    }
    yield frame;
  }
}

function sha256(data: Float32Array): string {
  return createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');
}

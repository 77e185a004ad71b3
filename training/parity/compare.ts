/**
 * `npm run parity -- <model dir>`: runs a model directory here and in PyTorch on the same random inputs, and prints the relative
 * error, max|difference| / max|reference|, of every part. Exit code 1 when one is above 1e-4, 64 when arguments, model or Python are
 * at fault, 70 when we are.
 *
 * Everything is float32 on the CPU at the smallest size that is not square. Python is $MV2ID_PYTHON or python3, with the packages of
 * training/requirements.txt.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Manifest } from '../../contract/manifest';
import { CancelFlag } from '../../gpu-worker/cancellation';
import { ModelError } from '../../gpu-worker/errors';
import { sampleLatents } from '../../gpu-worker/generate';
import { modelGrid, type OpenModel, openModel } from '../../gpu-worker/model/open-model';
import { emitTextEncoder } from '../../gpu-worker/model/text-encoder';
import { openTokenizer } from '../../gpu-worker/model/tokenizer';
import { emitVaeEncoder } from '../../gpu-worker/model/vae';
import { readHeader } from '../../gpu-worker/model/weights';
import type { Graph } from '../../gpu-worker/onnx/graph';
import { type Plan, planGeneration } from '../../gpu-worker/plan';
import {
  type Expert,
  emitPlannedTransformer,
  expertsOf,
  ropeInputs,
  timestepInput,
} from '../../gpu-worker/planned-transformer';
import { createScheduler } from '../../gpu-worker/scheduler';
import { createSession, type FloatTensor, type SessionOptions, type Tensor } from '../../gpu-worker/session';
import { VaeDecoder } from '../../gpu-worker/vae-decoder';

const PARTS = ['text_encoder', 'vae', 'transformer', 'scheduler', 'pipeline'] as const;
const TOLERANCE = 1e-4;
const USAGE_EXIT_CODE = 64;
const FAULT_EXIT_CODE = 70;
const PROMPT = 'A head turns to the left &amp; looks up, 3/4 view.';
const NEGATIVE_PROMPT = 'blurred';
const MAX_REFERENCES = 2;
/** As compare.py has it. */
const TIMESTEP = 637;

type Part = (typeof PARTS)[number];

interface Row {
  readonly name: string;
  readonly error: number;
}

/** Why the comparison cannot be made; the message is the one line a user sees. */
class Unusable extends Error {}

class Comparison {
  readonly rows: Row[] = [];

  constructor(
    private readonly model: OpenModel,
    private readonly plan: Plan,
    private readonly session: SessionOptions,
    private readonly tensors: ReadonlyMap<string, Tensor>,
  ) {}

  async text_encoder(): Promise<void> {
    const { dir, textEncoder, textLength } = this.model.directory;
    const tokenizer = await openTokenizer(join(dir, 'tokenizer'));
    const graph = emitTextEncoder(textEncoder, this.model.weights.textEncoder, { textLength });
    for (const name of ['prompt', 'negative_prompt'] as const) {
      const { inputIds, attentionMask } = tokenizer.encode(this.plan.input[name], textLength);
      this.compare(`tokenizer, ${name}`, inputIds, `out/input_ids/${name}`);
      this.compare(`tokenizer, ${name}, mask`, attentionMask, `out/attention_mask/${name}`);
      const dims = [1, textLength];
      const { last_hidden_state } = await this.run(graph, {
        input_ids: { dtype: 'int64', dims, data: inputIds },
        attention_mask: { dtype: 'int64', dims, data: attentionMask },
      });
      this.compare(`text encoder, ${name}`, last_hidden_state!.data, `out/last_hidden_state/${name}`);
    }
  }

  async vae(): Promise<void> {
    const { vae } = this.model.directory;
    for (const kind of ['image', 'clip'] as const) {
      const sample = this.input(`vae/${kind}`);
      const [, , numFrames, height, width] = sample.dims as [number, number, number, number, number];
      const graph = emitVaeEncoder(vae, this.model.weights.vae, { numFrames, height, width });
      const { latents } = await this.run(graph, { sample });
      this.compare(`vae encode, ${kind} of ${numFrames} frames`, latents!.data, `out/vae/${kind}`);
    }
    const latents = this.input('vae/latents');
    this.compare(`vae decode, ${latents.dims[2]} latent frames`, await this.decode(latents), 'out/vae/sample');
  }

  async transformer(): Promise<void> {
    for (const expert of expertsOf(this.model).keys()) await this.expert(expert);
  }

  async scheduler(): Promise<void> {
    const { className, config } = this.model.directory.scheduler;
    const scheduler = createScheduler(className, config, this.plan.input.steps);
    this.compare('scheduler, sigmas', scheduler.sigmas, 'out/scheduler/sigmas');
    this.compare('scheduler, timesteps', Float32Array.from(scheduler.timesteps), 'out/scheduler/timesteps');
    let sample = this.input('scheduler/sample').data;
    for (let i = 0; i < this.plan.input.steps; i++) {
      sample = scheduler.step(this.input(`scheduler/output/${i}`).data, i, sample);
      this.compare(`scheduler, step ${i + 1}`, sample, `out/scheduler/sample/${i}`);
    }
  }

  async pipeline(): Promise<void> {
    const { numReferences } = this.plan;
    const views = numReferences === 0 ? new Float32Array() : this.input('pipeline/references').data;
    const size = views.length / Math.max(numReferences, 1);
    const references = Array.from({ length: numReferences }, (_, i) => views.subarray(i * size, (i + 1) * size));
    const request = { session: this.session, computeDtype: 'float32' } as const;
    const hooks = { onEvent: () => {}, cancel: new CancelFlag() };
    const noise = this.input('pipeline/noise');
    const [output] = await sampleLatents(request, this.model, this.plan, references, [noise], hooks);
    const what = `pipeline, ${this.plan.input.steps} steps, ${numReferences} references`;
    this.compare(`${what}, latents`, output!.latents.data, 'out/pipeline/latents');
    this.compare(`${what}, frames`, await this.decode(output!.latents), 'out/pipeline/frames');
  }

  private async expert(expert: Expert): Promise<void> {
    const { model, plan } = this;
    for (const numReferences of plan.numReferences === 0 ? [0] : [0, plan.numReferences]) {
      const graph = emitPlannedTransformer(model, plan, numReferences, 'float32', expert);
      const feeds: Record<string, Tensor> = {
        hidden_states: this.input('transformer/latents'),
        encoder_hidden_states: this.input('transformer/text'),
        timestep: timestepInput(model, TIMESTEP, numReferences),
        ...ropeInputs(model, plan, numReferences),
      };
      if (numReferences > 0) feeds.references = this.input('transformer/references');
      const { sample } = await this.run(graph, feeds);
      const reference = `out/${expert}/${numReferences === 0 ? 'alone' : 'references'}`;
      this.compare(`${expert}, ${numReferences} references`, sample!.data, reference);
    }
  }

  /** Frames [1, 3, F, H, W], streamed as a generation does it. */
  private async decode(latents: FloatTensor): Promise<Float32Array> {
    const { latentHeight, latentWidth } = this.plan;
    const settings = { latentHeight, latentWidth, session: this.session };
    const decoder = new VaeDecoder(this.model.directory.vae, this.model.weights.vae, settings);
    const pieces: Float32Array[] = [];
    for await (const { data } of decoder.decode(latents)) pieces.push(data);
    await decoder.release();
    const frames = new Float32Array(pieces.reduce((total, piece) => total + piece.length, 0));
    let at = 0;
    for (const channel of [0, 1, 2]) {
      for (const piece of pieces) {
        const plane = piece.subarray((channel * piece.length) / 3, ((channel + 1) * piece.length) / 3);
        frames.set(plane, at);
        at += plane.length;
      }
    }
    return frames;
  }

  private async run(graph: Graph, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    const session = await createSession(graph, this.session);
    try {
      return await session.run(feeds);
    } finally {
      await session.release();
    }
  }

  private input(name: string): FloatTensor {
    return this.tensor(`in/${name}`) as FloatTensor;
  }

  private tensor(name: string): Tensor {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw new Error(`PyTorch must have given ${name}, got none.`);
    return tensor;
  }

  private compare(name: string, actual: Tensor['data'], reference: string): void {
    const error = relativeError(actual, this.tensor(reference).data);
    this.rows.push({ name, error });
    console.log(`${name.padEnd(46)} ${error.toExponential(2).padStart(9)}  ${error <= TOLERANCE ? 'ok' : 'TOO LARGE'}`);
  }
}

/** NaN when either side holds one; Infinity when the lengths differ. */
function relativeError(actual: Tensor['data'], reference: Tensor['data']): number {
  if (actual.length !== reference.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let magnitude = 0;
  for (let i = 0; i < reference.length; i++) {
    const expected = Number(reference[i]);
    const delta = Math.abs(Number(actual[i]) - expected);
    if (Number.isNaN(delta)) return Number.NaN;
    difference = Math.max(difference, delta);
    magnitude = Math.max(magnitude, Math.abs(expected));
  }
  return difference === 0 ? 0 : difference / magnitude;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      parts: { type: 'string', default: PARTS.join(',') },
      steps: { type: 'string', default: '4' },
      threads: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const [modelDir, ...rest] = positionals;
  if (modelDir === undefined || rest.length > 0) {
    throw new Unusable(`Usage: npm run parity -- <model dir> [--parts ${PARTS.join(',')}] [--steps N] [--threads N]`);
  }
  const parts = values.parts.split(',').map(requirePart);
  const threads = requireCount('--threads', values.threads);
  const python = await findPython();
  const model = await openModel(resolve(modelDir));
  const plan = smallestPlan(model, requireCount('--steps', values.steps));
  const work = mkdtempSync(join(tmpdir(), 'mv2id-parity-'));
  try {
    const tensors = await runPython(python, work, requestOf(model, plan, parts, threads));
    const comparison = new Comparison(model, plan, { provider: 'cpu', numThreads: threads }, tensors);
    for (const part of parts) await comparison[part]();
    const worst = comparison.rows.reduce((a, b) => (b.error <= a.error ? a : b));
    const isGood = comparison.rows.every(({ error }) => error <= TOLERANCE);
    console.log(
      `${isGood ? 'All' : 'Not all'} within ${TOLERANCE}; the largest is ${worst.error.toExponential(2)} (${worst.name}).`,
    );
    return isGood ? 0 : 1;
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Two tokens by three, two latent frames after the first, the model's own guidance. */
function smallestPlan(model: OpenModel, steps: number): Plan {
  const grid = modelGrid(model.directory);
  const { guidance } = model.conditioning.defaults;
  const numReferences = Math.min(model.conditioning.max_references, MAX_REFERENCES);
  const manifest: Manifest = {
    schema_version: 1,
    model: 'parity',
    input: {
      prompt: PROMPT,
      negative_prompt: NEGATIVE_PROMPT,
      width: 3 * grid.widthMultiple,
      height: 2 * grid.heightMultiple,
      num_frames: 2 * grid.frameMultiple + 1,
      steps,
      guidance,
    },
    reference_set: {
      subject: 'random pixels',
      consent: { confirmed: true, reference: 'random pixels' },
      images: Array.from({ length: numReferences }, (_, i) => ({ file: `${i}.png` })),
    },
  };
  return planGeneration(model, manifest, 0);
}

function requestOf(model: OpenModel, plan: Plan, parts: readonly Part[], threads: number): object {
  const { directory, conditioning } = model;
  const { width, height, steps, guidance } = plan.input;
  return {
    model_dir: directory.dir,
    parts,
    threads,
    width,
    height,
    steps,
    guidance,
    num_references: plan.numReferences,
    latent_shape: [directory.vae.z_dim, plan.numLatentFrames, plan.latentHeight, plan.latentWidth],
    text_length: directory.textLength,
    boundary_ratio: directory.boundaryRatio ?? null,
    conditioning,
    prompt: PROMPT,
    negative_prompt: NEGATIVE_PROMPT,
  };
}

/** @throws Unusable when there is no Python, or it lacks the packages. */
async function findPython(): Promise<string> {
  const python = process.env.MV2ID_PYTHON ?? 'python3';
  if ((await spawned(python, ['-c', 'import torch, diffusers, transformers, safetensors'], 'ignore')) === 0)
    return python;
  throw new Unusable(
    `${python} must have the packages of training/requirements.txt (torch, diffusers, transformers); set MV2ID_PYTHON to one that has.`,
  );
}

/** Inputs and results of the PyTorch side, by name. @throws Unusable when it fails. */
async function runPython(python: string, work: string, request: object): Promise<Map<string, Tensor>> {
  const requestFile = join(work, 'request.json');
  const outFile = join(work, 'out.safetensors');
  writeFileSync(requestFile, JSON.stringify(request));
  const exitCode = await spawned(python, [join(__dirname, 'compare.py'), requestFile, outFile], 'inherit');
  if (exitCode !== 0) throw new Unusable(`The PyTorch side must end well, got exit code ${exitCode}.`);
  return readTensors(outFile);
}

function spawned(command: string, args: string[], stdio: 'ignore' | 'inherit'): Promise<number> {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio });
    child.on('error', () => done(127));
    child.on('close', (code) => done(code ?? 1));
  });
}

async function readTensors(file: string): Promise<Map<string, Tensor>> {
  const bytes = readFileSync(file);
  const tensors = new Map<string, Tensor>();
  for (const { name, dtype, shape, offset, length } of await readHeader(file)) {
    const { buffer } = Uint8Array.from(bytes.subarray(offset, offset + length));
    const isFloat = dtype === 'F32';
    tensors.set(
      name,
      isFloat
        ? { dtype: 'float32', dims: shape, data: new Float32Array(buffer) }
        : { dtype: 'int64', dims: shape, data: new BigInt64Array(buffer) },
    );
  }
  return tensors;
}

function requirePart(name: string): Part {
  const part = PARTS.find((known) => known === name);
  if (part === undefined) throw new Unusable(`--parts must be of ${PARTS.join(', ')}, got ${name}.`);
  return part;
}

function requireCount(option: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1)
    throw new Unusable(`${option} must be a whole number from 1, got ${text}.`);
  return count;
}

main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: Error) => {
    const isUsers = error instanceof Unusable || error instanceof ModelError;
    console.error(isUsers ? error.message : error.stack);
    process.exitCode = isUsers ? USAGE_EXIT_CODE : FAULT_EXIT_CODE;
  },
);

/** Our side of the benchmark, a process of its own: does what protocol.ts lists, with the pieces a generation is made of. */
import path from 'node:path';
import { createInterface } from 'node:readline';
import { CancelFlag } from '../gpu-worker/cancellation';
import { sampleLatents } from '../gpu-worker/generate';
import { type OpenModel, openModel } from '../gpu-worker/model/open-model';
import { emitTextEncoder } from '../gpu-worker/model/text-encoder';
import { openTokenizer } from '../gpu-worker/model/tokenizer';
import { emitVaeDecoder } from '../gpu-worker/model/vae';
import { Graph } from '../gpu-worker/onnx/graph';
import { MatMul } from '../gpu-worker/onnx/ops';
import { peakMemoryBytes } from '../gpu-worker/peak-memory';
import { emitPlannedTransformer, ropeInputs, timestepInput } from '../gpu-worker/planned-transformer';
import { createSession, type FloatTensor, type Session, type SessionOptions, type Tensor } from '../gpu-worker/session';
import { VaeDecoder } from '../gpu-worker/vae-decoder';
import { dependencies } from '../package.json';
import { randomTensor } from '../test/golden';
import { type Answer, type Command, MATMUL_SIZE, type Setup, TIMESTEP } from './protocol';

const SQUARE = [MATMUL_SIZE, MATMUL_SIZE];

class Engine {
  private model: OpenModel | undefined;
  private transformer: Session | undefined;
  /** Loaded to be measured; the decoder has its own. */
  private readonly others: Session[] = [];
  private decoder: VaeDecoder | undefined;
  private product: Session | undefined;
  private readonly options: SessionOptions;

  constructor(private readonly setup: Setup) {
    this.options = { provider: 'cpu', numThreads: setup.threads };
  }

  async load(): Promise<Answer> {
    await this.unload();
    const { model_dir, plan } = this.setup;
    return timed(async () => {
      this.model = await openModel(model_dir);
      const { directory, weights } = this.model;
      const { textLength } = directory;
      const { latentHeight, latentWidth } = plan;
      await openTokenizer(path.join(model_dir, 'tokenizer'));
      const graph = emitPlannedTransformer(this.model, plan, plan.numReferences, 'float32');
      this.transformer = await createSession(graph, this.options);
      const others = [
        emitTextEncoder(directory.textEncoder, weights.textEncoder, { textLength }),
        emitVaeDecoder(directory.vae, weights.vae, { chunk: 'first', latentHeight, latentWidth }),
        emitVaeDecoder(directory.vae, weights.vae, { chunk: 'next', latentHeight, latentWidth }),
      ];
      for (const other of others) this.others.push(await createSession(other, this.options));
    });
  }

  /** As a generation has it: the transformer alone in memory. */
  async step(): Promise<Answer> {
    const { plan, text_length, text_dim } = this.setup;
    const model = this.model ?? (await openModel(this.setup.model_dir));
    this.model = model;
    const { numReferences } = plan;
    this.transformer ??= await createSession(
      emitPlannedTransformer(model, plan, numReferences, 'float32'),
      this.options,
    );
    const feeds: Record<string, Tensor> = {
      hidden_states: this.latents('video', plan.numLatentFrames),
      encoder_hidden_states: random('text', [1, text_length, text_dim]),
      timestep: timestepInput(model, TIMESTEP, numReferences),
      ...ropeInputs(model, plan, numReferences),
    };
    if (numReferences > 0) feeds.references = this.latents('references', numReferences);
    let velocity = new Float32Array();
    const { seconds } = await timed(async () => {
      const { sample } = await this.transformer!.run(feeds);
      velocity = sample!.data as Float32Array<ArrayBuffer>;
    });
    return { seconds, magnitude: magnitude([velocity]) };
  }

  async decode(): Promise<Answer> {
    this.model ??= await openModel(this.setup.model_dir);
    this.decoder ??= this.newDecoder(this.model);
    const latents = this.latents('video', this.setup.plan.numLatentFrames);
    const pieces: Float32Array[] = [];
    const { seconds } = await timed(async () => {
      for await (const { data } of this.decoder!.decode(latents)) pieces.push(data);
    });
    return { seconds, magnitude: magnitude(pieces) };
  }

  async generate(): Promise<Answer> {
    const { plan, model_dir } = this.setup;
    const { width, height } = plan.input;
    const references = Array.from({ length: plan.numReferences }, (_, i) => {
      return random(`view ${i}`, [3, height, width]).data;
    });
    const noise = this.latents('noise', plan.numLatentFrames);
    const request = { session: this.options, computeDtype: 'float32' } as const;
    const hooks = { onEvent: () => {}, cancel: new CancelFlag() };
    let sum = 0;
    let count = 0;
    const { seconds } = await timed(async () => {
      const model = await openModel(model_dir);
      const [output] = await sampleLatents(request, model, plan, references, [noise], hooks);
      const decoder = this.newDecoder(model);
      // Frames are let go as a video writer lets them go.
      for await (const { data } of decoder.decode(output!.latents)) {
        sum += data.reduce((total, value) => total + Math.abs(value), 0);
        count += data.length;
      }
      await decoder.release();
    });
    return { seconds, magnitude: sum / count };
  }

  async matmul(): Promise<Answer> {
    this.product ??= await createSession(productGraph(), this.options);
    const a = random('a', SQUARE);
    return timed(async () => {
      await this.product!.run({ a });
    });
  }

  async peak(): Promise<Answer> {
    return { bytes: peakMemoryBytes() };
  }

  private async unload(): Promise<void> {
    await this.transformer?.release();
    for (const session of this.others.splice(0)) await session.release();
    this.transformer = undefined;
    this.model = undefined;
  }

  private newDecoder({ directory, weights }: OpenModel): VaeDecoder {
    const { latentHeight, latentWidth } = this.setup.plan;
    return new VaeDecoder(directory.vae, weights.vae, { latentHeight, latentWidth, session: this.options });
  }

  private latents(name: string, frames: number): FloatTensor {
    const [channels, , height, width] = this.setup.latent_shape as [number, number, number, number];
    return random(name, [1, channels, frames, height, width]);
  }
}

const drawn = new Map<string, FloatTensor>();

/** The same numbers as the other side draws under that name; drawn once. */
function random(name: string, dims: readonly number[]): FloatTensor {
  const key = `${name} ${dims}`;
  const count = dims.reduce((product, dim) => product * dim, 1);
  const tensor = drawn.get(key) ?? { dtype: 'float32', dims, data: randomTensor(`bench/${name}`, count) };
  drawn.set(key, tensor);
  return tensor;
}

/** b is a constant, as weights are: the runtime packs it once. */
function productGraph(): Graph {
  const g = new Graph('product');
  const b = g.constant('b', 'float32', SQUARE, random('b', SQUARE).data);
  g.output('product', MatMul(g, g.input('a', 'float32', SQUARE), b));
  return g;
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number }> {
  const start = performance.now();
  await work();
  return { seconds: (performance.now() - start) / 1000 };
}

function magnitude(pieces: readonly Float32Array[]): number {
  const sum = pieces.reduce((total, piece) => piece.reduce((part, value) => part + Math.abs(value), total), 0);
  return sum / pieces.reduce((count, piece) => count + piece.length, 0);
}

async function main(): Promise<void> {
  let engine: Engine | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as Setup | { command: Command };
    let answer: Answer;
    if (message.command === 'setup') {
      engine = new Engine(message);
      answer = { version: `onnxruntime-node ${dependencies['onnxruntime-node']}, Node ${process.versions.node}` };
    } else {
      answer = await engine![message.command]();
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

void main();

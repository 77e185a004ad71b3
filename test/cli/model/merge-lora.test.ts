/** A LoRA merged into a model: W + scale * up * down by every name that its matrices have, and the engine's output of it. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readFloats } from '../../../cli/model/tensor-floats';
import { readModelDirectory } from '../../../gpu-worker/model/config';
import { emitTransformer } from '../../../gpu-worker/model/transformer';
import { openWeights } from '../../../gpu-worker/model/weights';
import { createSession, type FloatTensor, type Tensor } from '../../../gpu-worker/session';
import { randomTensor, relativeError } from '../../golden';
import { writeRandomModel } from '../../random-model';
import { safetensorsBytes, type TestTensor } from '../../safetensors';
import { run } from '../command';

const RANK = 3;
const Q = 'blocks.0.attn1.to_q';
const OUT = 'blocks.1.attn2.to_out.0';
const FFN = 'blocks.1.ffn.net.0.proj';
const CHANGED = [Q, OUT, FFN];

let folder: string;
let model: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-merge-'));
  model = writeRandomModel(path.join(folder, 'model'), { boundaryRatio: 0.875 });
});
afterAll(() => rmSync(folder, { recursive: true }));

let cases = 0;
const fresh = (name: string) => path.join(folder, `${name}-${cases++}`);
const transformer = (dir: string, expert = 'transformer') => openWeights(path.join(dir, expert));

interface Names {
  readonly down?: string;
  readonly up?: string;
  /** From the layer's name in the base to that in the file. */
  readonly layer?: (name: string) => string;
  readonly alpha?: number;
  readonly metadata?: Record<string, unknown>;
  readonly dtype?: 'F32' | 'F16' | 'BF16';
}

/** Random matrices for the layers CHANGED. */
async function writeLora(file: string, names: Names = {}): Promise<string> {
  const { down = 'lora_A', up = 'lora_B', layer = (name) => `transformer.${name}`, alpha, dtype = 'F32' } = names;
  const weights = await transformer(model);
  const tensors: TestTensor[] = CHANGED.flatMap((name) => {
    const [outputs, inputs] = weights.get(`${name}.weight`).shape as [number, number];
    const matrix = (part: string, suffix: string, shape: [number, number]): TestTensor => ({
      name: `${layer(name)}.${suffix}.weight`,
      dtype,
      shape,
      values: [...randomTensor(`${name}/${part}`, shape[0] * shape[1])],
    });
    const scalar: TestTensor[] =
      alpha === undefined ? [] : [{ name: `${layer(name)}.alpha`, dtype: 'F32', shape: [], values: [alpha] }];
    return [matrix('down', down, [RANK, inputs]), matrix('up', up, [outputs, RANK]), ...scalar];
  });
  mkdirSync(path.dirname(file), { recursive: true });
  const withMetadata = (header: Record<string, unknown>) =>
    names.metadata &&
    Object.assign(header, { __metadata__: { lora_adapter_metadata: JSON.stringify(names.metadata) } });
  writeFileSync(file, safetensorsBytes(tensors, withMetadata));
  return file;
}

/** The largest difference from base + scale * up * down over CHANGED; every other byte must be the base's. */
async function differenceFrom(scale: number, out: string, expert = 'transformer'): Promise<number> {
  const [base, merged] = [await transformer(model, expert), await transformer(out, expert)];
  let largest = 0;
  for (const name of base.names()) {
    const [before, after] = [await readFloats(base.get(name)), await readFloats(merged.get(name))];
    const layer = CHANGED.find((changed) => name === `${changed}.weight`);
    if (layer === undefined) {
      expect(after).toEqual(before);
      continue;
    }
    const [outputs, inputs] = base.get(name).shape as [number, number];
    const down = randomTensor(`${layer}/down`, RANK * inputs);
    const up = randomTensor(`${layer}/up`, outputs * RANK);
    for (let i = 0; i < before.length; i++) {
      const [row, column] = [Math.floor(i / inputs), i % inputs];
      let delta = 0;
      for (let r = 0; r < RANK; r++) delta += up[row * RANK + r]! * down[r * inputs + column]!;
      largest = Math.max(largest, Math.abs(after[i]! - (before[i]! + scale * delta)));
    }
  }
  return largest;
}

const original = (name: string) =>
  name
    .replace('attn1.to_q', 'self_attn.q')
    .replace('attn2.to_out.0', 'cross_attn.o')
    .replace('ffn.net.0.proj', 'ffn.0');

test.each<[string, Names, number]>([
  ['diffusers with peft', {}, 1],
  ['an alpha in the metadata', { metadata: { 'transformer.lora_alpha': 6, 'transformer.r': RANK } }, 2],
  [
    'an alpha of one layer in the metadata, which is that of all layers here',
    { metadata: { 'transformer.lora_alpha': 1, 'transformer.alpha_pattern': { to_q: 6, 'to_out.0': 6, proj: 6 } } },
    2,
  ],
  [
    'a rank-stabilised scale',
    { metadata: { 'transformer.lora_alpha': 6, 'transformer.use_rslora': true } },
    6 / Math.sqrt(RANK),
  ],
  ['an alpha a layer', { alpha: 1.5 }, 0.5],
  ['older diffusers', { down: 'lora.down', up: 'lora.up' }, 1],
  ['peft itself', { down: 'lora_A.default', up: 'lora_B.default', layer: (name) => `base_model.model.${name}` }, 1],
  ["Wan's own layers", { layer: (name) => `diffusion_model.${original(name)}` }, 1],
  [
    'underscores',
    { down: 'lora_down', up: 'lora_up', alpha: 3, layer: (name) => `lora_unet_${original(name).replaceAll('.', '_')}` },
    1,
  ],
])('merges a LoRA as %s writes it', async (_title, names, scale) => {
  const out = fresh('out');
  const lora = await writeLora(`${fresh('lora')}/any.safetensors`, names);
  const { exitCode, stdout, stderr } = await run('model', 'merge-lora', model, lora, out);
  expect(stderr).not.toContain('mv2id:');
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/: \d+ files, .* 3 layers of transformer changed\.\n$/);
  expect(await differenceFrom(scale, out)).toBeLessThan(1e-5);
  expect(readdirSync(out).sort()).toEqual(readdirSync(model).sort());
  expect((await run('model', 'inspect', out)).exitCode).toBe(0);
});

test('--scale multiplies the scale of the LoRA', async () => {
  const out = fresh('out');
  const lora = await writeLora(`${fresh('lora')}/any.safetensors`, { alpha: 1.5 });
  await run('model', 'merge-lora', model, lora, out, '--scale', '-3');
  expect(await differenceFrom(-1.5, out)).toBeLessThan(1e-5);
});

test('--expert says which transformer of Wan 2.2 changes', async () => {
  const out = fresh('out');
  const lora = await writeLora(`${fresh('lora')}/any.safetensors`);
  await run('model', 'merge-lora', model, lora, out, '--expert', 'transformer_2');
  expect(await differenceFrom(1, out, 'transformer_2')).toBeLessThan(1e-5);
  const weights = 'transformer/diffusion_pytorch_model.safetensors';
  expect(readFileSync(path.join(out, weights))).toEqual(readFileSync(path.join(model, weights)));
});

test('what says how references condition the model comes with the LoRA', async () => {
  const out = fresh('out');
  const folderOfLora = fresh('lora');
  await writeLora(path.join(folderOfLora, 'pytorch_lora_weights.safetensors'));
  const conditioning = '{"version":1,"preset":"phantom","offset":9}';
  writeFileSync(path.join(folderOfLora, 'reference_conditioning.json'), conditioning);
  await run('model', 'merge-lora', model, folderOfLora, out);
  expect(readFileSync(path.join(out, 'reference_conditioning.json'), 'utf8')).toBe(conditioning);
});

/** The base with its transformer in another type, in two shards, and read-only as caches of downloaded models are. */
async function shardedCopy(dtype: 'F16' | 'BF16'): Promise<string> {
  const dir = writeRandomModel(fresh('base'));
  const component = path.join(dir, 'transformer');
  const weights = await transformer(dir);
  const names = weights.names();
  const shards = [names.slice(0, 30), names.slice(30)];
  const tensors: TestTensor[][] = [];
  for (const shard of shards) {
    const entries = shard.map(async (name): Promise<TestTensor> => {
      const ref = weights.get(name);
      return { name, dtype, shape: ref.shape, values: [...(await readFloats(ref))] };
    });
    tensors.push(await Promise.all(entries));
  }
  rmSync(path.join(component, 'diffusion_pytorch_model.safetensors'));
  const file = (index: number) => `diffusion_pytorch_model-0000${index + 1}-of-00002.safetensors`;
  const weight_map = Object.fromEntries(shards.flatMap((shard, index) => shard.map((name) => [name, file(index)])));
  writeFileSync(path.join(component, 'diffusion_pytorch_model.safetensors.index.json'), JSON.stringify({ weight_map }));
  for (const [index, shard] of tensors.entries()) {
    writeFileSync(path.join(component, file(index)), safetensorsBytes(shard));
    chmodSync(path.join(component, file(index)), 0o444);
  }
  return dir;
}

test.each(['F16', 'BF16'] as const)('weights in shards of %s are rounded once', async (dtype) => {
  const dir = await shardedCopy(dtype);
  const out = fresh('out');
  const lora = await writeLora(`${fresh('lora')}/any.safetensors`);
  expect((await run('model', 'merge-lora', dir, lora, out)).exitCode).toBe(0);
  const [base, merged] = [await transformer(dir), await transformer(out)];
  const name = `${FFN}.weight`;
  const [before, after] = [await readFloats(base.get(name)), await readFloats(merged.get(name))];
  const inputs = base.get(name).shape[1]!;
  const down = randomTensor(`${FFN}/down`, RANK * inputs);
  const up = randomTensor(`${FFN}/up`, (before.length / inputs) * RANK);
  const relative = dtype === 'F16' ? 2 ** -11 : 2 ** -8;
  for (let i = 0; i < before.length; i++) {
    let exact = before[i]!;
    for (let r = 0; r < RANK; r++) exact += up[Math.floor(i / inputs) * RANK + r]! * down[r * inputs + (i % inputs)]!;
    expect(Math.abs(after[i]! - exact)).toBeLessThanOrEqual(1.001 * relative * Math.abs(exact) + 1e-6);
  }
});

test('the engine computes with base + delta', async () => {
  const out = fresh('out');
  const lora = await writeLora(`${fresh('lora')}/any.safetensors`, { alpha: 0.3 });
  await run('model', 'merge-lora', model, lora, out);
  // The same sum, as a file that the merge had no part in.
  const byHand = writeRandomModel(fresh('by-hand'), { boundaryRatio: 0.875 });
  const weights = await transformer(byHand);
  const tensors: TestTensor[] = [];
  for (const name of weights.names()) {
    const ref = weights.get(name);
    const values = [...(await readFloats(ref))];
    const layer = CHANGED.find((changed) => name === `${changed}.weight`);
    if (layer) {
      const inputs = ref.shape[1]!;
      const down = randomTensor(`${layer}/down`, RANK * inputs);
      const up = randomTensor(`${layer}/up`, (values.length / inputs) * RANK);
      for (let i = 0; i < values.length; i++) {
        for (let r = 0; r < RANK; r++)
          values[i]! += 0.1 * up[Math.floor(i / inputs) * RANK + r]! * down[r * inputs + (i % inputs)]!;
      }
    }
    tensors.push({ name, dtype: 'F32', shape: ref.shape, values });
  }
  writeFileSync(path.join(byHand, 'transformer/diffusion_pytorch_model.safetensors'), safetensorsBytes(tensors));
  const [actual, expected, before] = [await velocity(out), await velocity(byHand), await velocity(model)];
  expect(relativeError(actual, expected)).toBeLessThan(1e-5);
  expect(relativeError(actual, before)).toBeGreaterThan(1e-2);
});

async function velocity(dir: string): Promise<Float32Array> {
  const { transformer: config } = await readModelDirectory(dir);
  const graph = emitTransformer(config, await transformer(dir), {
    computeDtype: 'float32',
    numVideoFrames: 2,
    latentHeight: 4,
    latentWidth: 4,
    numReferences: 1,
    textLength: 4,
    referenceTimestep: 'zero',
  });
  const session = await createSession(graph, { provider: 'cpu', numThreads: 1 });
  const feeds = graph.inputs.map(({ name, shape, dtype }): [string, Tensor] => {
    const dims = shape as number[];
    const count = dims.reduce((product, dim) => product * dim, 1);
    if (dtype === 'int64') return [name, { dtype, dims, data: BigInt64Array.from({ length: count }, () => 500n) }];
    return [name, { dtype: 'float32', dims, data: randomTensor(`feed/${name}`, count) }];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return (Object.values(results)[0] as FloatTensor).data;
}

describe('what does not fit is named, and nothing is written', () => {
  async function refused(lora: string, ...args: string[]): Promise<string> {
    const out = fresh('out');
    const { exitCode, stderr, stdout } = await run('model', 'merge-lora', model, lora, out, ...args);
    expect(exitCode).toBe(64);
    expect(stdout).toBe('');
    expect(existsSync(out)).toBe(false);
    expect(existsSync(`${out}.partial`)).toBe(false);
    return stderr.replaceAll(folder, 'FOLDER').trim();
  }

  function write(...tensors: TestTensor[]): string {
    const file = `${fresh('lora')}.safetensors`;
    writeFileSync(file, safetensorsBytes(tensors));
    return file;
  }

  const matrix = (name: string, shape: [number, number]): TestTensor => ({
    name,
    dtype: 'F32',
    shape,
    values: Array(shape[0] * shape[1]).fill(0),
  });

  test.each<[string, () => TestTensor[], string]>([
    [
      'a layer of another model',
      () => [matrix('transformer.blocks.40.attn1.to_q.lora_A.weight', [2, 24])],
      'tensor transformer.blocks.40.attn1.to_q.lora_A.weight must belong to a linear layer of FOLDER/model/transformer, got none of its name.',
    ],
    [
      'a tensor that is no matrix of a LoRA',
      () => [matrix('diffusion_model.blocks.0.self_attn.q.diff_b', [1, 24])],
      "tensor diffusion_model.blocks.0.self_attn.q.diff_b must be a LoRA's matrix or its alpha, which can be merged, got neither.",
    ],
    [
      'one matrix without the other',
      () => [matrix(`transformer.${Q}.lora_A.weight`, [2, 24])],
      `${Q} must have a matrix up, got none.`,
    ],
    [
      'a matrix of another width',
      () => [matrix(`transformer.${Q}.lora_A.weight`, [2, 48]), matrix(`transformer.${Q}.lora_B.weight`, [24, 2])],
      `tensor transformer.${Q}.lora_A.weight must have shape [2, 24], got [2, 48].`,
    ],
    [
      'matrices of two ranks',
      () => [matrix(`transformer.${Q}.lora_A.weight`, [2, 24]), matrix(`transformer.${Q}.lora_B.weight`, [24, 3])],
      `tensor transformer.${Q}.lora_B.weight must have shape [24, 2], got [24, 3].`,
    ],
    [
      'the same matrix by two names',
      () => [matrix(`transformer.${Q}.lora_A.weight`, [2, 24]), matrix(`${Q}.lora_down.weight`, [2, 24])],
      `${Q} must have one matrix down, got transformer.${Q}.lora_A.weight and ${Q}.lora_down.weight.`,
    ],
    ['an empty file', () => [], 'must hold the matrices of a LoRA, got no tensor.'],
  ])('%s', async (_title, tensors, message) => {
    const stderr = await refused(write(...tensors()));
    expect(stderr).toContain(message);
  });

  test('DoRA', async () => {
    const lora = await writeLora(`${fresh('lora')}.safetensors`, { metadata: { 'transformer.use_dora': true } });
    expect(await refused(lora)).toContain('use_dora must be false, got true: DoRA cannot be merged.');
  });

  test('no such file, and a folder without one', async () => {
    expect(await refused(path.join(folder, 'none.safetensors'))).toContain(
      'none.safetensors must be present, got ENOENT.',
    );
    expect(await refused(model)).toMatch(/must hold pytorch_lora_weights.safetensors or .*, got neither/);
  });

  test('a scale that is no number, and an expert that the model has not', async () => {
    const lora = await writeLora(`${fresh('lora')}.safetensors`);
    expect(await refused(lora, '--scale', 'half')).toContain('--scale must be a number, got half.');
    const single = writeRandomModel(fresh('single'));
    const { exitCode, stderr } = await run(
      'model',
      'merge-lora',
      single,
      lora,
      fresh('out'),
      '--expert',
      'transformer_2',
    );
    expect(exitCode).toBe(64);
    expect(stderr).toContain('--expert must be transformer, the only one in ');
  });

  test('an out folder that holds something', async () => {
    const lora = await writeLora(`${fresh('lora')}.safetensors`);
    const { exitCode, stderr } = await run('model', 'merge-lora', model, lora, folder);
    expect(exitCode).toBe(64);
    expect(stderr).toContain(`out must be a new folder, got ${folder}, which holds files.`);
  });
});

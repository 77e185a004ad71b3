/**
 * A LoRA as a safetensors file: for each linear layer that it changes, W becomes W + scale * up * down.
 *
 * Two matrices a layer, by whatever name tools gave them: `lora_A`, `lora_B` (peft, and diffusers since it uses peft), with or
 * without an adapter's name after it; `lora.down`, `lora.up` (older diffusers); `lora_down`, `lora_up` (most others). Layers may be
 * named as diffusers names them or as Wan's own code does, and with underscores for dots after `lora_unet_`.
 *
 * scale = alpha / rank. alpha stands in a tensor `<layer>.alpha`, in the file's metadata (diffusers), or in adapter_config.json
 * beside the file (peft); where it stands nowhere it is the rank, as it is for diffusers.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ModelError } from '../../gpu-worker/errors';
import { isRecord, parseJson, readJson } from '../../gpu-worker/model/json-file';
import { readHeaderAndMetadata, type TensorRef, type Weights } from '../../gpu-worker/model/weights';
import { readFloats } from './tensor-floats';

export const LORA_FILE_NAME = 'pytorch_lora_weights.safetensors';
const PEFT_FILE_NAME = 'adapter_model.safetensors';
const PEFT_CONFIG_FILE_NAME = 'adapter_config.json';

export interface LoraLayer {
  /** Of the base: "blocks.0.attn1.to_q.weight". */
  readonly weight: string;
  /** [rank, inputs] */
  readonly down: TensorRef;
  /** [outputs, rank] */
  readonly up: TensorRef;
  readonly scale: number;
}

type Part = 'down' | 'up' | 'alpha';

const PREFIXES = /^(?:(?:base_model\.model|diffusion_model|transformer)\.)+|^lora_unet_/;
const PART_NAMES: readonly (readonly [Part, RegExp])[] = [
  ['down', /\.(?:lora_A|lora_down|lora\.down|lora_linear_layer\.down)(?:\.\w+)?\.weight$/],
  ['up', /\.(?:lora_B|lora_up|lora\.up|lora_linear_layer\.up)(?:\.\w+)?\.weight$/],
  ['alpha', /\.alpha$/],
];

/** Names of Wan's own code; what diffusers calls norms is not here, as a LoRA has none. */
const ORIGINAL_NAMES: readonly (readonly [RegExp, string])[] = [
  [/\.attn1\./, '.self_attn.'],
  [/\.attn2\./, '.cross_attn.'],
  [/\.to_out\.0$/, '.o'],
  [/\.to_([qkv])$/, '.$1'],
  [/\.ffn\.net\.0\.proj$/, '.ffn.0'],
  [/\.ffn\.net\.2$/, '.ffn.2'],
  [/^condition_embedder\.time_embedder\.linear_1$/, 'time_embedding.0'],
  [/^condition_embedder\.time_embedder\.linear_2$/, 'time_embedding.2'],
  [/^condition_embedder\.text_embedder\.linear_1$/, 'text_embedding.0'],
  [/^condition_embedder\.text_embedder\.linear_2$/, 'text_embedding.2'],
  [/^condition_embedder\.time_proj$/, 'time_projection.1'],
  [/^proj_out$/, 'head.head'],
];

/** The file of that path, or of that folder. @throws ModelError when there is none. */
export async function findLoraFile(given: string): Promise<string> {
  const isFolder = async (file: string) => (await stat(file).catch(() => undefined))?.isDirectory();
  const isFile = async (file: string) => (await stat(file).catch(() => undefined))?.isFile();
  if (!(await isFolder(given))) return given;
  for (const name of [LORA_FILE_NAME, PEFT_FILE_NAME]) {
    if (await isFile(path.join(given, name))) return path.join(given, name);
  }
  throw new ModelError(`${given} must hold ${LORA_FILE_NAME} or ${PEFT_FILE_NAME}, got neither.`);
}

/**
 * @param base the weights that it is for.
 * @throws ModelError naming the first tensor that is no part of a LoRA of these weights.
 */
export async function readLora(file: string, base: Weights): Promise<LoraLayer[]> {
  const { tensors, metadata } = await readHeaderAndMetadata(file);
  const layerOf = layerFinder(base);
  const layers = new Map<string, Partial<Record<Part, TensorRef>>>();
  for (const tensor of tensors) {
    const [part, layer] = partOf(file, tensor.name, layerOf, base);
    const parts = layers.get(layer) ?? {};
    if (parts[part]) {
      throw new ModelError(
        `${file}: ${layer} must have one matrix ${part}, got ${parts[part].name} and ${tensor.name}.`,
      );
    }
    layers.set(layer, { ...parts, [part]: tensor });
  }
  if (layers.size === 0) throw new ModelError(`${file} must hold the matrices of a LoRA, got no tensor.`);
  const config = await readLoraConfig(file, metadata);
  return Promise.all([...layers].map(([layer, parts]) => toLayer(file, layer, parts, config, base)));
}

function partOf(
  file: string,
  name: string,
  layerOf: (name: string) => string | undefined,
  base: Weights,
): [Part, string] {
  for (const [part, pattern] of PART_NAMES) {
    if (!pattern.test(name)) continue;
    const layer = layerOf(name.replace(pattern, '').replace(PREFIXES, ''));
    if (layer !== undefined) return [part, layer];
    throw new ModelError(
      `${file}: tensor ${name} must belong to a linear layer of ${base.directory}, got none of its name.`,
    );
  }
  throw new ModelError(
    `${file}: tensor ${name} must be a LoRA's matrix or its alpha, which can be merged, got neither.`,
  );
}

/** From any of the names that a layer goes by to the one that it has in `base`. */
function layerFinder(base: Weights): (name: string) => string | undefined {
  const layers = new Map<string, string>();
  for (const tensor of base.names()) {
    if (!tensor.endsWith('.weight') || base.get(tensor).shape.length !== 2) continue;
    const layer = tensor.slice(0, -'.weight'.length);
    const original = ORIGINAL_NAMES.reduce((name, [pattern, replacement]) => name.replace(pattern, replacement), layer);
    for (const name of [layer, original]) layers.set(name, layer).set(name.replaceAll('.', '_'), layer);
  }
  return (name) => layers.get(name);
}

async function toLayer(
  file: string,
  layer: string,
  { down, up, alpha }: Partial<Record<Part, TensorRef>>,
  config: LoraConfig,
  base: Weights,
): Promise<LoraLayer> {
  for (const [part, tensor] of Object.entries({ down, up })) {
    if (!tensor) throw new ModelError(`${file}: ${layer} must have a matrix ${part}, got none.`);
  }
  const weight = `${layer}.weight`;
  const [outputs, inputs] = base.get(weight).shape as [number, number];
  const rank = down!.shape[0] ?? 0;
  requireShape(file, down!, [rank, inputs]);
  requireShape(file, up!, [outputs, rank]);
  if (rank === 0) throw new ModelError(`${file}: tensor ${down!.name} must have a rank of at least 1, got 0.`);
  const strength = alpha ? (await readFloats(alpha))[0]! : config.alpha(layer, rank);
  return { weight, down: down!, up: up!, scale: strength / (config.usesRootOfRank ? Math.sqrt(rank) : rank) };
}

function requireShape(file: string, tensor: TensorRef, expected: readonly number[]): void {
  if (tensor.shape.join() === expected.join()) return;
  throw new ModelError(
    `${file}: tensor ${tensor.name} must have shape [${expected.join(', ')}], got [${tensor.shape.join(', ')}].`,
  );
}

interface LoraConfig {
  alpha(layer: string, rank: number): number;
  /** Rank-stabilised: alpha / sqrt(rank). */
  readonly usesRootOfRank: boolean;
}

async function readLoraConfig(file: string, metadata: Readonly<Record<string, unknown>>): Promise<LoraConfig> {
  const [where, config] = await findConfig(file, metadata);
  if (config.use_dora === true)
    throw new ModelError(`${where}: use_dora must be false, got true: DoRA cannot be merged.`);
  const patterns = isRecord(config.alpha_pattern) ? Object.entries(config.alpha_pattern) : [];
  return {
    alpha(layer, rank) {
      const [, own] = patterns.find(([end]) => layer === end || layer.endsWith(`.${end}`)) ?? [];
      const alpha = own ?? config.lora_alpha ?? rank;
      if (typeof alpha === 'number') return alpha;
      throw new ModelError(`${where}: lora_alpha must be a number, got ${JSON.stringify(alpha)}.`);
    },
    usesRootOfRank: config.use_rslora === true,
  };
}

/** peft's config: where diffusers or peft has put it, without a prefix; empty where nobody has. */
async function findConfig(
  file: string,
  metadata: Readonly<Record<string, unknown>>,
): Promise<[where: string, config: Record<string, unknown>]> {
  const text = metadata.lora_adapter_metadata;
  if (typeof text === 'string') {
    const where = `${file}: lora_adapter_metadata`;
    const json = parseJson(where, text);
    const entries = isRecord(json) ? Object.entries(json) : [];
    return [where, Object.fromEntries(entries.map(([key, value]) => [key.replace(PREFIXES, ''), value]))];
  }
  const beside = path.join(path.dirname(file), PEFT_CONFIG_FILE_NAME);
  if (!(await stat(beside).catch(() => undefined))) return [file, {}];
  const json = await readJson(beside);
  return [beside, isRecord(json) ? json : {}];
}

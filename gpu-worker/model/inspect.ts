/**
 * What a model directory holds and whether it can be used: configs and safetensors headers are read and all graphs emitted, but
 * no weight is loaded. Every component is looked at even if another is broken, so that all problems are told at once.
 */
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, parseManifest } from '../../contract/manifest';
import { ModelError } from '../errors';
import { estimateMemory, type MemoryEstimate } from '../memory';
import { type FloatDType, GraphError } from '../onnx/graph';
import { type Plan, planGeneration } from '../plan';
import {
  type ModelDirectory,
  readModelDirectory,
  textEncoderParameterCount,
  transformerParameterCount,
  vaeParameterCount,
} from './config';
import { type OpenModel, openModel } from './open-model';
import { readReferenceConditioning } from './reference-conditioning';
import { openWeights, type Weights } from './weights';

export interface ComponentReport {
  /** Folder name: `transformer`. */
  readonly name: string;
  readonly className: string;
  /** Elements of all tensors as the config says. */
  readonly parameterCount: number;
  /** As found in the headers; undefined where they cannot be read. */
  readonly stored:
    | { readonly parameterCount: number; readonly bytes: number; readonly dtypes: readonly string[] }
    | undefined;
}

export interface ModelReport {
  readonly components: readonly ComponentReport[];
  readonly model: OpenModel | undefined;
  readonly plan: Plan | undefined;
  readonly memory: MemoryEstimate | undefined;
  /** One line each; the directory is usable when there are none. */
  readonly problems: readonly string[];
}

/** A job's settings that an inspection may vary; the model's defaults otherwise. */
export interface InspectedJob {
  readonly input?: Partial<Manifest['input']>;
  readonly numReferences?: number;
  readonly computeDtype: FloatDType;
}

export async function inspectModel(dir: string, job: InspectedJob): Promise<ModelReport> {
  const problems: string[] = [];
  const attempt = async <T>(work: () => Promise<T> | T): Promise<T | undefined> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ModelError || error instanceof GraphError)) throw error;
      if (!problems.includes(error.message)) problems.push(error.message);
      return undefined;
    }
  };

  const directory = await attempt(() => readModelDirectory(dir));
  await attempt(() => readReferenceConditioning(dir));
  await attempt(() => requireFile(join(dir, 'tokenizer', 'tokenizer.json')));
  const weights = new Map<string, Weights>();
  for (const name of await componentFolders(dir, directory)) {
    const opened = await attempt(() => openWeights(join(dir, name)));
    if (opened) weights.set(name, opened);
  }
  const components = directory ? componentReports(directory, weights) : [];
  if (problems.length > 0) return { components, model: undefined, plan: undefined, memory: undefined, problems };

  const model = await openModel(dir);
  const plan = planGeneration(model, manifestOf(model, job), 0);
  const memory = await attempt(() => estimateMemory(model, plan, job.computeDtype));
  return { components, model, plan, memory, problems };
}

/** Those that the index names, or, where it cannot be read, those that lie there. */
async function componentFolders(dir: string, directory: ModelDirectory | undefined): Promise<string[]> {
  const known: string[] = ['transformer', 'transformer_2', 'vae', 'text_encoder'];
  if (directory) return known.filter((name) => name !== 'transformer_2' || directory.transformer2);
  const present = await readdir(dir).catch((): string[] => []);
  return known.filter((name) => present.includes(name));
}

function componentReports(directory: ModelDirectory, weights: ReadonlyMap<string, Weights>): ComponentReport[] {
  const { transformer, transformer2, vae, textEncoder } = directory;
  const rows: (readonly [string, string, number])[] = [
    ['transformer', 'WanTransformer3DModel', transformerParameterCount(transformer)],
    ...(transformer2
      ? [['transformer_2', 'WanTransformer3DModel', transformerParameterCount(transformer2)] as const]
      : []),
    ['vae', 'AutoencoderKLWan', vaeParameterCount(vae)],
    ['text_encoder', textEncoder.className, textEncoderParameterCount(textEncoder)],
  ];
  return rows.map(([name, className, parameterCount]) => {
    const found = weights.get(name);
    const stored = found && {
      parameterCount: found.parameterCount,
      bytes: found.byteSize,
      dtypes: found.dtypes(),
    };
    return { name, className, parameterCount, stored };
  });
}

async function requireFile(file: string): Promise<void> {
  await access(file).catch((error: NodeJS.ErrnoException) => {
    throw new ModelError(`${file} must be a readable file, got ${error.code}.`, { cause: error });
  });
}

/** A manifest that asks for the inspected settings; its texts and images do not matter. */
function manifestOf({ conditioning }: OpenModel, { input, numReferences }: InspectedJob): Manifest {
  const count = numReferences ?? Math.max(1, conditioning.max_references);
  const manifest = {
    schema_version: 1,
    model: 'inspected',
    input: { prompt: '-', ...input },
    reference_set: {
      subject: '-',
      consent: { confirmed: true, reference: '-' },
      images: Array.from({ length: count }, (_, i) => ({ file: `${i}.png` })),
    },
  };
  return parseManifest(new TextEncoder().encode(JSON.stringify(manifest)));
}

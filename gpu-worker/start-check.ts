/**
 * Proves that this machine can do a worker's work, one claim at a time, before a job depends on it: the provider computes, pictures
 * and video are read and written, the folders can be written to. It also says which versions did so.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import * as env from '../contract/env';
import { InstanceSchema } from '../contract/instance';
import { jobId } from '../contract/keys';
import packageJson from '../package.json';
import { proveProvider } from './check-graph';
import { installedCudaLibraries, loadedCudaLibraries, requireCudaLibraries } from './cuda-libraries';
import { listGpus } from './gpus';
import { cudaProviderFile, describeRuntime, type Provider } from './session';
import { openVideoWriter } from './video';

export interface StartCheckOptions {
  readonly provider: Provider;
  /** The folder of models; undefined where the environment names none. */
  readonly modelCache: string | undefined;
  /** Where a job's files will lie. */
  readonly workRoot: string;
  /** Tells the instance; undefined where the environment names none. */
  readonly instanceFile: string | undefined;
}

export const CHECK_NAMES = [
  'versions',
  'gpu',
  'cuda_libraries',
  'provider',
  'images',
  'video',
  'cache',
  'work',
  'instance',
] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

/** One line of the check's output. */
export interface CheckResult {
  readonly check: CheckName;
  readonly ok: boolean;
  /** Why it is not. */
  readonly error?: string;
  readonly [detail: string]: unknown;
}

type Details = Readonly<Record<string, unknown>>;

const SIDE = 64;
/** Of a video that nobody sees. */
const ORIGIN = { jobId: jobId('check', 'check', new Uint8Array()), model: 'none', modelSha256: '0'.repeat(64) };

/** What each check proves; it throws what is wrong. */
const CHECKS: Readonly<Record<CheckName, (options: StartCheckOptions) => Promise<Details>>> = {
  versions: async () => ({
    worker: packageJson.version,
    node: process.versions.node,
    onnxruntime: describeRuntime().version,
    providers: describeRuntime().providers,
    sharp: sharp.versions.sharp,
    libvips: sharp.versions.vips,
    webcodecs: installedVersion('@napi-rs/webcodecs'),
  }),
  gpu: async ({ provider }) => ({ gpus: (await listGpus()) ?? (provider === 'cuda' ? 'not told: no nvidia-smi' : []) }),
  cuda_libraries: async ({ provider }) => {
    if (provider !== 'cuda') return { installed: {} };
    await requireCudaLibraries(cudaProviderFile());
    return { installed: (await installedCudaLibraries()) ?? 'not told: this is not the image' };
  },
  provider: async ({ provider }) => {
    const proof = await proveProvider(provider);
    return { provider, ...proof, loaded: await loadedCudaLibraries() };
  },
  images: async () => {
    const picture = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: 'white' } });
    const encoded = await picture.png().toBuffer();
    const { data } = await sharp(encoded).raw().toBuffer({ resolveWithObject: true });
    if (data.length !== 3 * SIDE * SIDE || data.some((value) => value !== 255)) {
      throw new Error('A white picture must stay white as a PNG file, got something else.');
    }
    return { png_bytes: encoded.length };
  },
  video: async ({ workRoot }) => {
    await mkdir(workRoot, { recursive: true });
    const folder = await mkdtemp(path.join(workRoot, 'check-'));
    try {
      const size = { width: SIDE, height: SIDE };
      const writer = await openVideoWriter(path.join(folder, 'one.mp4'), size, 1, { origin: ORIGIN });
      await writer.add(new Float32Array(3 * SIDE * SIDE));
      return { frames: 1, mp4_bytes: (await writer.finish()).size };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  cache: async ({ modelCache }) => {
    if (modelCache === undefined) return { folder: `none: ${env.MODEL_CACHE} is not set` };
    return requireWritable(env.MODEL_CACHE, modelCache);
  },
  work: async ({ workRoot }) => requireWritable('The folder of temporary files', workRoot),
  instance: async ({ instanceFile }) => {
    if (instanceFile === undefined) return { instance: `none: ${env.INSTANCE} is not set` };
    return { instance: InstanceSchema.parse(JSON.parse(await readFile(instanceFile, 'utf8'))) };
  },
};

/** Runs the checks one after the other, all of them even where one fails: each failure is one thing to repair. */
export async function* startCheck(
  options: StartCheckOptions,
  names: readonly CheckName[] = CHECK_NAMES,
): AsyncGenerator<CheckResult> {
  for (const check of names) {
    try {
      yield { check, ok: true, ...(await CHECKS[check](options)) };
    } catch (error) {
      yield { check, ok: false, error: sentenceOf(error) };
    }
  }
}

/** @throws Error naming the folder and why nothing can be written there. */
async function requireWritable(name: string, folder: string): Promise<Details> {
  const file = path.join(folder, `check-${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(file, 'A worker can write here.\n');
    await rm(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const user = `${process.getuid?.()}:${process.getgid?.()}`;
    throw new Error(`${name} must be a folder that user ${user} can write to, got ${code ?? message} for ${folder}.`);
  }
  const { bavail, bsize } = await statfs(folder);
  return { folder, free_gb: Math.round((bavail * bsize) / 1e8) / 10 };
}

/** Of a package whose entry lies in its own folder. */
function installedVersion(name: string): string {
  const file = path.join(path.dirname(require.resolve(name)), 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function sentenceOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ').trim();
  return text.endsWith('.') ? text : `${text}.`;
}

/** NVIDIA's libraries: which ones the image brings, which ones the CUDA provider lacks, and which ones a process has loaded. */
import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** What the image's build leaves beside the program: names and versions of NVIDIA's packages. */
const VERSIONS_FILE = path.join(__dirname, 'cuda-libraries.json');
const DRIVER = 'libcuda.so.1';
const LOADED = /\/\S*\/lib(?:cu|nv|onnxruntime)[^/\s]*\.so[^/\s]*/g;

/** Versions by package; null outside the image. */
export async function installedCudaLibraries(file = VERSIONS_FILE): Promise<Readonly<Record<string, string>> | null> {
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === null) return null;
  const packages = JSON.parse(text) as { name: string; version: string }[];
  return Object.fromEntries(packages.map(({ name, version }) => [name, version]));
}

/**
 * The runtime says only that its provider does not load; the system's loader says what is missing.
 * @param provider file of the CUDA provider
 * @throws Error naming what is missing, and where it should come from.
 */
export async function requireCudaLibraries(provider: string): Promise<void> {
  const name = path.basename(provider);
  await access(provider).catch(() => {
    throw new Error(`The runtime must have its CUDA provider beside it, got no ${name}: the image for GPUs brings it.`);
  });
  const { stdout } = await promisify(execFile)('ldd', [provider]);
  const missing = [...stdout.matchAll(/(\S+) => not found/g)].map(([, library]) => library!);
  if (missing.length === 0) return;
  const hint = missing.includes(DRIVER)
    ? ` ${DRIVER} is the driver's: the container must be given a GPU (--gpus, or a GPU requirement in AWS Batch).`
    : '';
  throw new Error(`${name} must find all its libraries, got none for ${missing.join(', ')}.${hint}`);
}

/** Files of this process as the system sees it: the proof that these and no others are in use. */
export async function loadedCudaLibraries(): Promise<string[]> {
  const maps = await readFile('/proc/self/maps', 'utf8').catch(() => '');
  return [...new Set(maps.match(LOADED) ?? [])].sort();
}

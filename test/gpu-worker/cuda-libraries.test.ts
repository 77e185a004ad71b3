/** The addon of the runtime plays the CUDA provider: it is linked to a library beside it, which can be left out. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installedCudaLibraries, loadedCudaLibraries, requireCudaLibraries } from '../../gpu-worker/cuda-libraries';
import { cudaProviderFile, describeRuntime } from '../../gpu-worker/session';

const ADDON = 'onnxruntime_binding.node';
const LIBRARY = 'libonnxruntime.so.1';
const BINARIES = path.dirname(cudaProviderFile());

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-cuda-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a library that is not found is named', async () => {
  const file = path.join(folder, ADDON);
  copyFileSync(path.join(BINARIES, ADDON), file);
  await expect(requireCudaLibraries(file)).rejects.toThrow(
    new Error(`${ADDON} must find all its libraries, got none for ${LIBRARY}.`),
  );
  copyFileSync(path.join(BINARIES, LIBRARY), path.join(folder, LIBRARY));
  await requireCudaLibraries(file);
});

test('a provider that is not there at all is named', async () => {
  await expect(requireCudaLibraries(path.join(folder, 'libprovider.so'))).rejects.toThrow(
    /CUDA provider beside it, got no libprovider\.so: /,
  );
});

test('versions are those that the build of the image wrote down', async () => {
  const file = path.join(folder, 'cuda-libraries.json');
  expect(await installedCudaLibraries(file)).toBeNull();
  writeFileSync(file, '[{"name": "nvidia-cublas", "version": "13.1.1.3"}]');
  expect(await installedCudaLibraries(file)).toEqual({ 'nvidia-cublas': '13.1.1.3' });
});

test('what is loaded is what the process has mapped', async () => {
  expect(describeRuntime()).toEqual({
    version: expect.stringMatching(/^1\./),
    providers: expect.arrayContaining(['cpu', 'cuda']),
  });
  expect(await loadedCudaLibraries()).toContain(path.join(BINARIES, LIBRARY));
});

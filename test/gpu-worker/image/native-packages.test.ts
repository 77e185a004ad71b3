/** Which packages, and which of their files, are shipped: those of the real install, and one that its installer has touched. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyPackages, installedPackage, requiredPackages } from '../../../gpu-worker/image/native-packages';

const NODE_MODULES = path.resolve(__dirname, '../../../node_modules');
const RUNTIME = 'onnxruntime-node';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-packages-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const filesIn = (root: string): string[] =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));

test('the runtime needs what it loads, and not what installs it', () => {
  const required = requiredPackages([RUNTIME], (name) => installedPackage(NODE_MODULES, name));
  expect([...required.keys()]).toEqual(['onnxruntime-common', RUNTIME]);
  expect(required.get(RUNTIME)).toBe(installedPackage(NODE_MODULES, RUNTIME)?.version);
});

test('an optional package is required where it is there, and any other must be', () => {
  const manifests: Record<string, { version: string; optionalDependencies?: Record<string, string> }> = {
    image: { version: '1.0.0', optionalDependencies: { 'image-here': '1.0.0', 'image-elsewhere': '1.0.0' } },
    'image-here': { version: '1.0.1' },
  };
  const read = (name: string) => manifests[name] ?? null;
  expect(Object.fromEntries(requiredPackages(['image'], read))).toEqual({ image: '1.0.0', 'image-here': '1.0.1' });
  expect(() => requiredPackages(['video'], read)).toThrow('video must be installed, got nothing.');
});

test.each(['arm64', 'x64'])('for linux %s the runtime has the binaries of that platform alone', (cpu) => {
  copyPackages([RUNTIME], NODE_MODULES, folder, { os: 'linux', cpu });
  const binaries = path.join(folder, RUNTIME, 'bin/napi-v6');
  expect(readdirSync(binaries)).toEqual(['linux']);
  expect(readdirSync(path.join(binaries, 'linux'))).toEqual([cpu]);
  expect(filesIn(binaries).map((file) => path.basename(file))).toEqual([
    'libonnxruntime.so.1',
    'onnxruntime_binding.node',
  ]);
  const bytes = filesIn(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0);
  expect(bytes).toBeLessThan(50e6);
});

test('what its installer is and downloads stays behind: the CUDA provider is 300 MB, without a checksum', () => {
  const binaries = `${RUNTIME}/bin/napi-v6/linux/x64`;
  const installed = path.join(folder, 'installed');
  const kept = [`${binaries}/libonnxruntime.so.1`, `${RUNTIME}/dist/index.js`, `${RUNTIME}/package.json`];
  const dropped = [
    `${binaries}/libonnxruntime_providers_cuda.so`,
    `${binaries}/libonnxruntime_providers_shared.so`,
    `${binaries}/libonnxruntime_providers_tensorrt.so`,
    `${RUNTIME}/script/install.js`,
  ];
  for (const file of [...kept, ...dropped]) {
    mkdirSync(path.dirname(path.join(installed, file)), { recursive: true });
    writeFileSync(path.join(installed, file), '');
  }
  copyPackages([RUNTIME], installed, path.join(folder, 'kept'), { os: 'linux', cpu: 'x64' });
  expect(filesIn(path.join(folder, 'kept')).sort()).toEqual(kept);
});

/** The layer with the native packages: their versions, and where they come from. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { copyOwnPackages, fetchedPackages, NATIVE_PACKAGES } from '../../infra/native-layer';

const ROOT = path.resolve(__dirname, '../..');
const json = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const lockfile = json('infra/native-layer/package-lock.json').packages;
const RUNTIME_PLATFORMS = ['darwin/arm64', 'linux/arm64', 'linux/x64', 'win32/x64'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-native-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('the functions decode and detect with the versions that are tested', () => {
  expect(NATIVE_PACKAGES).toEqual(['onnxruntime-node', 'sharp']);
  const tested = json('package-lock.json').packages;
  for (const name of NATIVE_PACKAGES) {
    expect(json('infra/native-layer/package.json').dependencies[name]).toBe(json('package.json').dependencies[name]);
  }
  for (const [place, { version }] of Object.entries<{ version: string }>(lockfile)) {
    if (place !== '') expect([place, version]).toEqual([place, tested[place]?.version]);
  }
});

test('every package that reaches a function is known by its checksum', () => {
  for (const [place, { integrity }] of Object.entries<{ integrity?: string }>(lockfile)) {
    if (place !== '') expect({ place, integrity }).toEqual({ place, integrity: expect.stringMatching(/^sha512-/) });
  }
});

test.each([
  ['arm64', 'arm64'],
  ['x86_64', 'x64'],
] as const)('a machine like the functions, %s, has the packages for itself', (architecture, cpu) => {
  const nodeModules = install(cpu);
  const layer = path.join(folder, 'layer');
  expect(copyOwnPackages(architecture, layer, nodeModules)).toBe(true);
  expectLayer(layer, cpu);
});

test('another machine has them not, nor has one with another version of a package', () => {
  const nodeModules = install('arm64');
  const layer = path.join(folder, 'layer');
  expect(copyOwnPackages('x86_64', layer, nodeModules)).toBe(false);
  writeFileSync(path.join(nodeModules, 'semver/package.json'), '{"version":"1.0.0"}');
  expect(copyOwnPackages('arm64', layer, nodeModules)).toBe(false);
  expect(readdirSync(folder)).toEqual(['node_modules']);
});

test('npm fetches them once, for the platform of the functions; what they do not load is not kept', () => {
  const calls = path.join(folder, 'calls');
  const npm = playedNpm(`cp -r ${folder}/node_modules . && echo "$@" >> ${calls}`);
  const home = path.join(folder, 'home');
  install('x64');
  const first = fetchedPackages('x86_64', home, npm);
  expectLayer(first, 'x64');
  expect(fetchedPackages('x86_64', home, npm)).toBe(first);
  expect(readFileSync(calls, 'utf8')).toBe('ci --os=linux --cpu=x64 --libc=glibc\n');

  install('arm64');
  expectLayer(fetchedPackages('arm64', home, npm), 'arm64');
  expect(readFileSync(calls, 'utf8').split('\n')[1]).toBe('ci --os=linux --cpu=arm64 --libc=glibc');
  expect(readdirSync(home)).toHaveLength(2);
});

test('without a network the message says what is missing, and nothing half fetched is left', () => {
  const npm = playedNpm('mkdir node_modules && echo "npm error network request failed" >&2 && exit 1');
  const home = path.join(folder, 'home');
  expect(() => fetchedPackages('arm64', home, npm)).toThrow(
    'npm must fetch the native packages for linux arm64 once, with a network, got: npm error network request failed',
  );
  expect(readdirSync(home)).toEqual([]);
});

function expectLayer(layer: string, cpu: string): void {
  const packages = readdirSync(layer).flatMap((name) =>
    name === '@img' ? readdirSync(path.join(layer, name)).map((rest) => `@img/${rest}`) : [name],
  );
  expect(packages).toEqual([
    ...['@img/colour', `@img/sharp-libvips-linux-${cpu}`, `@img/sharp-linux-${cpu}`],
    ...['detect-libc', 'onnxruntime-common', 'onnxruntime-node', 'semver', 'sharp'],
  ]);
  const binaries = readdirSync(path.join(layer, 'onnxruntime-node'), { recursive: true, encoding: 'utf8' });
  expect(binaries.filter((file) => file.endsWith('.node'))).toEqual([`bin/napi-v6/linux/${cpu}/binding.node`]);
}

function playedNpm(script: string): string {
  const file = path.join(folder, 'npm');
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

/** As npm would on a machine of this kind. @returns its node_modules. */
function install(cpu: string): string {
  const nodeModules = path.join(folder, 'node_modules');
  rmSync(nodeModules, { recursive: true, force: true });
  for (const [place, entry] of Object.entries<{ version: string; optional?: boolean; cpu?: string[]; libc?: string[] }>(
    lockfile,
  )) {
    const isHere = !entry.optional || (entry.cpu?.includes(cpu) && entry.libc?.includes('glibc'));
    if (place === '' || !isHere) continue;
    mkdirSync(path.join(folder, place), { recursive: true });
    writeFileSync(path.join(folder, place, 'package.json'), JSON.stringify({ version: entry.version }));
  }
  for (const platform of RUNTIME_PLATFORMS) {
    const binaries = path.join(nodeModules, 'onnxruntime-node/bin/napi-v6', platform);
    mkdirSync(binaries, { recursive: true });
    writeFileSync(path.join(binaries, 'binding.node'), '');
  }
  return nodeModules;
}

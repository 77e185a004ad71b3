/** The layer with the image decoder: its version, and where it comes from. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fetchedSharp, ownSharp } from '../../infra/sharp-layer';

const ROOT = path.resolve(__dirname, '../..');
const json = (file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));
const lockfile = json('infra/sharp-layer/package-lock.json').packages;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-sharp-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test('the functions decode with the version that is tested', () => {
  const { version } = json('package-lock.json').packages['node_modules/sharp'];
  expect(json('infra/sharp-layer/package.json').dependencies.sharp).toBe(json('package.json').dependencies.sharp);
  expect(lockfile['node_modules/sharp'].version).toBe(version);
});

test('every package that reaches a function is known by its checksum', () => {
  for (const [place, { integrity }] of Object.entries<{ integrity?: string }>(lockfile)) {
    if (place !== '') expect({ place, integrity }).toEqual({ place, integrity: expect.stringMatching(/^sha512-/) });
  }
});

test('a machine like the functions has the packages for itself', () => {
  const nodeModules = install(folder, 'arm64');
  expect([...ownSharp('arm64', nodeModules)!]).toEqual(
    readdirSync(path.join(nodeModules, '@img'))
      .map((name) => [`@img/${name}`, path.join(nodeModules, '@img', name)])
      .concat(['detect-libc', 'semver', 'sharp'].map((name) => [name, path.join(nodeModules, name)])),
  );
  expect(ownSharp('x86_64', nodeModules)).toBeNull();
});

test('a machine with another version of a package has them not', () => {
  const nodeModules = install(folder, 'arm64');
  writeFileSync(path.join(nodeModules, 'semver/package.json'), '{"version":"1.0.0"}');
  expect(ownSharp('arm64', nodeModules)).toBeNull();
});

test('npm fetches them once, for the platform of the functions', () => {
  const calls = path.join(folder, 'calls');
  const npm = playedNpm(`mkdir node_modules && echo "$@" >> ${calls}`);
  const home = path.join(folder, 'home');
  const first = fetchedSharp('x86_64', home, npm);
  expect(fetchedSharp('x86_64', home, npm)).toEqual(first);
  expect(readFileSync(calls, 'utf8')).toBe('ci --os=linux --cpu=x64 --libc=glibc\n');
  expect([...first.keys()]).toContain('@img/sharp-linux-x64');
  fetchedSharp('arm64', home, npm);
  expect(readFileSync(calls, 'utf8').split('\n')[1]).toBe('ci --os=linux --cpu=arm64 --libc=glibc');
});

test('without a network the message says what is missing, and nothing half fetched is left', () => {
  const npm = playedNpm('mkdir node_modules && echo "npm error network request failed" >&2 && exit 1');
  const home = path.join(folder, 'home');
  expect(() => fetchedSharp('arm64', home, npm)).toThrow(
    'npm must fetch sharp for linux arm64 once, with a network, got: npm error network request failed',
  );
  expect(readdirSync(home)).toEqual([]);
});

function playedNpm(script: string): string {
  const file = path.join(folder, 'npm');
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

/** As npm would on a machine of this kind. */
function install(home: string, cpu: string): string {
  const nodeModules = path.join(home, 'node_modules');
  for (const [place, entry] of Object.entries<{ version: string; optional?: boolean; cpu?: string[]; libc?: string[] }>(
    lockfile,
  )) {
    const isHere = !entry.optional || (entry.cpu?.includes(cpu) && entry.libc?.includes('glibc'));
    if (place === '' || !isHere) continue;
    mkdirSync(path.join(home, place), { recursive: true });
    writeFileSync(path.join(home, place, 'package.json'), JSON.stringify({ version: entry.version }));
  }
  return nodeModules;
}

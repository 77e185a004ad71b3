/**
 * The packages that a bundle cannot hold, because they are native code, copied beside it from an install of the lockfile: just these
 * and what they need, at just the versions that the tests ran with, for the platform of that install. The files that only other
 * platforms or an installation use stay behind: they are most of onnxruntime-node.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

interface Package {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What the worker loads on AWS. A deployment in a folder needs lmdb too, which is not one of them. */
export const NATIVE_PACKAGES: readonly string[] = ['onnxruntime-node', 'sharp', '@napi-rs/webcodecs'];

/** What the worker loads where a setting asks for it, and where it is installed: see ../provenance/content-credentials.ts. */
const OPTIONAL_PACKAGES: readonly string[] = ['@contentauth/c2pa-wasm'];
/** Dependencies that only an installation script uses. */
const FOR_INSTALLING: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['adm-zip', 'global-agent'],
};
const RUNTIME_BINARIES = /^onnxruntime-node\/bin\/napi-v6\/([^/]+)(?:\/([^/]+))?/;

/**
 * @param modules the node_modules folder of the install
 * @param folder where the program is to lie; it gets its own node_modules, and a package.json that names the versions.
 * @returns version by package.
 * @throws Error when a package is not installed.
 */
export function copyNativePackages(modules: string, folder: string): Readonly<Record<string, string>> {
  const versions: Record<string, string> = {};
  const open = [...NATIVE_PACKAGES, ...OPTIONAL_PACKAGES.filter((name) => readPackage(modules, name) !== null)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (versions[name] !== undefined) continue;
    const found = readPackage(modules, name);
    if (!found) throw new Error(`${name} must be installed in ${modules}, got nothing.`);
    versions[name] = found.version;
    open.push(...Object.keys(found.dependencies ?? {}).filter((needed) => !FOR_INSTALLING[name]?.includes(needed)));
    // One of them is for this platform; the others were not installed.
    open.push(
      ...Object.keys(found.optionalDependencies ?? {}).filter((needed) => readPackage(modules, needed) !== null),
    );
    cpSync(path.join(modules, name), path.join(folder, 'node_modules', name), {
      recursive: true,
      filter: (source) => isOfThisPlatform(path.relative(modules, source)),
    });
  }
  const dependencies = Object.fromEntries(Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1)));
  mkdirSync(folder, { recursive: true });
  const own = { name: 'mv2id-worker', private: true, type: 'commonjs', main: 'worker.js', dependencies };
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  return dependencies;
}

/** Nested packages are left out of the search: the lockfile has none below these. */
function readPackage(modules: string, name: string): Package | null {
  const file = path.join(modules, name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Package) : null;
}

function isOfThisPlatform(file: string): boolean {
  const [, platform, architecture] = RUNTIME_BINARIES.exec(file) ?? [];
  if (file.startsWith('onnxruntime-node/script')) return false;
  return (!platform || platform === process.platform) && (!architecture || architecture === process.arch);
}

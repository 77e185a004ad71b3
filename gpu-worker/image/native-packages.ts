/**
 * The packages that a bundle cannot hold, because they are native code, copied beside it from an install of a lockfile: just these
 * and what they need, at just the versions that the tests ran with. The files that only other platforms or an installation use stay
 * behind: they are most of onnxruntime-node. Of the container and of the functions that load such packages.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What a package.json, and likewise an entry of a lockfile, says of a package. */
export interface PackageManifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** In Node's names, those of `process.platform` and `process.arch`. */
export interface Platform {
  readonly os: string;
  readonly cpu: string;
}

/** Dependencies that only an installation script uses. */
const FOR_INSTALLING: Readonly<Record<string, readonly string[]>> = {
  'onnxruntime-node': ['adm-zip', 'global-agent'],
};
/** The installation script, and what it downloads without a checksum: the CUDA provider, which the container has from elsewhere. */
const INSTALLER = /^onnxruntime-node\/(script|.*\/libonnxruntime_providers_)/;
/** The package has the binaries of all platforms. */
const BINARIES = /^onnxruntime-node\/bin\/napi-v6\/([^/]+)(?:\/([^/]+))?/;

/**
 * The packages and all they need to run.
 * @param read what a package says of itself; null where it is not there. Of optional ones those for this platform are.
 * @returns version by package, in the order of their names.
 * @throws Error when one that is not optional is not there.
 */
export function requiredPackages(
  names: readonly string[],
  read: (name: string) => PackageManifest | null,
): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (versions.has(name)) continue;
    const found = read(name);
    if (!found) throw new Error(`${name} must be installed, got nothing.`);
    versions.set(name, found.version);
    open.push(...Object.keys(found.dependencies ?? {}).filter((needed) => !FOR_INSTALLING[name]?.includes(needed)));
    open.push(...Object.keys(found.optionalDependencies ?? {}).filter((needed) => read(needed) !== null));
  }
  return new Map([...versions].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * @param modules the node_modules folder of an install. Nested packages are not looked for: the lockfiles have none below these.
 * @returns null when the package is not installed.
 */
export function installedPackage(modules: string, name: string): PackageManifest | null {
  const file = path.join(modules, name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PackageManifest) : null;
}

/**
 * @param modules the node_modules folder of an install.
 * @param target the node_modules folder that gets the packages.
 */
export function copyPackages(names: Iterable<string>, modules: string, target: string, platform: Platform): void {
  for (const name of names) {
    cpSync(path.join(modules, name), path.join(target, name), {
      recursive: true,
      filter: (source) => isUsedOn(platform, path.relative(modules, source)),
    });
  }
}

function isUsedOn({ os, cpu }: Platform, file: string): boolean {
  if (INSTALLER.test(file)) return false;
  const [, ofOs = os, ofCpu = cpu] = BINARIES.exec(file) ?? [];
  return ofOs === os && ofCpu === cpu;
}

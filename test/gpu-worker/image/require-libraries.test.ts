/**
 * What keeps an image from being made that lacks a library. The addon of the runtime plays the CUDA provider: it is linked to a
 * library beside it, which can be left out.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SCRIPT = path.resolve(__dirname, '../../../gpu-worker/image/require-libraries.sh');
const BINARIES = path.resolve(
  __dirname,
  '../../../node_modules/onnxruntime-node/bin/napi-v6',
  process.platform,
  process.arch,
);
const ADDON = 'onnxruntime_binding.node';
const LIBRARY = 'libonnxruntime.so.1';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-libraries-'));
  mkdirSync(path.join(folder, 'app'));
  mkdirSync(path.join(folder, 'lib'));
  copyFileSync(path.join(BINARIES, ADDON), path.join(folder, 'app', ADDON));
});
afterEach(() => rmSync(folder, { recursive: true }));

function requireLibraries(args: readonly string[], libraryPath = '') {
  const { status, stderr } = spawnSync('sh', [SCRIPT, ...args], {
    cwd: folder,
    env: { ...process.env, LD_LIBRARY_PATH: libraryPath },
    encoding: 'utf8',
  });
  return { status, lines: stderr.split('\n').filter((line) => line !== '') };
}

test('a library that is linked to and missing fails, by its name', () => {
  expect(requireLibraries(['app'])).toEqual({
    status: 1,
    lines: [`app/${ADDON} must find ${LIBRARY}, got nothing.`],
  });
});

test('it passes with the library beside it or where the loader looks', () => {
  copyFileSync(path.join(BINARIES, LIBRARY), path.join(folder, 'lib', LIBRARY));
  expect(requireLibraries(['app', 'lib'], path.join(folder, 'lib'))).toEqual({ status: 0, lines: [] });
  copyFileSync(path.join(BINARIES, LIBRARY), path.join(folder, 'app', LIBRARY));
  expect(requireLibraries(['app'])).toEqual({ status: 0, lines: [] });
});

test('one bad file among good ones fails', () => {
  copyFileSync(path.join(BINARIES, LIBRARY), path.join(folder, 'lib', LIBRARY));
  expect(requireLibraries(['lib', 'app']).status).toBe(1);
  expect(requireLibraries(['app', 'lib']).status).toBe(1);
});

test("the driver's library may be missing, and no other", () => {
  // Linked to both: a name of the same length in place of the library's makes the addon look for the driver's.
  const addon = path.join(folder, 'app', ADDON);
  const bytes = readFileSync(addon);
  const driver = Buffer.from('libcuda.so.1\0');
  for (let at = bytes.indexOf(LIBRARY); at !== -1; at = bytes.indexOf(LIBRARY, at + 1)) driver.copy(bytes, at);
  writeFileSync(addon, bytes);
  expect(requireLibraries(['app'])).toEqual({ status: 0, lines: [] });
});

test('what is opened only when it is used must be there too', () => {
  copyFileSync(path.join(BINARIES, LIBRARY), path.join(folder, 'lib', LIBRARY));
  const libraryPath = path.join(folder, 'lib');
  expect(requireLibraries(['lib', '--', LIBRARY], libraryPath).status).toBe(0);
  expect(requireLibraries(['lib', '--', LIBRARY, 'libcudnn.so.9'], libraryPath)).toEqual({
    status: 1,
    lines: [`libcudnn.so.9 must lie in LD_LIBRARY_PATH (${libraryPath}), got nothing.`],
  });
});

test('a folder without native code, or none at all, fails: a path was mistyped', () => {
  mkdirSync(path.join(folder, 'empty'));
  expect(requireLibraries(['empty'])).toEqual({ status: 1, lines: ['empty must have native code, got none.'] });
  expect(requireLibraries(['nowhere']).status).not.toBe(0);
});

test('code of another platform fails', () => {
  writeFileSync(path.join(folder, 'lib', 'libother.so'), 'MZ');
  const { status, lines } = requireLibraries(['lib']);
  expect(status).toBe(1);
  expect(lines[0]).toMatch(/^lib\/libother\.so must be native code of this platform, got: /);
});

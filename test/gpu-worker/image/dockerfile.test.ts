/** The container's recipe, read: no engine builds it here. Its steps are run one by one in build.test.ts and by hand, see docs/container.md. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { validate } from 'dockerfile-utils';
import packageJson from '../../../package.json';
import packageLock from '../../../package-lock.json';

const REPOSITORY = path.resolve(__dirname, '../../..');
const read = (file: string) => readFileSync(path.join(REPOSITORY, file), 'utf8');
const DOCKERFILE = read('gpu-worker/Dockerfile');
const REQUIREMENTS = read('gpu-worker/image/cuda-requirements.txt');

interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

/** One entry an instruction; comments and line breaks are gone. */
const INSTRUCTIONS: readonly Instruction[] = DOCKERFILE.replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [keyword = '', ...rest] = line.split(' ');
    return { keyword, text: rest.join(' ').replaceAll(/\s+/g, ' ') };
  });

/** The instructions of one stage, without its FROM. */
function stage(name: string): readonly Instruction[] {
  const start = INSTRUCTIONS.findIndex(({ keyword, text }) => keyword === 'FROM' && text.endsWith(` AS ${name}`));
  const rest = INSTRUCTIONS.slice(start + 1);
  const end = rest.findIndex(({ keyword }) => keyword === 'FROM');
  return end === -1 ? rest : rest.slice(0, end);
}

const last = (name: string, keyword: string) =>
  stage(name).findLast((instruction) => instruction.keyword === keyword)?.text;

test('a linter finds nothing', () => {
  expect(validate(DOCKERFILE)).toEqual([]);
});

test('the last stage is for GPUs, and grows from the one without', () => {
  const stages = INSTRUCTIONS.filter(({ keyword }) => keyword === 'FROM').map(({ text }) => text);
  expect(stages.map((text) => text.split(' AS ')[1])).toEqual(['program', 'cuda-libraries', 'cpu', 'cuda']);
  expect(stages.at(-1)).toBe('cpu AS cuda');
});

test('every image is a version and its digest', () => {
  const images = INSTRUCTIONS.filter(({ keyword }) => keyword === 'ARG').map(({ text }) => text);
  expect(images).toEqual([
    expect.stringMatching(/^NODE_IMAGE=node:24\.\d+\.\d+-bookworm-slim@sha256:[0-9a-f]{64}$/),
    expect.stringMatching(/^PYTHON_IMAGE=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$/),
  ]);
  expect(DOCKERFILE).not.toContain('latest');
});

test('nothing comes from the network but through a lockfile or a checksum', () => {
  expect(DOCKERFILE).not.toMatch(/curl|wget|apt|ADD |http/);
  expect(INSTRUCTIONS.filter(({ text }) => text.includes('npm ')).map(({ text }) => text)).toEqual([
    'npm ci --omit=dev',
    'npm run bundle:worker -- /app',
  ]);
  expect(DOCKERFILE).toContain('--require-hashes');
});

test('every package of Python is one file by its checksum, and the provider has the version of the runtime', () => {
  const lines = REQUIREMENTS.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+==[0-9.]+ --hash=sha256:[0-9a-f]{64}$/);
  expect(lines[0]).toMatch(new RegExp(`^onnxruntime-gpu==${packageJson.dependencies['onnxruntime-node']} `));
});

test('what bundles the worker is installed without the tools of development', () => {
  expect(packageJson.scripts['bundle:worker']).toBe('tsx gpu-worker/image/build.ts');
  const packages: Record<string, { version: string; dev?: boolean }> = packageLock.packages;
  for (const name of ['tsx', 'esbuild', '@esbuild/linux-x64']) {
    expect(packages[`node_modules/${name}`]).toBeDefined();
    expect(packages[`node_modules/${name}`]?.dev).toBeUndefined();
  }
});

test.each(['cpu', 'cuda'])('%s runs as nobody, without a shell, on its provider', (name) => {
  expect(stage(name).at(name === 'cpu' ? -2 : -1)).toEqual({ keyword: 'USER', text: '1000:1000' });
  expect(last(name, 'ENV')).toMatch(new RegExp(`(^| )MV2ID_PROVIDER=${name}( |$)`));
});

test('the entry point is the bundled program, for both', () => {
  const entries = INSTRUCTIONS.filter(({ keyword }) => keyword === 'ENTRYPOINT' || keyword === 'CMD');
  expect(entries).toEqual([{ keyword: 'ENTRYPOINT', text: '["node", "/app/worker.js"]' }]);
  expect(JSON.parse(entries[0]!.text)).toEqual(['node', '/app/worker.js']);
});

test.each([
  ['cpu', ['/app/node_modules']],
  ['cuda', ['/app/node_modules', '/usr/local/cuda/lib', '-- libcudnn.so.9', 'libcufft.so.12']],
])('%s is not built when a library is missing: all that is copied is looked through', (name, looked) => {
  const instructions = stage(name);
  const gate = instructions.findIndex(
    ({ keyword, text }) => keyword === 'RUN' && text.includes('sh /require-libraries.sh'),
  );
  expect(gate).toBeGreaterThan(instructions.findLastIndex(({ keyword }) => keyword === 'COPY'));
  for (const text of looked) expect(instructions[gate]?.text).toContain(text);
  // Nothing that would let the build go on.
  expect(instructions[gate]?.text).not.toMatch(/\|\||;|&&/);
});

test("the driver's part comes from NVIDIA's runtime", () => {
  expect(last('cuda', 'ENV')).toMatch(/NVIDIA_DRIVER_CAPABILITIES=compute,utility/);
});

/** The recipe of the training's container, read: no engine builds it here. What it starts is tested in training/tests/test_on_batch.py. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { validate } from 'dockerfile-utils';
import * as env from '../../contract/env';

const REPOSITORY = path.resolve(__dirname, '../..');
const read = (file: string) => readFileSync(path.join(REPOSITORY, file), 'utf8');
const DOCKERFILE = read('training/Dockerfile');

/** One entry an instruction, `<keyword> <text>`; comments and line breaks are gone. */
const INSTRUCTIONS: readonly string[] = DOCKERFILE.replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');

const texts = (keyword: string) =>
  INSTRUCTIONS.filter((line) => line.startsWith(`${keyword} `)).map((line) => line.slice(keyword.length + 1));

test('a linter finds nothing', () => {
  expect(validate(DOCKERFILE)).toEqual([]);
});

test("the image is the worker's version of Python, by its digest", () => {
  expect(texts('ARG')).toEqual([
    expect.stringMatching(/^PYTHON_IMAGE=python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}$/),
  ]);
  expect(read('gpu-worker/Dockerfile')).toContain(`ARG ${texts('ARG')[0]}\n`);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as the Dockerfile has it.
  expect(texts('FROM')).toEqual(['${PYTHON_IMAGE} AS training']);
  expect(DOCKERFILE).not.toContain('latest');
});

test('packages come as wheels, in exactly one version', () => {
  const [install] = texts('RUN');
  const files = [...(install ?? '').matchAll(/--requirement=\/app\/(\S+)/g)].map(([, file]) => file ?? '');
  expect(files).toEqual(['training/requirements.txt', 'training/requirements-batch.txt']);
  expect(install).toContain('--only-binary=:all:');
  const lines = files.flatMap((file) => read(file).split('\n')).filter((line) => line !== '' && !line.startsWith('#'));
  for (const line of lines) expect(line).toMatch(/^[a-z0-9-]+==[0-9.]+$/);
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^torch==/), expect.stringMatching(/^boto3==/)]));
  expect(DOCKERFILE).not.toMatch(/curl|wget|apt-get|ADD |https?:/);
});

test('it runs as nobody, without a shell; what it starts is there', () => {
  expect(INSTRUCTIONS.slice(-2)).toEqual(['USER 1000:1000', 'ENTRYPOINT ["python", "-m", "training.on_batch"]']);
  expect(texts('CMD')).toEqual([]);
  expect(texts('WORKDIR')).toEqual(['/app']);
  expect(texts('COPY')).toContain('training /app/training');
  expect(existsSync(path.join(REPOSITORY, 'training/on_batch.py'))).toBe(true);
});

test('it writes to the mounted folder and to /tmp alone, and what it compiles not to /tmp', () => {
  const variables = Object.fromEntries(
    texts('ENV')
      .flatMap((text) => text.split(/\s+/))
      .map((pair) => pair.split('=') as [string, string]),
  );
  const folder = '/mnt/mv2id/training';
  expect(variables).toMatchObject({ [env.TRAINING_FOLDER]: folder, HOME: folder, PYTHONDONTWRITEBYTECODE: '1' });
  for (const name of ['TORCHINDUCTOR_CACHE_DIR', 'TRITON_CACHE_DIR', 'XDG_CACHE_HOME', 'HF_HOME']) {
    expect(variables[name]).toMatch(/^\/mnt\/mv2id\/training\/./);
  }
});

test("the build is given training/ and nothing else of the repository, and no run's data", () => {
  const lines = read('training/Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  expect(lines.filter((line) => line.startsWith('!'))).toEqual(['!training']);
  expect(lines).toContain('training/runs');
  // What the program reads when it runs must not be left out.
  for (const needed of ['training/config', 'training/heads']) expect(lines).not.toContain(needed);
});

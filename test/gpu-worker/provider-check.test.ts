/** The worker's check of its provider: real child processes, with small programs that play drivers of all kinds. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as env from '../../contract/env';
import { ProviderError } from '../../gpu-worker/errors';
import { type ProviderCheckOptions, requireProvider } from '../../gpu-worker/provider-check';
import { WorkerHome } from './worker-home';

const LINES = ['versions', 'gpu', 'cuda_libraries', 'provider'].map((check) => JSON.stringify({ check, ok: true }));
const FAILURE = JSON.stringify({ check: 'provider', ok: false, error: 'CUDA failure 35: the driver is too old.' });
const print = (lines: readonly string[]) =>
  `process.stdout.write(${JSON.stringify(lines.map((line) => `${line}\n`).join(''))});`;
const HANG = 'setInterval(() => {}, 1000);';

let folder: string;
let log: [string, unknown][];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-provider-'));
  log = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

function check(program: string, changes: Partial<ProviderCheckOptions> = {}): Promise<void> {
  const file = path.join(folder, 'check.js');
  writeFileSync(file, program);
  return requireProvider('cuda', {
    log: (message, about) => log.push([message, about]),
    stop: new AbortController().signal,
    program: { file, execArgv: [], args: ['check'] },
    ...changes,
  });
}

test('it passes, and the log has what was found', async () => {
  const versions = JSON.stringify({ check: 'versions', ok: true, onnxruntime: '1.2.3' });
  const gpu = JSON.stringify({ check: 'gpu', ok: true, gpus: [{ name: 'L40S', driver: '580.1' }] });
  await check(print([versions, gpu, ...LINES.slice(2)]));
  expect(log).toEqual([
    [
      'The start-up check',
      {
        versions: { ok: true, onnxruntime: '1.2.3' },
        gpu: { ok: true, gpus: [{ name: 'L40S', driver: '580.1' }] },
        cuda_libraries: { ok: true },
        provider: { ok: true },
      },
    ],
  ]);
});

test('it asks for what is about the provider', async () => {
  const asked = `const names = process.argv.slice(2); if (names.join() !== 'check,versions,gpu,cuda_libraries,provider') process.exit(1);`;
  await check(asked + print(LINES));
});

test('a driver that crashes the process when all is done does no harm', async () => {
  await check(`${print(LINES)} process.kill(process.pid, 'SIGSEGV');`);
});

test.each([
  [
    'what fails is told',
    `${print([...LINES.slice(0, 3), FAILURE])} process.exitCode = 70;`,
    /^CUDA failure 35: the driver is too old\.$/,
  ],
  [
    'a crash is told',
    `${print(LINES.slice(0, 3))} process.kill(process.pid, 'SIGSEGV');`,
    /must come to its end, got SIGSEGV\.$/,
  ],
  ['a program that is not there is told', 'process.exit(3);', /must come to its end, got exit code 3\.$/],
  [
    'a line that was cut off is none',
    'process.stdout.write(\'{"check":"ver\');',
    /must come to its end, got exit code 0\.$/,
  ],
])('%s', async (_, program, message) => {
  await expect(check(program)).rejects.toThrow(ProviderError);
  await expect(check(program)).rejects.toThrow(message);
});

test('a driver that hangs is given up', async () => {
  await expect(check(print(LINES.slice(0, 1)) + HANG, { timeoutSeconds: 0.5 })).rejects.toThrow(
    /must come to its end, got nothing after 0\.5 seconds\.$/,
  );
});

test('a stop gives the check up at once', async () => {
  const stop = new AbortController();
  const checked = check(HANG, { stop: stop.signal });
  stop.abort();
  await expect(checked).rejects.toThrow(/got SIGKILL\.$/);
});

test('a worker on a host without its GPU ends with 75 before it fetches anything, and the record says why', async () => {
  const home = await WorkerHome.open();
  try {
    const id = await home.addJob();
    const { exit, log: lines } = await home.spawn(id, { [env.PROVIDER]: 'cuda' });
    expect(exit).toBe(75);
    expect(lines.map(({ message }) => message)).toEqual([
      'The job is claimed',
      'The start-up check',
      'The attempt has failed',
    ]);
    expect((await home.record(id)).last_error).toMatchObject({ code: 'provider_unavailable', retryable: true });
    expect((await home.job(id)).status).toBe('submitted');
    expect(readdirSync(home.folder)).not.toContain('model-cache');
  } finally {
    await home.close();
  }
});

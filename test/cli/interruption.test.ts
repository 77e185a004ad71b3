/** The command as a process of its own: signals, a full disk, and what stays behind. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import path from 'node:path';
import { writeRandomModel } from '../random-model';
import { writeReferenceSet } from '../reference-set';

const COMMAND = path.resolve(__dirname, '../../bin/mv2id.js');

let folder: string;
let set: string;
let model: string;

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'mv2id-process-'));
  set = await writeReferenceSet(path.join(folder, 'set'), { steps: 100, num_frames: 81, width: 128, height: 128 });
  model = writeRandomModel(path.join(folder, 'model'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly stderr: string;
}

/** Runs the command and calls `onOutput` with all of stderr whenever more of it comes. */
function run(args: string[], onOutput: (stderr: string, interrupt: () => void) => void, env = {}): Promise<Ended> {
  const child = spawn(process.execPath, [COMMAND, ...args], { env: { ...process.env, ...env } });
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
    onOutput(stderr, () => child.kill('SIGINT'));
  });
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ exitCode: code ?? exitCodeOf(signal), stderr }));
  });
}

/** As a shell tells it. */
function exitCodeOf(signal: NodeJS.Signals | null): number | null {
  return signal && 128 + constants.signals[signal];
}

function out(name: string): string {
  return path.join(folder, name);
}

test('Ctrl-C stops after the running step, with code 130 and nothing left', async () => {
  let interrupted = false;
  const { exitCode, stderr } = await run(['generate', set, '--model', model, '--out', out('a')], (text, interrupt) => {
    if (interrupted || !text.includes('10/100')) return;
    interrupted = true;
    interrupt();
  });
  expect(stderr).toContain('Stopping after this step (again: at once) ...');
  expect(stderr).toContain('mv2id: Stopped; nothing was written.');
  expect(stderr).not.toContain('100/100');
  expect(exitCode).toBe(130);
  expect(existsSync(out('a'))).toBe(false);
});

test('a second Ctrl-C stops at once, with nothing left either', async () => {
  let signals = 0;
  const { exitCode } = await run(['generate', set, '--model', model, '--out', out('b')], (text, interrupt) => {
    const wanted = text.includes('Stopping') ? 2 : text.includes('Denoising') ? 1 : 0;
    while (signals < wanted) {
      signals++;
      interrupt();
    }
  });
  expect(exitCode).toBe(130);
  expect(existsSync(out('b')) ? readdirSync(out('b')) : []).toEqual([]);
});

test('what an earlier run made survives a run that is stopped', async () => {
  const short = ['generate', set, '--model', model, '--out', out('c'), '--steps', '1'];
  expect((await run(short, () => {})).exitCode).toBe(0);
  expect(readdirSync(out('c')).sort()).toEqual(['job.json', 'poster.jpg', 'references', 'video.mp4']);
  await run(['generate', set, '--model', model, '--out', out('c')], (text, interrupt) => {
    if (text.includes('Denoising') && !text.includes('Stopping')) interrupt();
  });
  expect(readdirSync(out('c')).sort()).toEqual(['job.json', 'poster.jpg', 'references', 'video.mp4']);
});

test('a file that cannot be written whole is named, with code 70 and nothing left', async () => {
  const target = out('d');
  mkdirSync(target);
  // A real full disk where this process may mount one, else a limit on the size of files: both fail in the middle of a write.
  const limit = mayMount() ? `mount -t tmpfs -o size=8k tmpfs ${target}` : 'trap "" XFSZ; ulimit -f 4';
  const generate = `${process.execPath} ${COMMAND} generate ${set} --model ${model} --out ${target} --steps 1`;
  const script = `${limit} && { ${generate} >&2; code=$?; ls -A ${target} >&2; exit $code; }`;
  const [shell, ...args] = mayMount() ? ['unshare', '-m', 'bash', '-c', script] : ['bash', '-c', script];
  const child = spawn(shell!, args);
  let stderr = '';
  child.stderr.on('data', (data: Buffer) => {
    stderr += data;
  });
  const exitCode = await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toMatch(
    /mv2id: .*\/d\/(references\/1-front\.png|poster\.jpg|video\.mp4) must be written whole, got (ENOSPC: the disk is full|EFBIG: .*)\.\n$/,
  );
  expect(exitCode).toBe(70);
});

test('a stack trace is printed only on request', async () => {
  const args = ['generate', path.join(folder, 'none'), '--out', out('e')];
  const plain = await run(args, () => {});
  expect(plain.stderr.trim().split('\n')).toHaveLength(1);
  const debug = await run(args, () => {}, { MV2ID_DEBUG: '1' });
  expect(debug.stderr).toMatch(/\n +at .*cli/);
  expect([plain.exitCode, debug.exitCode]).toEqual([64, 64]);
  expect(existsSync(out('e'))).toBe(false);
});

function mayMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

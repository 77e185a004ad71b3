/**
 * `npm run bench [-- <model dir> | --random <width>x<layers>]`: how fast and how large we are beside diffusers, on the same weights,
 * inputs and threads. Without arguments: the bundled model, then a random one of 1536 x 2.
 *
 * Both engines live in processes of their own and take turns within every round, so that whatever else the machine does meets both;
 * medians are compared. Peaks are of fresh processes that do one thing. out/bench.json gets every sample.
 *
 * Python is $MV2ID_PYTHON or python3, with the packages of training/requirements.txt; without them our figures stand alone.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { JobRejected } from '../contract/rejection';
import { ModelError } from '../gpu-worker/errors';
import { byteText } from '../gpu-worker/memory';
import { openModel } from '../gpu-worker/model/open-model';
import { emitPlannedTransformer } from '../gpu-worker/planned-transformer';
import { diffusers, EngineProcess, type EngineProgram, OURS } from './engine-process';
import { matrixFlops } from './flops';
import { type Command, MATMUL_SIZE, type Setup } from './protocol';
import { writeMidSizeModel } from './random-model';
import { type Size, setupOf } from './setup';

const ROOT = path.resolve(__dirname, '..');
const RESULT_FILE = path.join(ROOT, 'out', 'bench.json');
const BUNDLED_MODEL = path.join(ROOT, 'models', 'mv2id-tiny');
const MID_SIZE = '1536x2';
const MID_SIZE_CLIP: Size = { width: 256, height: 256, num_frames: 17 };
const TIMED = ['matmul', 'step', 'decode', 'load'] as const satisfies readonly Command[];
const PEAKS = ['step', 'generate'] as const satisfies readonly Command[];
/** Results that differ by more than this are not results of the same work. */
const MAGNITUDE_TOLERANCE = 1e-3;
/** Between two turns: the threads of the side that has just worked may still be waiting for more. */
const PAUSE_MS = 100;

type Timed = (typeof TIMED)[number];
type Peak = (typeof PEAKS)[number];

/** What one engine showed. */
interface Figures {
  readonly name: string;
  readonly version: string;
  /** Every sample, in seconds. */
  readonly seconds: Record<Timed, number[]>;
  /** Bytes of a fresh process that did this and nothing else. */
  readonly peak: Record<Peak, number>;
}

interface Report {
  readonly model: string;
  readonly clip: string;
  readonly threads: number;
  /** Floating-point operations of a step. */
  readonly stepFlops: number;
  readonly engines: readonly Figures[];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      random: { type: 'string' },
      rounds: { type: 'string', default: '7' },
      threads: { type: 'string', default: String(availableParallelism()) },
      width: { type: 'string' },
      height: { type: 'string' },
      frames: { type: 'string' },
    },
  });
  const rounds = requireCount('--rounds', values.rounds);
  const threads = requireCount('--threads', values.threads);
  const size: Size = {
    ...(values.width && { width: requireCount('--width', values.width) }),
    ...(values.height && { height: requireCount('--height', values.height) }),
    ...(values.frames && { num_frames: requireCount('--frames', values.frames) }),
  };
  const programs = [OURS, ...findDiffusers()];
  const isPlain = positionals.length === 0 && values.random === undefined;
  const directories = isPlain ? [BUNDLED_MODEL] : positionals.map((dir) => path.resolve(dir));
  const random = isPlain ? MID_SIZE : values.random;
  const reports: Report[] = [];
  for (const dir of directories) {
    reports.push(await measure({ name: path.basename(dir), dir, size, programs, threads, rounds }));
  }
  if (random !== undefined) {
    const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-bench-'));
    try {
      const dir = writeMidSizeModel(folder, random);
      const subject = { name: `random ${random}`, dir, size: { ...MID_SIZE_CLIP, ...size } };
      reports.push(await measure({ ...subject, programs, threads, rounds }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  mkdirSync(path.dirname(RESULT_FILE), { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length };
  writeFileSync(RESULT_FILE, `${JSON.stringify({ machine, reports }, null, 2)}\n`);
  console.log(`\n${path.relative(process.cwd(), RESULT_FILE)} has every sample.`);
}

interface Subject {
  readonly name: string;
  readonly dir: string;
  readonly size: Size;
  readonly programs: readonly EngineProgram[];
  readonly threads: number;
  readonly rounds: number;
}

async function measure({ name, dir, size, programs, threads, rounds }: Subject): Promise<Report> {
  const model = await openModel(dir);
  const setup = setupOf(model, size, threads);
  const { plan } = setup;
  const graph = emitPlannedTransformer(model, plan, plan.numReferences, 'float32');
  const tokens = (plan.numLatentFrames + plan.numReferences) * plan.tokenRows * plan.tokenColumns;
  const { width, height, num_frames } = plan.input;
  const clip = `${width} x ${height}, ${num_frames} frames, ${plan.numReferences} references (${tokens} tokens)`;
  console.log(`\n${name}: ${clip}, float32, ${threads} threads, medians of ${rounds}`);

  const peaks: Record<Peak, number>[] = [];
  for (const program of programs) peaks.push(await peaksOf(program, setup));
  const engines: EngineProcess[] = [];
  for (const program of programs) engines.push(await EngineProcess.start(program, setup));
  try {
    const seconds = await takeTurns(engines, rounds);
    const figures = engines.map(({ version }, i): Figures => {
      return { name: programs[i]!.name, version, seconds: seconds[i]!, peak: peaks[i]! };
    });
    const report: Report = { model: name, clip, threads, stepFlops: matrixFlops(graph), engines: figures };
    for (const line of tableOf(report)) console.log(line);
    return report;
  } finally {
    for (const engine of engines) engine.stop();
  }
}

/** Samples of every engine. The one that begins a round ends the next, and the first round only warms up. */
async function takeTurns(engines: readonly EngineProcess[], rounds: number): Promise<Record<Timed, number[]>[]> {
  const samples = engines.map((): Record<Timed, number[]> => ({ matmul: [], step: [], decode: [], load: [] }));
  for (let round = 0; round <= rounds; round++) {
    const order = engines.map((engine, i) => ({ engine, seconds: samples[i]! }));
    if (round % 2 === 1) order.reverse();
    for (const command of TIMED) {
      const magnitudes: number[] = [];
      for (const { engine, seconds } of order) {
        await sleep(PAUSE_MS);
        const answer = await engine.ask(command);
        if (round > 0) seconds[command].push(answer.seconds!);
        if (answer.magnitude !== undefined) magnitudes.push(answer.magnitude);
      }
      requireSameWork(command, magnitudes);
    }
  }
  return samples;
}

async function peaksOf(program: EngineProgram, setup: Setup): Promise<Record<Peak, number>> {
  const peak: Record<Peak, number> = { step: 0, generate: 0 };
  for (const command of PEAKS) {
    const engine = await EngineProcess.start(program, setup);
    await engine.ask(command);
    peak[command] = (await engine.ask('peak')).bytes!;
    engine.stop();
  }
  return peak;
}

function requireSameWork(command: Timed, [ours, theirs]: readonly number[]): void {
  if (ours === undefined || theirs === undefined) return;
  if (Math.abs(ours - theirs) > MAGNITUDE_TOLERANCE * theirs || Number.isNaN(ours)) {
    throw new Error(`The results of ${command} must agree, got mean magnitudes ${ours} and ${theirs}.`);
  }
}

/** A row a measure: ours, theirs, and ours / theirs, where below 1 is better for times and memory. */
function tableOf({ engines, stepFlops }: Report): string[] {
  const products = engines.map(matmulFlops);
  const times = (command: Timed) => engines.map(({ seconds }) => median(seconds[command]));
  const row = (label: string, values: readonly number[], text: (value: number) => string, hasRatio = true) => {
    const [ours, theirs] = values;
    const ratio = hasRatio && theirs !== undefined ? (ours! / theirs).toFixed(2) : '';
    return [label.padEnd(36), ...values.map((value) => text(value).padStart(14)), ratio.padStart(8)].join('').trimEnd();
  };
  const rates = times('step').map((seconds) => stepFlops / seconds);
  const ownShares = rates.map((rate, i) => rate / products[i]!);
  const shares = rates.map((rate) => rate / Math.max(...products));
  return [
    ['', ...engines.map(({ name }) => name)]
      .map((name, i) => (i === 0 ? name.padEnd(36) : name.padStart(14)))
      .join('') + (engines.length > 1 ? 'ratio'.padStart(8) : ''),
    row('transformer step', times('step'), duration),
    row('VAE decode', times('decode'), duration),
    row('model load', times('load'), duration),
    row(
      'peak memory, load and one step',
      engines.map(({ peak }) => peak.step),
      byteText,
    ),
    row(
      'peak memory, one generation',
      engines.map(({ peak }) => peak.generate),
      byteText,
    ),
    row(`product of ${MATMUL_SIZE}^3`, products, gigaflops, false),
    row('step, share of its own product', ownShares, percent, false),
    row('step, share of the faster product', shares, percent, false),
    ...engines.map(({ name, version }) => `${name}: ${version}`),
  ];
}

function matmulFlops({ seconds }: Figures): number {
  return (2 * MATMUL_SIZE ** 3) / median(seconds.matmul);
}

/** None, with a line that says so, where Python lacks the packages. */
function findDiffusers(): EngineProgram[] {
  const python = process.env.MV2ID_PYTHON ?? 'python3';
  try {
    execFileSync(python, ['-c', 'import torch, diffusers, transformers, safetensors'], { stdio: 'ignore' });
    return [diffusers(python)];
  } catch {
    console.log(`${python} lacks torch, diffusers or transformers (set MV2ID_PYTHON): only our own figures.`);
    return [];
  }
}

function requireCount(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new RangeError(`${option} must be a whole number from 1, got ${text}.`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle) - 1]!) / 2;
}

const duration = (seconds: number) => (seconds < 1 ? `${(1000 * seconds).toFixed(1)} ms` : `${seconds.toFixed(2)} s`);
const gigaflops = (flops: number) => `${(flops / 1e9).toFixed(0)} GFLOP/s`;
const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

main().catch((error: Error) => {
  const isUsers = [RangeError, ModelError, JobRejected].some((kind) => error instanceof kind);
  console.error(isUsers ? error.message : error.stack);
  process.exitCode = isUsers ? 64 : 70;
});

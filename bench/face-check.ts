/**
 * What looking at faces costs the function that validates a set: time and memory of a set of three, and of a cold start. Each figure
 * is of a fresh process on one core, in the function's own files as Lambda unpacks them (bench/faces/).
 *
 *   npm run bench:faces
 *
 * The peer is decoding alone, which validation does to every image anyway: the ratio is how many times that the check of the faces
 * costs. Beside it stand its networks alone, below which it cannot come.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import sharp from 'sharp';
import { FACE_MODELS } from '../contract/env';
import { NATIVE_PACKAGES } from '../infra/native-layer';
import { type LambdaFolders, lambdaFolders, sizesOf } from './faces/lambda-folders';
import type { Moment, ProcessFigures } from './faces/lambda-process';

const EXAMPLE = path.resolve(__dirname, '../examples/ada');
/** The example's own images, a portrait, a phone's photo, the largest that validation takes, and one that is held as a whole while decoded. */
const SIZES: readonly Size[] = [
  { side: 512, format: 'png' },
  { side: 1024, format: 'jpeg' },
  { side: 4000, format: 'jpeg' },
  { side: 8000, format: 'jpeg' },
  { side: 8000, format: 'jpeg', progressive: true },
];
type Size = { readonly side: number; readonly format: 'png' | 'jpeg'; readonly progressive?: boolean };

/** Of a photo with more pixels no lens shows them all. */
const SHARP_SIDE = 2000;

const TIMES = 5;
const COLD_STARTS = 10;
/** Of 2,048 MB Lambda gives the heap nine tenths. */
const HEAP_MB = 1843;
const ONE_CORE = process.platform === 'linux' ? ['taskset', '--cpu-list', '0'] : [];

async function main(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'mv2id-faces-'));
  try {
    const folders = lambdaFolders(home);
    const program = await bundleProcess(home);
    const run = (times: number, images: readonly string[]) => runProcess(program, folders, times, images);
    console.log(sizesTable(folders), '\n');

    const small = await imagesOf({ side: 1024, format: 'jpeg' }, home);
    console.log(coldTable(Array.from({ length: COLD_STARTS }, () => coldStart(() => run(0, small)))), '\n');

    const rows: string[][] = [];
    for (const size of SIZES) rows.push(setRow(size, run(TIMES, await imagesOf(size, home))));
    console.log(setTable(rows));
  } finally {
    rmSync(home, { recursive: true });
  }
}

async function bundleProcess(home: string): Promise<string> {
  const outfile = path.join(home, 'lambda-process.js');
  await build({
    entryPoints: [path.join(__dirname, 'faces/lambda-process.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    minify: true,
    external: [...NATIVE_PACKAGES],
  });
  return outfile;
}

function runProcess(
  program: string,
  { task, opt }: LambdaFolders,
  times: number,
  images: readonly string[],
): ProcessFigures {
  const node = [process.execPath, `--max-old-space-size=${HEAP_MB}`, '--enable-source-maps', program];
  const [command, ...args] = [...ONE_CORE, ...node, task, String(times), ...images];
  const environment = { PATH: process.env.PATH, NODE_PATH: path.join(opt, 'nodejs/node_modules') };
  const output = execFileSync(command!, args, {
    encoding: 'utf8',
    env: { ...environment, [FACE_MODELS]: path.join(opt, 'faces') },
  });
  return JSON.parse(output) as ProcessFigures;
}

/** Three views of one person, with the grain of a photo: a smooth image decodes several times as fast. */
async function imagesOf({ side, format, progressive }: Size, home: string): Promise<string[]> {
  const folder = mkdtempSync(path.join(home, 'images-'));
  const views = readdirSync(EXAMPLE).filter((name) => name.endsWith('.png'));
  const sharpSide = Math.min(side, SHARP_SIDE);
  const noise = { type: 'gaussian', mean: 128, sigma: 12 } as const;
  const grain = { create: { width: sharpSide, height: sharpSide, channels: 3, background: 'grey', noise } } as const;
  for (const name of views) {
    const grained = sharp(path.join(EXAMPLE, name))
      .resize(sharpSide, sharpSide)
      .composite([{ input: grain, blend: 'overlay' }]);
    await sharp(await grained.png({ compressionLevel: 1 }).toBuffer())
      .resize(side, side)
      .toFormat(format, progressive ? { progressive, chromaSubsampling: '4:4:4' } : {})
      .toFile(path.join(folder, name));
  }
  return views.map((name) => path.join(folder, name));
}

interface ColdStart extends ProcessFigures {
  /** When the process was asked for. */
  readonly asked: Moment;
}

function coldStart(run: () => ProcessFigures): ColdStart {
  const asked = { clock: performance.timeOrigin + performance.now(), cpu: 0 };
  return { asked, ...run() };
}

function coldTable(starts: readonly ColdStart[]): string {
  const row = (of: keyof Moment) => {
    const took = (from: (start: ColdStart) => Moment, to: (start: ColdStart) => Moment) =>
      milliseconds(median(starts.map((start) => to(start)[of] - from(start)[of])));
    return [
      of,
      took(
        ({ asked }) => asked,
        ({ started }) => started,
      ),
      took(
        ({ started }) => started,
        ({ loaded }) => loaded,
      ),
      took(
        ({ loaded }) => loaded,
        ({ opened }) => opened,
      ),
      took(
        ({ opened }) => opened,
        ({ judged }) => judged,
      ),
      took(
        ({ asked }) => asked,
        ({ judged }) => judged,
      ),
    ];
  };
  const head = [`Cold start, ${starts.length} times`, 'Node', 'function, sharp and runtime loaded', 'models opened'];
  return table([...head, 'first set of three', 'all'], [row('cpu'), row('clock')]);
}

function setRow({ side, format, progressive }: Size, figures: ProcessFigures): string[] {
  const { decodeAlone, networksAlone, faceCheck, faces, peakMemory } = figures;
  const [decode, networks, check] = [median(decodeAlone), median(networksAlone), median(faceCheck)];
  return [
    `${side} x ${side} ${progressive ? 'progressive ' : ''}${format}`,
    String(faces),
    milliseconds(decode),
    milliseconds(networks),
    milliseconds(check),
    `${(check / decode).toFixed(2)}`,
    `${(check / networks).toFixed(2)}`,
    megabytes(peakMemory),
  ];
}

function setTable(rows: readonly string[][]): string {
  const head = ['Set of three', 'faces', 'decoding alone', 'networks alone', 'face check', '/ decoding', '/ networks'];
  return table([...head, 'peak memory'], rows);
}

function sizesTable({ task, opt }: LambdaFolders): string {
  const parts = { function: task, packages: path.join(opt, 'nodejs'), 'face models': path.join(opt, 'faces') };
  const rows = Object.entries(parts).map(([name, folder]) => ({ name, ...sizesOf(folder) }));
  const sum = (key: 'unpacked' | 'zipped') => rows.reduce((total, row) => total + row[key], 0);
  const all = [...rows, { name: 'all', unpacked: sum('unpacked'), zipped: sum('zipped') }];
  return table(
    [`${process.arch}`, 'unpacked', 'zipped'],
    all.map(({ name, unpacked, zipped }) => [name, megabytes(unpacked), megabytes(zipped)]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  return (low + high) / 2;
}

const milliseconds = (value: number) => `${Math.round(value)} ms`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 10e6 ? 1 : 0)} MB`;

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

/**
 * What `mv2id evaluate` costs: sixty clips of five seconds, 832 x 480, evaluated one after the other, and decoded alone for
 * comparison. Everything runs in a process of its own, so that its memory is its own.
 *
 *   npm run bench:evaluate [-- <number of clips>]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findCases } from '../cli/evaluate/find-cases';
import { evaluateCases } from '../evaluation/evaluate/evaluate-cases';
import { VideoFile } from '../evaluation/video/video-file';
import { FaceReader } from '../faces/face-reader';
import { builtInFaces } from '../faces/face-settings';
import { FPS, SECONDS, SIZE, writeCases } from './evaluate/clips';

interface Figures {
  readonly clips: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Resident bytes after the fifth clip and after the last. */
  readonly memoryAtFive: number;
  readonly memoryAtEnd: number;
  /** Decoding to RGB alone, of as many clips. */
  readonly decodingSeconds: number;
  readonly decodingCpuSeconds: number;
}

const CLIPS = 60;
const THREADS = 2;
/** Of them decoding is measured; it is the same for all. */
const DECODED_CLIPS = 6;

async function main(): Promise<void> {
  const [first, ...rest] = process.argv.slice(2);
  if (first === '--measure') return console.log(JSON.stringify(await measure(rest[0]!, rest[1]!)));
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-evaluate-'));
  try {
    const { videos, references } = await writeCases(folder, Number(first ?? CLIPS));
    const args = ['--require', require.resolve('../bin/typescript'), __filename, '--measure', videos, references];
    console.log(table(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Figures));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(videos: string, references: string): Promise<Figures> {
  const cases = await findCases(videos, references);
  const reader = await FaceReader.open(builtInFaces(), THREADS);
  const memory: number[] = [];
  const evaluated = await timed(() =>
    evaluateCases(reader, cases, async () => {
      memory.push(process.memoryUsage.rss());
    }),
  );
  await reader.release();
  const decoded = await timed(async () => {
    for (const { video } of cases.slice(0, DECODED_CLIPS)) {
      const file = await VideoFile.open(video);
      for await (const _ of file.frames());
      file.close();
    }
  });
  const share = cases.length / Math.min(cases.length, DECODED_CLIPS);
  return {
    clips: cases.length,
    ...evaluated,
    memoryAtFive: memory[4] ?? memory.at(-1)!,
    memoryAtEnd: memory.at(-1)!,
    decodingSeconds: decoded.seconds * share,
    decodingCpuSeconds: decoded.cpuSeconds * share,
  };
}

async function timed(run: () => Promise<unknown>): Promise<{ seconds: number; cpuSeconds: number }> {
  const [start, cpuStart] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(cpuStart);
  return { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function table(figures: Figures): string {
  const { clips, seconds, cpuSeconds, decodingSeconds, decodingCpuSeconds, memoryAtFive, memoryAtEnd } = figures;
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return [
    `${clips} clips of ${SECONDS} s, ${SIZE.width} x ${SIZE.height}, ${FPS * SECONDS} frames each, ${THREADS} threads`,
    `in all                 ${(seconds / 60).toFixed(1)} min`,
    `a clip                 ${(seconds / clips).toFixed(2)} s   (${(cpuSeconds / clips).toFixed(2)} s of processor time)`,
    `decoding alone         ${(decodingSeconds / clips).toFixed(2)} s   (${(decodingCpuSeconds / clips).toFixed(2)} s of processor time)`,
    `against decoding       ${(seconds / decodingSeconds).toFixed(1)}     (${(cpuSeconds / decodingCpuSeconds).toFixed(1)})`,
    `memory after 5 clips   ${megabytes(memoryAtFive)}`,
    `memory at the end      ${megabytes(memoryAtEnd)}`,
  ].join('\n');
}

void main();

/**
 * The crash campaign: `npm run campaign -- --runs 200 --seed 1 --parallel 4`. Prints a table as Markdown, and every fault with the
 * seed that brings its decisions back; exits with 1 when there is one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { writeRandomModel } from '../random-model';
import { campaignRun, type ExpectedVideos, makeMaterials, type RunFigures } from './run';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    parallel: { type: 'string', default: '3' },
  },
});

async function main(): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mv2id-materials-'));
  const materials = await makeMaterials(folder, writeRandomModel);
  const runs = Number(values.runs);
  const firstSeed = Number(values.seed);
  const unbroken = await campaignRun(firstSeed, materials, new Map(), true);
  if (unbroken.figures.faults.length > 0) throw new Error(unbroken.figures.faults.join('\n'));

  const all: RunFigures[] = [];
  let next = 0;
  const lane = async () => {
    while (next < runs) {
      const seed = firstSeed + next++;
      const figures = await oneRun(seed, materials, unbroken.videos);
      all.push(figures);
      for (const fault of figures.faults) process.stderr.write(`seed ${seed}: ${fault}\n`);
      process.stderr.write(`${all.length}/${runs}  seed ${seed}  ${figures.seconds.toFixed(1)} s\n`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.parallel) }, lane));
  process.stdout.write(table(all, firstSeed));
  rmSync(folder, { recursive: true });
  return all.some(({ faults }) => faults.length > 0) ? 1 : 0;
}

async function oneRun(
  seed: number,
  materials: Awaited<ReturnType<typeof makeMaterials>>,
  expected: ExpectedVideos,
): Promise<RunFigures> {
  return (await campaignRun(seed, materials, expected)).figures;
}

function table(all: readonly RunFigures[], firstSeed: number): string {
  const total = (key: Exclude<keyof RunFigures, 'faults'>) => all.reduce((sum, figures) => sum + figures[key], 0);
  const seconds = all.map((figures) => figures.seconds).sort((a, b) => a - b);
  const faulty = all.filter(({ faults }) => faults.length > 0).length;
  const rows: [string, string | number][] = [
    ['runs, seeds', `${all.length}, ${firstSeed} to ${firstSeed + all.length - 1}`],
    ['jobs submitted', total('jobs')],
    ['of these to be rejected', total('rejected')],
    ['serve killed with SIGKILL', total('servesKilled')],
    ['workers killed with SIGKILL', total('workersKilled')],
    ['messages duplicated', total('duplicated')],
    ['messages sent again later', total('delayed')],
    ['webhooks not taken at first (500, dropped, hanging)', total('refused')],
    ['webhooks repeated under the same id after they were taken', total('repeated')],
    ['attempts of the jobs that succeeded', total('attempts')],
    ['videos resumed from a checkpoint', total('resumed')],
    ['median seconds a run', (seconds[Math.floor(seconds.length / 2)] ?? 0).toFixed(1)],
    ['**runs in which something was lost, twice or different**', `**${faulty}**`],
  ];
  return ['| Figure | |', '| --- | ---: |', ...rows.map(([name, value]) => `| ${name} | ${value} |`), ''].join('\n');
}

void main().then((exitCode) => process.exit(exitCode));

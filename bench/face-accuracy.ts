/**
 * How well faces are found, turned and told apart, against heads whose pose and identity are known because they were rendered:
 *
 *   OMP_NUM_THREADS=1 python -m training.face_check_set out/heads
 *   npm run bench:face-accuracy -- out/heads
 *
 * Writes training/results/face-checks.json. The networks never saw a rendered head, and no threshold is fitted to these: they tell how
 * the figures change with the angle, not how good they are on photos.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { IMAGE_RULES } from '../faces/check/image-rules';
import { type ReadImage, readImage } from '../faces/check/read-image';
import { similarity } from '../faces/embedder';
import { FaceReader } from '../faces/face-reader';

interface Head {
  readonly file: string;
  readonly identity: number;
  /** Degrees. */
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
  readonly background: 'white' | 'scene';
}
interface ReadHead extends Head {
  readonly read: ReadImage;
}

const RESULTS = path.join(__dirname, '../training/results/face-checks.json');
/** Lower ends of the bins of |yaw|, and of |difference of yaw|, degrees. */
const YAW_BINS = [0, 30, 60] as const;
const DIFFERENCE_BINS = [0, 30, 60, 90] as const;

async function main(folder: string): Promise<void> {
  const heads = JSON.parse(readFileSync(path.join(folder, 'heads.json'), 'utf8')) as Head[];
  const reader = await FaceReader.open();
  const reads: ReadHead[] = [];
  for (const [i, head] of heads.entries()) {
    const bytes = readFileSync(path.join(folder, head.file));
    reads.push({ ...head, read: await readImage({ image: { file: head.file }, bytes }, i, reader) });
  }
  const results = accuracy(reads, reader);
  writeFileSync(RESULTS, `${JSON.stringify(results, null, 2)}\n`);
  console.log(JSON.stringify(results, null, 2));
  await reader.release();
}

function accuracy(all: readonly ReadHead[], reader: FaceReader) {
  const level = all.filter(({ pitch, roll }) => pitch === 0 && roll === 0);
  const found = level.filter(({ read }) => read.face);
  const tilted = all.filter(({ read, pitch }) => read.face && pitch !== 0);
  const rolled = all.filter(({ read, roll }) => read.face && roll !== 0);
  return {
    measured_with: reader.id,
    heads: new Set(all.map(({ identity }) => identity)).size,
    pictures: all.length,
    found: YAW_BINS.map((from) => {
      const bin = level.filter((head) => inBin(Math.abs(head.yaw), from, YAW_BINS));
      const share = (background: Head['background']) => {
        const those = bin.filter((head) => head.background === background);
        return rounded(those.filter(({ read }) => read.faces.length === 1).length / those.length, 3);
      };
      return { yaw_from: from, pictures: bin.length, white: share('white'), scene: share('scene') };
    }),
    yaw: YAW_BINS.map((from) => {
      // Positive where a head looks more turned than it is.
      const errors = found
        .filter((head) => inBin(Math.abs(head.yaw), from, YAW_BINS))
        .map(({ yaw, read }) => (yaw < 0 ? yaw - read.face!.pose.yaw : read.face!.pose.yaw - yaw));
      return { yaw_from: from, ...errorsOf(errors) };
    }),
    pitch: errorsOf(tilted.map(({ pitch, read }) => read.face!.pose.pitch - pitch)),
    pitch_sign_right: rounded(
      tilted.filter(({ pitch, read }) => Math.sign(read.face!.pose.pitch) === Math.sign(pitch)).length / tilted.length,
      3,
    ),
    roll: errorsOf(rolled.map(({ roll, read }) => read.face!.pose.roll - roll)),
    identity: identityFigures(found, reader),
    findings: findingCounts(found),
  };
}

function identityFigures(found: readonly ReadHead[], reader: FaceReader) {
  const pairs = found.flatMap((a, i) =>
    found.slice(i + 1).map((b) => ({
      isSame: a.identity === b.identity,
      difference: Math.abs(a.yaw - b.yaw),
      cosine: similarity(a.read.face!.embedding!, b.read.face!.embedding!),
    })),
  );
  const { thresholds } = reader.embedderSettings;
  return DIFFERENCE_BINS.map((from) => {
    const bin = pairs.filter(({ difference }) => inBin(difference, from, DIFFERENCE_BINS));
    const cosines = (isSame: boolean) =>
      bin.flatMap((pair) => (pair.isSame === isSame ? [pair.cosine] : [])).sort((a, b) => a - b);
    const [same, different] = [cosines(true), cosines(false)];
    const share = (values: readonly number[], least: number) =>
      rounded(values.filter((value) => value >= least).length / values.length, 3);
    return {
      difference_from: from,
      same_pairs: same.length,
      different_pairs: different.length,
      auc: rounded(auc(same, different), 3),
      same_median: rounded(quantile(same, 0.5), 3),
      different_median: rounded(quantile(different, 0.5), 3),
      // What a threshold for these heads would be: 1 % of strangers pass.
      one_percent_threshold: rounded(quantile(different, 0.99), 3),
      at_that_same_pass: share(same, quantile(different, 0.99)),
      at_photos_threshold: {
        same_pass: share(same, thresholds.same),
        different_pass: share(different, thresholds.same),
      },
    };
  });
}

/** Of every rule about one picture: how many of the pictures with a face it speaks of. */
function findingCounts(found: readonly ReadHead[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { read } of found) {
    for (const rule of IMAGE_RULES) {
      const code = rule(read)?.code;
      if (code) counts[code] = (counts[code] ?? 0) + 1;
    }
  }
  return { pictures: found.length, frontal: found.filter(({ yaw }) => Math.abs(yaw) <= 30).length, ...counts };
}

function inBin(value: number, from: number, bins: readonly number[]): boolean {
  return value >= from && value < (bins[bins.indexOf(from) + 1] ?? Number.POSITIVE_INFINITY);
}

function errorsOf(errors: readonly number[]) {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const absolute = errors.map(Math.abs).sort((a, b) => a - b);
  return {
    pictures: errors.length,
    mean_absolute: rounded(mean(absolute), 1),
    bias: rounded(mean(errors), 1),
    p90: rounded(quantile(absolute, 0.9), 1),
  };
}

/** Probability that a pair of the first kind is more alike than one of the second; both sorted. */
function auc(same: readonly number[], different: readonly number[]): number {
  let [below, sum] = [0, 0];
  for (const value of same) {
    while (below < different.length && different[below]! < value) below++;
    sum += below;
  }
  return sum / (same.length * different.length);
}

/** @param sorted ascending. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('folder must be one that training.face_check_set has written, got none.');
void main(folder);

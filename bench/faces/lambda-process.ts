/**
 * One fresh process in the place of Lambda's: it loads the function, opens the face models and judges a set, and prints what each
 * part took. Bundled as the functions are, so that it starts as they do.
 *
 *   node lambda-process.js <folder of index.js> <times to judge> <image> ...
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Moment {
  /** Milliseconds since 1970. */
  readonly clock: number;
  /** Milliseconds that all threads have worked since the process began; unlike the clock, they are the same on a busy machine. */
  readonly cpu: number;
}

export interface ProcessFigures {
  /** When each of the cold steps was done. */
  readonly started: Moment;
  readonly loaded: Moment;
  readonly opened: Moment;
  readonly judged: Moment;
  /** CPU milliseconds for all images, one entry a time: of all threads. */
  readonly decodeAlone: readonly number[];
  readonly networksAlone: readonly number[];
  readonly faceCheck: readonly number[];
  /** Faces found in all images. */
  readonly faces: number;
  /** Bytes of the process at its largest. */
  readonly peakMemory: number;
}

function now(): Moment {
  const { user, system } = process.cpuUsage();
  return { clock: performance.timeOrigin + performance.now(), cpu: (user + system) / 1000 };
}

async function main(): Promise<ProcessFigures> {
  const started = now();
  const [, , task = '', times = '0', ...files] = process.argv;
  // By a name that the bundler cannot follow: it is the function that was deployed. What it loads at once, it loads here.
  require(path.join(task, 'index.js'));
  require('sharp');
  require('onnxruntime-node');
  const loaded = now();

  const { sharedFaces }: typeof import('../../faces/shared-faces') = require('../../faces/shared-faces');
  const {
    checkReferences,
  }: typeof import('../../faces/check/check-references') = require('../../faces/check/check-references');
  const { requireDecodes }: typeof import('../../faces/reference-image') = require('../../faces/reference-image');
  const { openOnnxModel }: typeof import('../../faces/onnx-model') = require('../../faces/onnx-model');
  const { faceModelFile }: typeof import('../../faces/face-models') = require('../../faces/face-models');
  const { peakMemoryBytes }: typeof import('../../gpu-worker/peak-memory') = require('../../gpu-worker/peak-memory');
  const reader = await sharedFaces();
  const opened = now();

  const images = files.map((file) => ({ image: { file: path.basename(file) }, bytes: readFileSync(file) }));
  const faceCheck = () => checkReferences(images, [], reader);
  const { images: checked } = await faceCheck();
  const faces = checked.reduce((sum, image) => sum + image.faces, 0);
  const judged = now();

  const decodeAlone = async () => {
    for (const { image, bytes } of images) await requireDecodes(bytes, image, 'image');
  };
  const blazeface = await openOnnxModel(faceModelFile('blazeface'));
  const faceres = await openOnnxModel(faceModelFile('faceres'));
  const square = (side: number) => ({
    image: { dims: [1, 3, side, side], data: new Float32Array(3 * side * side).fill(100) },
  });
  const networksAlone = async () => {
    for (const _ of images) {
      await blazeface.run(square(256));
      // As it is, and mirrored.
      await faceres.run(square(224));
      await faceres.run(square(224));
    }
  };
  const figures = { decodeAlone: [] as number[], networksAlone: [] as number[], faceCheck: [] as number[] };
  // In turn: what a busy machine does to one, it does to the others.
  for (let i = 0; i < Number(times); i++) {
    figures.decodeAlone.push(await cpuMilliseconds(decodeAlone));
    figures.networksAlone.push(await cpuMilliseconds(networksAlone));
    figures.faceCheck.push(await cpuMilliseconds(faceCheck));
  }
  return { started, loaded, opened, judged, ...figures, faces, peakMemory: peakMemoryBytes() };
}

async function cpuMilliseconds(work: () => Promise<unknown>): Promise<number> {
  const before = now();
  await work();
  return now().cpu - before.cpu;
}

main().then(
  (figures) => process.stdout.write(JSON.stringify(figures)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);

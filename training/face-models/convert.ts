/**
 * Makes models/faces/*.onnx from the TensorFlow.js models of the npm package @vladmandic/human, whose version package-lock.json pins.
 *
 *   npx tsx training/face-models/convert.ts
 *
 * The files are in the repository, so that nobody who uses them needs that package; a test holds them to what this writes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Graph } from '../../gpu-worker/onnx/graph';
import { emitTfjs, readTfjsModel } from './tfjs';

/** Side of the picture that each model takes, and what it gives: name -> TensorFlow node. */
export const FACE_MODELS = {
  // Boxes and six keypoints for anchors 16 and 32 pixels apart; what else the package's detectors give is not asked for.
  blazeface: {
    size: 256,
    outputs: {
      regressors_16: 'Identity_2',
      scores_16: 'Identity',
      regressors_32: 'Identity_3',
      scores_32: 'Identity_1',
    },
  },
  // The 1024 numbers that tell people apart. Its guesses of age and gender are left out: nobody needs them here.
  faceres: { size: 224, outputs: { embedding: 'global_pooling/Mean' } },
  facemesh: { size: 192, outputs: { mesh: 'Identity_2', flag: 'Identity_1' } },
} as const;

export type FaceModel = keyof typeof FACE_MODELS;

// The package exports its code only, so its models are found where npm puts them.
const SOURCE = path.join(__dirname, '../../node_modules/@vladmandic/human/models');
export const TARGET = path.join(__dirname, '../../models/faces');

/** The ONNX graph of a model of the package. */
export function convertFaceModel(name: FaceModel): Graph {
  const { size, outputs } = FACE_MODELS[name];
  const graph = new Graph(name);
  emitTfjs(graph, readTfjsModel(path.join(SOURCE, `${name}.json`)), size, outputs);
  return graph;
}

if (require.main === module) {
  mkdirSync(TARGET, { recursive: true });
  for (const name of Object.keys(FACE_MODELS) as FaceModel[]) {
    const bytes = convertFaceModel(name).toBytes();
    writeFileSync(path.join(TARGET, `${name}.onnx`), bytes);
    console.log(`${name}.onnx  ${bytes.length} bytes`);
  }
}

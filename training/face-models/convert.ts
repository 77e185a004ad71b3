/**
 * Makes models/faces/*.onnx from the TensorFlow.js models of the npm package @vladmandic/human and the TensorFlow Lite model of
 * @mediapipe/selfie_segmentation, whose versions package-lock.json pins.
 *
 *   npx tsx training/face-models/convert.ts
 *
 * The files are in the repository, so that nobody who uses them needs those packages; a test holds them to what this writes.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Graph } from '../../gpu-worker/onnx/graph';
import { emitTfjs, readTfjsModel } from './tfjs';
import { emitTflite, readTfliteModel } from './tflite';

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
  // Where a person is: 0 to 1 for every pixel. The model is the one for pictures of any shape, not the one for wide ones.
  selfie: { size: 256, outputs: { alpha: 'activation_10' } },
} as const;

export type FaceModel = keyof typeof FACE_MODELS;

// The packages export their code only, so their models are found where npm puts them.
const PACKAGES = path.join(__dirname, '../../node_modules');
export const TARGET = path.join(__dirname, '../../models/faces');

/** The ONNX graph of a model of the packages. */
export function convertFaceModel(name: FaceModel): Graph {
  const { size, outputs } = FACE_MODELS[name];
  const graph = new Graph(name);
  if (name === 'selfie') {
    const source = path.join(PACKAGES, '@mediapipe/selfie_segmentation/selfie_segmentation.tflite');
    emitTflite(graph, readTfliteModel(source), outputs);
  } else {
    emitTfjs(graph, readTfjsModel(path.join(PACKAGES, `@vladmandic/human/models/${name}.json`)), size, outputs);
  }
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

/**
 * MediaPipe's BlazeFace (back camera, 256 x 256; Bazarevsky et al., arXiv 1907.05047): boxes and six landmarks for 896 anchors. The
 * picture is letterboxed, not squashed: profiles are lost otherwise.
 */
import { type DetectedFace, distinctFaces, type FaceDetector, type Landmark, type Landmarks } from './detector';
import { faceModelFile } from './face-models';
import { type InputSettings, networkInput } from './network-input';
import { type OnnxModel, openOnnxModel } from './onnx-model';
import { type Letterboxed, letterboxSquare, type Pixels } from './pixels';

const SIDE = 256;
/** -1..1 */
const INPUT: InputSettings = { layout: 'nchw', order: 'rgb', mean: 127.5, std: 127.5 };
/** Anchors lie in the middles of a grid's cells: cell in pixels, anchors a cell. */
const GRIDS = [
  { cell: 16, perCell: 2 },
  { cell: 32, perCell: 6 },
] as const;
const LANDMARK_ORDER: readonly Landmark[] = ['right_eye', 'left_eye', 'nose', 'mouth', 'right_ear', 'left_ear'];
/** Centre, size, and then the landmarks, as offsets from the anchor in pixels of the square. */
const NUMBERS_PER_ANCHOR = 4 + 2 * LANDMARK_ORDER.length;

export interface BlazefaceOptions {
  /** Least score of a face, 0..1. */
  readonly minScore?: number;
  readonly numThreads?: number;
}

/** Below this most finds are none. */
const MIN_SCORE = 0.6;

export class Blazeface implements FaceDetector {
  readonly id = 'blazeface';

  private constructor(
    private readonly model: OnnxModel,
    private readonly minScore: number,
  ) {}

  static async open({ minScore = MIN_SCORE, numThreads }: BlazefaceOptions = {}): Promise<Blazeface> {
    return new Blazeface(await openOnnxModel(faceModelFile('blazeface'), { numThreads }), minScore);
  }

  async detect(picture: Pixels): Promise<DetectedFace[]> {
    const square = await letterboxSquare(picture, SIDE);
    const outputs = await this.model.run({ image: networkInput(square.pixels, INPUT) });
    const candidates = GRIDS.flatMap(({ cell, perCell }) => {
      const scores = outputs[`scores_${cell}`]!.data;
      const regressors = outputs[`regressors_${cell}`]!.data;
      const found: DetectedFace[] = [];
      for (const [anchor, logit] of scores.entries()) {
        const score = 1 / (1 + Math.exp(-logit));
        if (score < this.minScore) continue;
        const numbers = regressors.subarray(anchor * NUMBERS_PER_ANCHOR, (anchor + 1) * NUMBERS_PER_ANCHOR);
        found.push(faceAt(Math.floor(anchor / perCell), cell, numbers, score, square));
      }
      return found;
    });
    return distinctFaces(candidates);
  }

  release(): Promise<void> {
    return this.model.release();
  }
}

function faceAt(
  cellIndex: number,
  cell: number,
  numbers: Float32Array,
  score: number,
  square: Letterboxed,
): DetectedFace {
  const columns = SIDE / cell;
  const middle = { x: ((cellIndex % columns) + 0.5) * cell, y: (Math.floor(cellIndex / columns) + 0.5) * cell };
  const toPicture = (index: number) => ({
    x: (middle.x + numbers[index]! - square.x) / square.scale,
    y: (middle.y + numbers[index + 1]! - square.y) / square.scale,
  });
  const centre = toPicture(0);
  const [width, height] = [numbers[2]! / square.scale, numbers[3]! / square.scale];
  const landmarks: Landmarks = Object.fromEntries(LANDMARK_ORDER.map((name, i) => [name, toPicture(4 + 2 * i)]));
  return { box: { x: centre.x - width / 2, y: centre.y - height / 2, width, height }, score, landmarks };
}

/**
 * SCRFD, the detector of InsightFace's packs (det_500m.onnx, det_10g.onnx; Guo et al., arXiv 2105.04714): a file of the user's own.
 * It reads RGB as (value - 127.5) / 128. Nine outputs, whatever their names: the scores of three grids, then their boxes as distances
 * to the four sides, then five landmarks as offsets, all in cells from the cell's corner, twice for every cell.
 */
import { type DetectedFace, distinctFaces, type FaceDetector } from './detector';
import { FIVE_POINTS, faceInPicture, STRIDES } from './five-points';
import { type InputSettings, networkInput } from './network-input';
import { FaceModelError, type OnnxModel, type OnnxTensor, openOnnxModel } from './onnx-model';
import type { PluginOptions } from './open-detector';
import { type Letterboxed, letterboxSquare, type Pixels } from './pixels';

const ANCHORS_A_CELL = 2;
/** Numbers an anchor of each kind of output, in their order. */
const KINDS = [1, 4, 2 * FIVE_POINTS.length] as const;
const INPUT: InputSettings = { layout: 'nchw', order: 'rgb', mean: 127.5, std: 128 };

export class Scrfd implements FaceDetector {
  private constructor(
    private readonly model: OnnxModel,
    private readonly options: PluginOptions,
  ) {}

  /** @throws FaceModelError when the file is not there, another one, or no SCRFD with landmarks. */
  static async open(options: PluginOptions): Promise<Scrfd> {
    const model = await openOnnxModel(options.path, options);
    const count = model.outputNames.length;
    if (count === KINDS.length * STRIDES.length) return new Scrfd(model, options);
    await model.release();
    throw new FaceModelError(
      `path must be an SCRFD with landmarks (nine outputs), got ${options.path} (${count === 1 ? 'one' : count}).`,
    );
  }

  get id(): string {
    return `scrfd (${this.model.sha256.slice(0, 12)})`;
  }

  async detect(picture: Pixels): Promise<DetectedFace[]> {
    const { size } = this.options;
    const square = await letterboxSquare(picture, size);
    const image = networkInput(square.pixels, INPUT);
    const outputs = await this.model.run({ [this.model.inputNames[0]!]: image });
    return distinctFaces(STRIDES.flatMap((_, grid) => this.facesOfGrid(grid, outputs, square)));
  }

  release(): Promise<void> {
    return this.model.release();
  }

  private facesOfGrid(grid: number, outputs: Record<string, OnnxTensor>, square: Letterboxed): DetectedFace[] {
    const stride = STRIDES[grid]!;
    const columns = this.options.size / stride;
    const anchors = ANCHORS_A_CELL * columns * columns;
    const [scores, boxes, offsets] = KINDS.map((perAnchor, kind) => {
      const name = this.model.outputNames[kind * STRIDES.length + grid]!;
      const { data } = outputs[name]!;
      if (data.length === perAnchor * anchors) return data;
      const rule = `the side that the network was exported for (${name} with ${perAnchor * anchors} numbers)`;
      throw new FaceModelError(`size must be ${rule}, got ${this.options.size} (${data.length} numbers).`);
    }) as [Float32Array, Float32Array, Float32Array];
    const found: DetectedFace[] = [];
    for (const [anchor, score] of scores.entries()) {
      if (!(score >= this.options.min_score)) continue; // no number is no face
      const cell = Math.floor(anchor / ANCHORS_A_CELL);
      const corner = { x: (cell % columns) * stride, y: Math.floor(cell / columns) * stride };
      const [left, top, right, bottom] = Array.from(boxes.subarray(4 * anchor, 4 * anchor + 4), (cells) => cells * stride) as
        [number, number, number, number]; // biome-ignore format: one value
      const box = { x: corner.x - left, y: corner.y - top, width: left + right, height: top + bottom };
      const points = FIVE_POINTS.map((_, i) => {
        const at = 2 * (FIVE_POINTS.length * anchor + i);
        return { x: corner.x + offsets[at]! * stride, y: corner.y + offsets[at + 1]! * stride };
      });
      found.push(faceInPicture(box, points, score, square));
    }
    return found;
  }
}

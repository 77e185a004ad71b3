/**
 * OpenCV Zoo's YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023): a file of the user's own. It reads BGR of
 * 0..255. For every cell of three grids it gives two scores, a box (its middle as an offset from the cell's corner in cells, the
 * logarithms of its sides in cells) and five landmarks (offsets in cells), as cv::FaceDetectorYN reads them.
 */
import { type DetectedFace, distinctFaces, type FaceDetector } from './detector';
import { FIVE_POINTS, faceInPicture, STRIDES } from './five-points';
import { type InputSettings, networkInput } from './network-input';
import { FaceModelError, type OnnxModel, type OnnxTensor, openOnnxModel } from './onnx-model';
import type { PluginOptions } from './open-detector';
import { type Letterboxed, letterboxSquare, type Pixels } from './pixels';

/** Numbers a cell of each output. */
const OUTPUTS = { cls: 1, obj: 1, bbox: 4, kps: 2 * FIVE_POINTS.length } as const;
type Output = keyof typeof OUTPUTS;
const NAMES = STRIDES.flatMap((stride) => (Object.keys(OUTPUTS) as Output[]).map((output) => `${output}_${stride}`));
const INPUT: InputSettings = { layout: 'nchw', order: 'bgr', mean: 0, std: 1 };

export class YuNet implements FaceDetector {
  private constructor(
    private readonly model: OnnxModel,
    private readonly options: PluginOptions,
  ) {}

  /** @throws FaceModelError when the file is not there, another one, or no YuNet. */
  static async open(options: PluginOptions): Promise<YuNet> {
    const model = await openOnnxModel(options.path, options);
    const missing = NAMES.filter((name) => !model.outputNames.includes(name));
    if (missing.length === 0) return new YuNet(model, options);
    await model.release();
    throw new FaceModelError(
      `path must be a YuNet with the outputs ${NAMES.join(', ')}, got ${options.path} without ${missing.join(', ')}.`,
    );
  }

  get id(): string {
    return `yunet (${this.model.sha256.slice(0, 12)})`;
  }

  async detect(picture: Pixels): Promise<DetectedFace[]> {
    const { size } = this.options;
    const square = await letterboxSquare(picture, size);
    const image = networkInput(square.pixels, INPUT);
    const outputs = await this.model.run({ [this.model.inputNames[0]!]: image });
    return distinctFaces(STRIDES.flatMap((stride) => this.facesOfGrid(stride, outputs, square)));
  }

  release(): Promise<void> {
    return this.model.release();
  }

  private facesOfGrid(stride: number, outputs: Record<string, OnnxTensor>, square: Letterboxed): DetectedFace[] {
    const columns = this.options.size / stride;
    const [cls, obj, bbox, kps] = (Object.entries(OUTPUTS) as [Output, number][]).map(([output, perCell]) => {
      const { data } = outputs[`${output}_${stride}`]!;
      if (data.length === perCell * columns * columns) return data;
      const rule = `the side that the network was exported for (${output}_${stride} with ${perCell * columns ** 2} numbers)`;
      throw new FaceModelError(`size must be ${rule}, got ${this.options.size} (${data.length} numbers).`);
    }) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const found: DetectedFace[] = [];
    for (const [cell, certainty] of cls.entries()) {
      const score = Math.sqrt(unit(certainty) * unit(obj[cell]!));
      if (!(score >= this.options.min_score)) continue; // no number is no face
      const [column, row] = [cell % columns, Math.floor(cell / columns)];
      const [dx, dy, logWidth, logHeight] = bbox.subarray(4 * cell, 4 * cell + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const [width, height] = [Math.exp(logWidth) * stride, Math.exp(logHeight) * stride];
      const corner = { x: (column + dx) * stride - width / 2, y: (row + dy) * stride - height / 2 };
      const points = FIVE_POINTS.map((_, i) => {
        const at = 2 * (FIVE_POINTS.length * cell + i);
        return { x: (column + kps[at]!) * stride, y: (row + kps[at + 1]!) * stride };
      });
      found.push(faceInPicture({ ...corner, width, height }, points, score, square));
    }
    return found;
  }
}

function unit(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

/**
 * Cutting a person out: how much of every pixel of a photo is the person.
 *
 * A network sees the photo in a few hundred pixels; the guided filter takes its edges to those of the photo. Whatever the photo's size,
 * only the result has it: everything between is computed on a small copy.
 */
import { headWindow, seamWeight, type Window } from './closer-look';
import { boxMean, type Coefficients, guidedCoefficients, type Plane } from './guided-filter';
import { builtInMatting, type MattingModel, type MattingSettings, parseMattingModel } from './matting-settings';
import { networkInput } from './network-input';
import { FaceModelError, type OnnxModel, openOnnxModel } from './onnx-model';
import { personMask, stretched } from './person-mask';
import { type Pixels, toSharp } from './pixels';

/** One byte a pixel, [height, width]: 0 background, 255 the person. */
export interface Alpha {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Longer side of the copy on which edges are looked for. */
const GUIDE_SIDE = 768;
/** Pixels of the network that its edge may be off: a matting is exact as far as it sees. Farther out, a person is another one. */
const REACH = { segmentation: 3, matting: 1, neighbour: 4 } as const;
/** Both looks must see as much of what either sees. */
const AGREEMENT = 0.85;
/** Rounding of a mean of nothing. */
const NOTHING = 1e-6;
/** Variance of a colour 0..1: steps of 2.5 levels are edges. */
const EPSILON = 1e-4;
/** The filter leaves a breath of alpha far from edges. */
const FILTERED = [0.1, 0.9] as const;
/** A panorama must not make a network's picture as long. */
const LONGEST = 4;

export class Matting {
  private constructor(
    readonly settings: MattingSettings,
    private readonly network: OnnxModel,
  ) {}

  /**
   * The built-in network, unless a model is given; that is shown a grey picture first, so that what does not fit is told here.
   * @throws FaceModelError that says which of the settings is wrong, or when the file is not there, another one, or gives no alpha.
   */
  static async open({ model, numThreads }: { model?: MattingModel; numThreads?: number } = {}): Promise<Matting> {
    const settings = model === undefined ? builtInMatting() : parseMattingModel(model);
    const network = await openOnnxModel(settings.path, { sha256: settings.sha256, numThreads });
    const matting = new Matting(settings, network);
    if (model === undefined) return matting;
    try {
      if (network.inputNames.length !== 1) {
        throw new FaceModelError(
          `matting.path must be a network with one input, got ${settings.path} (${network.inputNames.join(', ')}).`,
        );
      }
      const side = 64;
      await matting.infer({ data: new Uint8Array(3 * side * side).fill(128), width: side, height: side });
      return matting;
    } catch (error) {
      await matting.release();
      throw error;
    }
  }

  /** @param picture any size; the person in it may be cut off by its border. */
  async alpha(picture: Pixels): Promise<Alpha> {
    const { kind } = this.settings;
    const small = await guideOf(picture);
    const first = await this.look(picture);
    const target = enlarged(first, small.width, small.height);
    // A matting was made for whole photos, and sees them in more pixels.
    const window = kind === 'segmentation' ? headWindow(first, picture) : null;
    let networkPixel = Math.max(small.width / first.width, small.height / first.height);
    if (window !== null) {
      const second = await this.look(await cropped(picture, window));
      laidOver(target, small, second, window, picture, REACH.neighbour * networkPixel);
      const closer = (window.side * small.width) / picture.width / second.width;
      // Edges of both looks are to be found.
      networkPixel = Math.sqrt(networkPixel * closer);
    }
    const radius = Math.max(1, Math.round(REACH[kind] * networkPixel));
    const coefficients = guidedCoefficients(small.guide, target, small.width, small.height, {
      radius,
      epsilon: EPSILON,
    });
    return applied(coefficients, small, picture);
  }

  release(): Promise<void> {
    return this.network.release();
  }

  private async look(picture: Pixels): Promise<Seen> {
    const seen = await this.infer(picture);
    if (this.settings.kind === 'matting') return seen;
    return { ...seen, data: personMask(seen.data, seen.width, seen.height) };
  }

  /** What the network says, at its own size. */
  private async infer(picture: Pixels): Promise<Seen> {
    const [width, height] = this.inputSize(picture);
    const bytes = await toSharp(picture).resize({ width, height, fit: 'fill' }).raw().toBuffer();
    const straight = await this.run(bytes, width, height, false);
    if (!this.settings.flip) return { data: straight, width, height };
    const mirrored = await this.run(bytes, width, height, true);
    const data = straight.map((value, i) => {
      const column = i % width;
      return (value + mirrored[i - column + (width - 1 - column)]!) / 2;
    });
    return { data, width, height };
  }

  private async run(bytes: Uint8Array, width: number, height: number, mirrored: boolean): Promise<Plane> {
    const { path } = this.settings;
    const input = networkInput({ data: bytes, width, height }, this.settings, mirrored);
    const outputs = await this.network.run({ [this.network.inputNames[0]!]: input });
    const name = this.settings.output ?? this.network.outputNames[0]!;
    const output = outputs[name];
    if (output === undefined) {
      const names = this.network.outputNames.join(', ');
      throw new FaceModelError(`matting.output must be an output of ${path} (${names}), got "${name}".`);
    }
    if (output.dims.filter((dim) => dim !== 1).join() !== [height, width].join()) {
      throw new FaceModelError(
        `matting.output must have one number a pixel, [${height}, ${width}], got ${name} [${output.dims.join(', ')}].`,
      );
    }
    return output.data;
  }

  private inputSize({ width, height }: Pixels): readonly [number, number] {
    const { size } = this.settings;
    if (!('side' in size)) return size;
    const scale = size.side / Math.min(width, height);
    const least = Math.ceil(size.side / size.multiple_of);
    const fitted = (length: number) => {
      const times = Math.round(Math.min(length * scale, LONGEST * size.side) / size.multiple_of);
      return Math.max(least, times) * size.multiple_of;
    };
    return [fitted(width), fitted(height)];
  }
}

/** What a network says of a picture: one number a pixel of its own. */
interface Seen {
  readonly data: Plane;
  readonly width: number;
  readonly height: number;
}

interface Small {
  readonly guide: readonly [Plane, Plane, Plane];
  readonly width: number;
  readonly height: number;
}

async function guideOf(picture: Pixels): Promise<Small> {
  const scale = Math.min(1, GUIDE_SIDE / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * scale));
  const height = Math.max(1, Math.round(picture.height * scale));
  const bytes = await toSharp(picture).resize({ width, height, fit: 'fill' }).raw().toBuffer();
  const plane = (channel: number) =>
    Float32Array.from({ length: width * height }, (_, i) => bytes[3 * i + channel]! / 255);
  return { guide: [plane(0), plane(1), plane(2)], width, height };
}

function enlarged(from: Seen, width: number, height: number): Plane {
  const across = between(from.width, width);
  const result = new Float32Array(width * height);
  const down = between(from.height, height);
  for (let y = 0; y < height; y++) {
    const [top, bottom, v] = [down.low[y]! * from.width, down.high[y]! * from.width, down.part[y]!];
    for (let x = 0; x < width; x++) {
      const [left, right, h] = [across.low[x]!, across.high[x]!, across.part[x]!];
      const upper = from.data[top + left]! * (1 - h) + from.data[top + right]! * h;
      const lower = from.data[bottom + left]! * (1 - h) + from.data[bottom + right]! * h;
      result[y * width + x] = upper * (1 - v) + lower * v;
    }
  }
  return result;
}

async function cropped(picture: Pixels, { left, top, side }: Window): Promise<Pixels> {
  const data = await toSharp(picture).extract({ left, top, width: side, height: side }).raw().toBuffer();
  return { data, width: side, height: side };
}

/**
 * Puts the second look into the target, where it is at most `reach` pixels of the target away from the first one's person; not at
 * all when the two see different things.
 */
function laidOver(target: Plane, small: Small, second: Seen, window: Window, picture: Pixels, reach: number): void {
  const scale = small.width / picture.width;
  const side = Math.max(1, Math.round(window.side * scale));
  const [left, top] = [Math.round(window.left * scale), Math.round(window.top * scale)];
  const closer = enlarged(second, side, side);
  const mask = target.map((value) => (value > 0.5 ? 1 : 0));
  const near = boxMean(mask, small.width, small.height, Math.round(reach));
  const changed = new Map<number, number>();
  let [both, either] = [0, 0];
  for (let y = 0; y < Math.min(side, small.height - top); y++) {
    for (let x = 0; x < Math.min(side, small.width - left); x++) {
      const i = (top + y) * small.width + left + x;
      if (near[i]! < NOTHING) continue;
      const value = closer[y * side + x]!;
      both += Math.min(value, target[i]!);
      either += Math.max(value, target[i]!);
      changed.set(
        i,
        target[i]! + seamWeight((x + 0.5) / side, (y + 0.5) / side, window, picture) * (value - target[i]!),
      );
    }
  }
  if (both < AGREEMENT * either) return;
  for (const [i, value] of changed) target[i] = value;
}

/** Row by row, so that no plane but the result has the picture's size. */
function applied(coefficients: Coefficients, small: Small, { data, width, height }: Pixels): Alpha {
  const alpha = new Uint8Array(width * height);
  const across = between(small.width, width);
  const down = between(small.height, height);
  const rows = coefficients.map(() => new Float32Array(small.width)) as [Plane, Plane, Plane, Plane];
  const [red, green, blue, offset] = rows;
  for (let y = 0; y < height; y++) {
    const [top, bottom, v] = [down.low[y]! * small.width, down.high[y]! * small.width, down.part[y]!];
    for (const [k, plane] of coefficients.entries()) {
      for (let x = 0; x < small.width; x++) rows[k]![x] = plane[top + x]! * (1 - v) + plane[bottom + x]! * v;
    }
    for (let x = 0; x < width; x++) {
      const [left, right, h] = [across.low[x]!, across.high[x]!, across.part[x]!];
      const i = y * width + x;
      const low = red[left]! * data[3 * i]! + green[left]! * data[3 * i + 1]! + blue[left]! * data[3 * i + 2]!;
      const high = red[right]! * data[3 * i]! + green[right]! * data[3 * i + 1]! + blue[right]! * data[3 * i + 2]!;
      const value = (low / 255 + offset[left]!) * (1 - h) + (high / 255 + offset[right]!) * h;
      alpha[i] = Math.round(255 * stretched(value, ...FILTERED));
    }
  }
  return { data: alpha, width, height };
}

/** For every one of `to` pixels, the two of `from` between whose middles it lies, and the share of the second. */
function between(from: number, to: number): { low: Int32Array; high: Int32Array; part: Float32Array } {
  const [low, high, part] = [new Int32Array(to), new Int32Array(to), new Float32Array(to)];
  for (let i = 0; i < to; i++) {
    const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
    low[i] = Math.floor(at);
    high[i] = Math.min(from - 1, low[i]! + 1);
    part[i] = at - low[i]!;
  }
  return { low, high, part };
}

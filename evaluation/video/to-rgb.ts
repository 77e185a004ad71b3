/** A decoded picture as RGB: by the matrix and the range that the file states, upright. */
import type { PlaneLayout, VideoFrame } from '@napi-rs/webcodecs';
import type { Pixels } from '../../faces/pixels';

/** As mediabunny and WebCodecs name them; null or missing where the file says nothing. */
export interface StatedColour {
  readonly matrix?: string | null;
  readonly fullRange?: boolean | null;
}

/** Degrees, clockwise. */
export type Rotation = 0 | 90 | 180 | 270;

/** Weights of red and blue in luma: BT.601 (item 2.5.1), BT.709 (item 3.2), BT.2020 (table 4). */
const WEIGHTS: Readonly<Record<string, readonly [red: number, blue: number]>> = {
  smpte170m: [0.299, 0.114],
  bt470bg: [0.299, 0.114],
  bt709: [0.2126, 0.0722],
  'bt2020-ncl': [0.2627, 0.0593],
};
/** A file that says nothing is taken as players take it: standard definition (PAL has 576 lines) is BT.601, the rest BT.709. */
const MAX_SD_LINES = 576;

/** How the samples of a format lie: chroma samples an axis (in halvings), bits of a sample. */
interface Layout {
  readonly shiftX: number;
  readonly shiftY: number;
  readonly bits: number;
  /** Cb and Cr in one plane, in which order; null where each has its own. */
  readonly interleaved: 'uv' | 'vu' | null;
}

const PLANAR = /^I(420|422|444)A?(?:P(10|12))?$/;

function layoutOf(format: string): Layout | null {
  if (format === 'NV12' || format === 'NV21') {
    return { shiftX: 1, shiftY: 1, bits: 8, interleaved: format === 'NV12' ? 'uv' : 'vu' };
  }
  const planar = PLANAR.exec(format);
  if (!planar) return null;
  const [, sampling, bits] = planar;
  return {
    shiftX: sampling === '444' ? 0 : 1,
    shiftY: sampling === '420' ? 1 : 0,
    bits: Number(bits ?? 8),
    interleaved: null,
  };
}

/**
 * @param frame stays open.
 * @throws Error when its format is none that is known.
 */
export async function toRgb(frame: VideoFrame, stated: StatedColour, rotation: Rotation): Promise<Pixels> {
  const { format } = frame;
  const bytes = new Uint8Array(frame.allocationSize());
  const planes = await frame.copyTo(bytes);
  const { width, height } = frame.visibleRect;
  const place = placement(width, height, rotation);
  const layout = layoutOf(String(format));
  if (!layout)
    return { ...place.size, data: fromPacked(bytes, String(format), planes[0]!.stride, width, height, place) };

  const colour = {
    matrix: stated.matrix ?? frame.colorSpace.matrix,
    fullRange: stated.fullRange ?? frame.colorSpace.fullRange ?? false,
  };
  const table = conversionTable(colour.matrix ?? (height <= MAX_SD_LINES ? 'smpte170m' : 'bt709'), colour.fullRange);
  const { shiftX, shiftY, bits, interleaved } = layout;
  const [samples, bytesEach] = bits > 8 ? [upperBits(bytes, bits), 2] : [bytes, 1];
  const [lumaPlane, firstChroma, secondChroma] = planes.map(({ offset, stride }) => {
    return { offset: offset / bytesEach, stride: stride / bytesEach };
  }) as [PlaneLayout, PlaneLayout, PlaneLayout];
  const step = interleaved ? 2 : 1;
  const first = firstChroma.offset;
  const [blueAt, redAt] =
    interleaved === 'uv'
      ? [first, first + 1]
      : interleaved === 'vu'
        ? [first + 1, first]
        : [first, secondChroma.offset];
  const data = new Uint8ClampedArray(3 * width * height);
  const { luma, redFromCr, greenFromCb, greenFromCr, blueFromCb } = table;
  for (let row = 0; row < height; row++) {
    const lumaRow = lumaPlane.offset + row * lumaPlane.stride;
    const chromaRow = (row >> shiftY) * firstChroma.stride;
    let to = 3 * (place.start + row * place.rowStep);
    for (let column = 0; column < width; column++) {
      const chroma = chromaRow + (column >> shiftX) * step;
      const y = luma[samples[lumaRow + column]!]!;
      const cb = samples[blueAt + chroma]!;
      const cr = samples[redAt + chroma]!;
      data[to] = y + redFromCr[cr]!;
      data[to + 1] = y + greenFromCb[cb]! + greenFromCr[cr]!;
      data[to + 2] = y + blueFromCb[cb]!;
      to += 3 * place.columnStep;
    }
  }
  return { ...place.size, data: new Uint8Array(data.buffer) };
}

/** Samples of more than 8 bits are 16 wide, little-endian: what is kept of them is their upper 8 bits. */
function upperBits(bytes: Uint8Array, bits: number): Uint8Array {
  return Uint8Array.from(
    { length: bytes.length / 2 },
    (_, i) => (bytes[2 * i]! | (bytes[2 * i + 1]! << 8)) >> (bits - 8),
  );
}

/** Where a picture's pixels go when it is turned upright: index of the first, and steps from one to the next. */
function placement(width: number, height: number, rotation: Rotation) {
  switch (rotation) {
    case 0:
      return { size: { width, height }, start: 0, columnStep: 1, rowStep: width };
    case 90:
      return { size: { width: height, height: width }, start: height - 1, columnStep: height, rowStep: -1 };
    case 180:
      return { size: { width, height }, start: width * height - 1, columnStep: -1, rowStep: -width };
    case 270:
      return { size: { width: height, height: width }, start: height * (width - 1), columnStep: -height, rowStep: 1 };
  }
}

interface ConversionTable {
  readonly luma: Float32Array;
  readonly redFromCr: Float32Array;
  readonly greenFromCb: Float32Array;
  readonly greenFromCr: Float32Array;
  readonly blueFromCb: Float32Array;
}

const tables = new Map<string, ConversionTable>();

function conversionTable(matrix: string, fullRange: boolean): ConversionTable {
  const key = `${matrix} ${fullRange}`;
  const known = tables.get(key);
  if (known) return known;
  const [red, blue] = WEIGHTS[matrix] ?? WEIGHTS.bt709!;
  const green = 1 - red - blue;
  // Limited range: luma 16..235, chroma 128 +- 112.
  const [zero, lumaRange, chromaRange] = fullRange ? [0, 255, 255] : [16, 219, 224];
  const perChroma = (weight: number) => {
    return Float32Array.from({ length: 256 }, (_, value) => (255 * weight * (value - 128)) / chromaRange);
  };
  const table = {
    luma: Float32Array.from({ length: 256 }, (_, value) => (255 * (value - zero)) / lumaRange),
    redFromCr: perChroma(2 * (1 - red)),
    greenFromCb: perChroma((-2 * (1 - blue) * blue) / green),
    greenFromCr: perChroma((-2 * (1 - red) * red) / green),
    blueFromCb: perChroma(2 * (1 - blue)),
  };
  tables.set(key, table);
  return table;
}

function fromPacked(
  bytes: Uint8Array,
  format: string,
  stride: number,
  width: number,
  height: number,
  place: ReturnType<typeof placement>,
): Uint8Array {
  if (!/^(RGB|BGR)[AX]$/.test(format)) throw new Error(`A frame must be YUV or RGB, got ${format}.`);
  const [red, blue] = format.startsWith('RGB') ? [0, 2] : [2, 0];
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = row * stride + 4 * column;
      const to = 3 * (place.start + row * place.rowStep + column * place.columnStep);
      data[to] = bytes[from + red]!;
      data[to + 1] = bytes[from + 1]!;
      data[to + 2] = bytes[from + blue]!;
    }
  }
  return data;
}

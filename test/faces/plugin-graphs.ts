/**
 * Detectors and embedders of a few nodes, with the inputs and outputs of the real ones: a coloured cell of the picture is a face, so
 * what a test expects follows from the pictures alone.
 */
import { Graph, type Value } from '../../gpu-worker/onnx/graph';
import { Conv, Expand, Reshape, Transpose } from '../../gpu-worker/onnx/ops';

const STRIDES = [8, 16, 32] as const;

/** What every face found is said to be: numbers in cells, as the outputs have them. */
export interface StatedFace {
  readonly box: readonly number[];
  readonly points: readonly number[];
}

/**
 * YuNet of a square of `side`: the first channel of the input makes a face in the fine grid, the second in the middle one, the
 * third in the coarse one, with cls the value / 255 and obj 0.81.
 * @param larger what a face of the two coarser grids is said to be; as those of the fine one unless given.
 */
export function yunetGraph(side: number, face: StatedFace, larger = face): Uint8Array {
  const g = new Graph('yunet');
  const image = g.input('input', 'float32', [1, 3, side, side]);
  for (const [channel, stride] of STRIDES.entries()) {
    const cells = (side / stride) ** 2;
    const { box, points } = channel === 0 ? face : larger;
    const value = cellValue(g, image, channel, stride, 1, 1 / 255);
    g.output(`cls_${stride}`, Reshape(g, value, [1, cells, 1]));
    g.output(`obj_${stride}`, repeated(g, `obj${stride}`, [0.81], [1, cells, 1]));
    g.output(`bbox_${stride}`, repeated(g, `bbox${stride}`, box, [1, cells, 4]));
    g.output(`kps_${stride}`, repeated(g, `kps${stride}`, points, [1, cells, 10]));
  }
  return g.toBytes();
}

/** SCRFD: as above, where the second anchor of a cell has the value of its channel as its score, and the first has none. */
export function scrfdGraph(side: number, { box, points }: StatedFace): Uint8Array {
  const g = new Graph('scrfd');
  const image = g.input('input.1', 'float32', [1, 3, side, side]);
  const anchors = (stride: number) => 2 * (side / stride) ** 2;
  for (const [channel, stride] of STRIDES.entries()) {
    const both = cellValue(g, image, channel, stride, 2, 1);
    g.output(`score${stride}`, Reshape(g, Transpose(g, both, [0, 2, 3, 1]), [anchors(stride), 1]));
  }
  for (const stride of STRIDES) g.output(`b${stride}`, repeated(g, `box${stride}`, box, [anchors(stride), 4]));
  for (const stride of STRIDES) g.output(`k${stride}`, repeated(g, `kps${stride}`, points, [anchors(stride), 10]));
  return g.toBytes();
}

/** An embedder that gives the three channels of its input at one place, [1, 3]. */
export function pixelEmbedderGraph(size: number, layout: 'nchw' | 'nhwc', row: number, column: number): Uint8Array {
  const g = new Graph('embedder');
  const nchw = layout === 'nchw';
  const image = g.input('data', 'float32', nchw ? [1, 3, size, size] : [1, size, size, 3]);
  const weights = new Float32Array(3 * 3 * size * size);
  for (let channel = 0; channel < 3; channel++) weights[((3 * channel + channel) * size + row) * size + column] = 1;
  const kernel = g.constant('kernel', 'float32', [3, 3, size, size], weights);
  const picked = Conv(g, nchw ? image : Transpose(g, image, [0, 3, 1, 2]), kernel);
  g.output('fc1', Reshape(g, picked, [1, 3]));
  return g.toBytes();
}

/** The first pixel of every cell, times `scale`, in the last of `outputs` channels. */
function cellValue(g: Graph, image: Value, channel: number, stride: number, outputs: number, scale: number): Value {
  const weights = new Float32Array(outputs * 3 * stride * stride);
  weights[((outputs - 1) * 3 + channel) * stride * stride] = scale;
  const kernel = g.constant(`kernel${stride}`, 'float32', [outputs, 3, stride, stride], weights);
  return Conv(g, image, kernel, undefined, { strides: [stride, stride] });
}

function repeated(g: Graph, name: string, row: readonly number[], shape: readonly number[]): Value {
  const one = g.constant(name, 'float32', [...shape.slice(0, -1).map(() => 1), row.length], row);
  return Expand(g, one, shape);
}

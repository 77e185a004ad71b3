/**
 * Adds a LoRA to weights where they lie: W + scale * up * down, computed in float32 and rounded once to the type that W is stored in.
 *
 * Some rows of one layer are in memory at a time, so a model of any size merges in a few hundred megabytes.
 */
import { open } from 'node:fs/promises';
import type { TensorRef, Weights } from '../../gpu-worker/model/weights';
import type { LoraLayer } from './lora-file';
import { formatOf, readBytes, readFloats, writeBytes } from './tensor-floats';

/** Elements of the rows that are read at once. */
const BLOCK_ELEMENTS = 4 * 1024 * 1024;

/** @param onMerged after each layer, with the bytes done so far and of all. */
export async function mergeLayers(
  weights: Weights,
  layers: readonly LoraLayer[],
  strength: number,
  onMerged: (done: number, total: number) => void = () => {},
): Promise<void> {
  const sizes = layers.map(({ weight }) => weights.get(weight).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  for (const [index, layer] of layers.entries()) {
    await mergeLayer(weights.get(layer.weight), layer, strength);
    done += sizes[index]!;
    onMerged(done, total);
  }
}

async function mergeLayer(tensor: TensorRef, layer: LoraLayer, strength: number): Promise<void> {
  const [outputs, inputs] = tensor.shape as [number, number];
  const format = formatOf(tensor);
  const [down, up] = await Promise.all([readFloats(layer.down), readFloats(layer.up)]);
  const rowsAtOnce = Math.max(1, Math.floor(BLOCK_ELEMENTS / inputs));
  const handle = await open(tensor.file, 'r+');
  try {
    for (let row = 0; row < outputs; row += rowsAtOnce) {
      const rows = Math.min(rowsAtOnce, outputs - row);
      const offset = tensor.offset + row * inputs * format.bytes;
      const values = format.decode(await readBytes(handle, offset, rows * inputs * format.bytes));
      addRows(values, up.subarray(row * (up.length / outputs)), down, inputs, strength * layer.scale);
      await writeBytes(handle, offset, format.encode(values));
    }
  } finally {
    await handle.close();
  }
}

/** values [rows, inputs] += scale * up [rows.., rank] * down [rank, inputs] */
function addRows(values: Float32Array, up: Float32Array, down: Float32Array, inputs: number, scale: number): void {
  const rank = down.length / inputs;
  const delta = new Float32Array(inputs);
  for (let start = 0, at = 0; start < values.length; start += inputs, at += rank) {
    delta.fill(0);
    let r = 0;
    // Four at a time: the row of sums is what this loop waits for.
    for (; r + 4 <= rank; r += 4) {
      const [a, b, c, d] = [up[at + r]!, up[at + r + 1]!, up[at + r + 2]!, up[at + r + 3]!];
      const [first, second, third, fourth] = [r * inputs, (r + 1) * inputs, (r + 2) * inputs, (r + 3) * inputs];
      for (let i = 0; i < inputs; i++) {
        delta[i]! += a * down[first + i]! + b * down[second + i]! + c * down[third + i]! + d * down[fourth + i]!;
      }
    }
    for (; r < rank; r++) {
      const factor = up[at + r]!;
      for (let i = 0, from = r * inputs; i < inputs; i++) delta[i]! += factor * down[from + i]!;
    }
    for (let i = 0; i < inputs; i++) values[start + i]! += scale * delta[i]!;
  }
}

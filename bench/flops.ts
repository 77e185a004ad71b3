/** Floating-point operations of a graph's matrix products, which are nearly all that a transformer computes: 2 m n k a product. */
import type { Graph, Value } from '../gpu-worker/onnx/graph';

/** Counts MatMul, Gemm, Conv and both products of attention; norms, activations and additions are left out. */
export function matrixFlops({ flow }: Graph): number {
  return flow.reduce((sum, { opType, inputs, outputs }) => {
    const [first, second] = inputs;
    const results = elements(outputs[0]!);
    switch (opType) {
      case 'MatMul':
      case 'Gemm':
        return sum + 2 * results * Number(first!.shape.at(-1));
      case 'Conv':
        return sum + (2 * results * elements(second!)) / Number(second!.shape[0]);
      case 'MultiHeadAttention':
        return sum + 4 * elements(first!) * Number(second!.shape[1]);
      default:
        return sum;
    }
  }, 0);
}

function elements({ shape }: Value): number {
  return shape.reduce<number>((product, dim) => product * Number(dim), 1);
}

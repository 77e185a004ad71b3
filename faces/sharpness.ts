/** How sharp a face is: the variance of the Laplacian of its grey values, at one size for all. */
import type { Pixels } from './pixels';

/** BT.601, as grey pictures are usually made. */
const GREY = [0.299, 0.587, 0.114] as const;

/** @param face aligned, so that all are of one size. @returns grey levels squared; below 50 a face is blurred. */
export function sharpness({ data, width, height }: Pixels): number {
  const grey = Float32Array.from({ length: width * height }, (_, at) => {
    return GREY[0] * data[3 * at]! + GREY[1] * data[3 * at + 1]! + GREY[2] * data[3 * at + 2]!;
  });
  let [sum, squares, count] = [0, 0, 0];
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column;
      const laplacian = grey[at - 1]! + grey[at + 1]! + grey[at - width]! + grey[at + width]! - 4 * grey[at]!;
      sum += laplacian;
      squares += laplacian * laplacian;
      count++;
    }
  }
  return squares / count - (sum / count) ** 2;
}

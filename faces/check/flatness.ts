/**
 * Whether a face is drawn: a drawing or a render has sharp outlines and smooth areas between them, while a photo's skin has pores and
 * noise. A blurred photo has neither, so the smooth places are compared with the rich ones of the same face.
 */
import type { Pixels } from '../pixels';
import type { FaceSquare } from './face-square';

/** Side of the square that is looked at. */
export const FLATNESS_SIZE = 224;
const TILE = 8;
/** Shares of the square that lie in the face: no hair, no background. */
const FACE = { left: 0.22, right: 0.78, top: 0.2, bottom: 0.9 } as const;
/** Of the tiles by their texture: the smooth ones and the rich ones. */
const SMOOTH = 0.2;
const RICH = 0.9;
/** Clipped light is smooth in photos too. */
const CLIPPED = 250;

/** @param square of FLATNESS_SIZE. @returns texture of the smooth places over that of the rich ones, 0..1; 1 when all is clipped. */
export function textureRatio({ pixels }: FaceSquare): number {
  const textures: number[] = [];
  for (let y = Math.round(FACE.top * FLATNESS_SIZE); y + TILE <= FACE.bottom * FLATNESS_SIZE; y += TILE) {
    for (let x = Math.round(FACE.left * FLATNESS_SIZE); x + TILE <= FACE.right * FLATNESS_SIZE; x += TILE) {
      const texture = tileTexture(pixels, x, y);
      if (texture !== null) textures.push(texture);
    }
  }
  textures.sort((a, b) => a - b);
  const quantile = (share: number) => textures[Math.floor(share * (textures.length - 1))] ?? 0;
  return quantile(RICH) > 0 ? quantile(SMOOTH) / quantile(RICH) : 1;
}

/** Standard deviation of a tile's luma from the plane through it, as a share of its mean, so that dark skin counts as bright skin. */
function tileTexture({ data, width }: Pixels, left: number, top: number): number | null {
  const centre = (TILE - 1) / 2;
  let [sum, squares, across, down] = [0, 0, 0, 0];
  for (let row = 0; row < TILE; row++) {
    for (let column = 0; column < TILE; column++) {
      const at = 3 * ((top + row) * width + left + column);
      const [r, g, b] = [data[at]!, data[at + 1]!, data[at + 2]!];
      if (Math.max(r, g, b) >= CLIPPED) return null;
      const luma = 0.299 * r + 0.587 * g + 0.114 * b;
      sum += luma;
      squares += luma * luma;
      across += luma * (column - centre);
      down += luma * (row - centre);
    }
  }
  const count = TILE * TILE;
  // sum((i - centre)^2) over the tile, of a coordinate.
  const spread = (count * (TILE * TILE - 1)) / 12;
  const residual = squares - sum ** 2 / count - across ** 2 / spread - down ** 2 / spread;
  return Math.sqrt(Math.max(0, residual) / count) / (sum / count + 1);
}

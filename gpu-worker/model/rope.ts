/**
 * Where tokens sit in (time, row, column), and the rotation tables that follow from it.
 *
 * The tables are graph inputs, so a scheme of reference positions is data: no graph changes with it.
 * Schemes: 'rd-rope' of Mv2ID (arXiv 2603.21299, section 4.4), 'vanilla' as Phantom-Wan places its references (the plain grid of
 * a clip with n more frames), 'tass' of ST-DRC (arXiv 2606.02441).
 */

export type PositionScheme = 'rd-rope' | 'vanilla' | 'tass';

export interface RopeLayout {
  readonly scheme: PositionScheme;
  /** Frames from the last video frame to the references; 1 is the first free index. Only 'rd-rope' reads it. */
  readonly offset: number;
  /** T, H, W: the grid of video tokens after patching. */
  readonly numFrames: number;
  readonly height: number;
  readonly width: number;
  /** n, 0 or more; each reference has H * W tokens. */
  readonly numReferences: number;
}

export interface RopeTables {
  /** [S, headDim / 2] each, row-major. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Fixed in diffusers' WanRotaryPosEmbed. */
const THETA = 10_000;

/**
 * One (time, row, column) triple a token: the video first (time, then row, then column), then the references in order.
 * Length 3 * (T + n) * H * W. Times may be negative, with a negative offset.
 */
export function ropePositions(layout: RopeLayout): Int32Array {
  const { numFrames, height, width, numReferences } = layout;
  const positions = new Int32Array(3 * (numFrames + numReferences) * height * width);
  let at = 0;
  const place = (time: number, firstRow: number, firstColumn: number): void => {
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        positions[at++] = time;
        positions[at++] = firstRow + row;
        positions[at++] = firstColumn + column;
      }
    }
  };
  for (let frame = 0; frame < numFrames; frame++) place(frame, 0, 0);
  for (let reference = 0; reference < numReferences; reference++) {
    const { time, shift } = referencePlace(layout, reference);
    place(time, shift * height, shift * width);
  }
  return positions;
}

/** `shift` counts whole video grids, diagonally away from the video. */
function referencePlace({ scheme, offset, numFrames }: RopeLayout, reference: number): { time: number; shift: number } {
  switch (scheme) {
    case 'rd-rope':
      return { time: numFrames - 1 + offset, shift: reference + 1 };
    case 'vanilla':
      return { time: numFrames + reference, shift: 0 };
    case 'tass':
      return { time: numFrames, shift: 1 };
    default:
      return scheme satisfies never;
  }
}

/**
 * Cosines and sines of position * frequency. A head's `headDim / 2` pairs go to time, row and column in this order; rows and
 * columns get floor(headDim / 6) pairs each and time the rest. Angles are computed in float64.
 */
export function ropeTables(positions: Int32Array, headDim: number): RopeTables {
  if (!Number.isInteger(headDim / 2) || headDim < 2) {
    throw new RangeError(`headDim must be even and at least 2, got ${headDim}.`);
  }
  const pairs = headDim / 2;
  const spacePairs = Math.floor(headDim / 6);
  const axes = [pairs - 2 * spacePairs, spacePairs, spacePairs].flatMap((count, axis) =>
    Array.from({ length: count }, (_, index) => ({ axis, frequency: THETA ** (-index / count) })),
  );
  const numTokens = positions.length / 3;
  const cos = new Float32Array(numTokens * pairs);
  const sin = new Float32Array(numTokens * pairs);
  for (let token = 0; token < numTokens; token++) {
    for (const [pair, { axis, frequency }] of axes.entries()) {
      const angle = positions[3 * token + axis]! * frequency;
      cos[token * pairs + pair] = Math.cos(angle);
      sin[token * pairs + pair] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

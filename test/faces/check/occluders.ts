/** What people wear before their faces, painted over a photo in the place and at the angle of the face in it. */
import sharp from 'sharp';
import { alignment } from '../../../faces/align';
import type { Landmarks } from '../../../faces/detector';
import { type Pixels, type Point, toSharp } from '../../../faces/pixels';

/** Landmarks of the face in the square of 112 that embedders align it to. */
type Place = Readonly<Record<'right_eye' | 'left_eye' | 'nose' | 'mouth', Point>>;

/** SVG of something worn, in that square. */
export type Occluder = (place: Place) => string;

/** @param shape of the lenses. @param opacity below 1 shows the eyes through them. */
export function sunglasses(colour: string, shape: 'round' | 'square' = 'round', opacity = 1): Occluder {
  return (place) => {
    const across = place.left_eye.x - place.right_eye.x;
    const [rx, ry] = [Math.max(0.42 * across, 8), 12];
    const lens = ({ x, y }: Point) =>
      shape === 'round'
        ? `<ellipse cx="${x}" cy="${y + 1}" rx="${rx}" ry="${ry}"/>`
        : `<rect x="${x - rx}" y="${y - ry + 2}" width="${2 * rx}" height="${2 * ry}" rx="3"/>`;
    const { right_eye: a, left_eye: b } = place;
    return `<g fill="${colour}" fill-opacity="${opacity}" stroke="#111" stroke-width="1.5">${lens(a)}${lens(b)}
      <path d="M${a.x + rx},${a.y} L${Math.max(b.x - rx, a.x + rx)},${b.y}" stroke-width="2"/></g>`;
  };
}

/** Frames without tint. */
export function eyeglasses(colour: string, shape: 'round' | 'square' = 'round', strokeWidth = 2): Occluder {
  return (place) =>
    sunglasses(
      'none',
      shape,
    )(place).replaceAll(/stroke="#111" stroke-width="1.5"/g, `stroke="${colour}" stroke-width="${strokeWidth}"`);
}

/** @param shape from the bridge of the nose over the chin, pointed or straight; a scarf is wider and has stripes. */
export function mask(colour: string, shape: 'pointed' | 'straight' | 'scarf' = 'pointed'): Occluder {
  return ({ right_eye, left_eye, nose, mouth }) => {
    const top = 0.45 * nose.y + 0.275 * (right_eye.y + left_eye.y);
    const bottom = mouth.y + 30;
    const [left, right] = [right_eye.x - 18, left_eye.x + 18];
    const outline = {
      pointed: `M${left},${top + 10} Q${nose.x},${top - 10} ${right},${top + 10} L${right - 6},${mouth.y + 8} Q${mouth.x},${bottom + 6} ${left + 6},${mouth.y + 8} Z`,
      straight: `M${left},${top + 2} L${right},${top + 2} L${right},${bottom} L${left},${bottom} Z`,
      scarf: `M${left - 12},${top + 8} Q${nose.x},${top - 2} ${right + 12},${top + 8} L${right + 12},${bottom + 20} L${left - 12},${bottom + 20} Z`,
    }[shape];
    const folds = [0.25, 0.5, 0.75].map((share) => {
      const y = top + share * (bottom - top);
      return `<path d="M${left + 4},${y} Q${nose.x},${y + 4} ${right - 4},${y}" fill="none" stroke="#000" stroke-opacity=".25"/>`;
    });
    return `<path d="${outline}" fill="${colour}"/>${folds.join('')}`;
  };
}

/** @param landmarks of the face in the picture. */
export async function wearing(
  picture: Pixels,
  landmarks: Landmarks,
  ...occluders: readonly Occluder[]
): Promise<Pixels> {
  const { a, b, shift } = alignment(landmarks, { size: 112, zoom: 1, dy: 0 })!;
  const place = Object.fromEntries(
    Object.entries(landmarks).map(([name, { x, y }]) => {
      const [dx, dy] = [x - shift.x, y - shift.y];
      return [name, { x: (a * dx + b * dy) / (a * a + b * b), y: (a * dy - b * dx) / (a * a + b * b) }];
    }),
  ) as unknown as Place;
  const { width, height } = picture;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <g transform="matrix(${a} ${b} ${-b} ${a} ${shift.x} ${shift.y})">${occluders.map((occluder) => occluder(place)).join('')}</g></svg>`;
  const data = await toSharp(picture)
    .composite([{ input: await sharp(Buffer.from(svg)).png().toBuffer() }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { data, width, height };
}

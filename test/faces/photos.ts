/** Pictures of faces for tests: public-domain photographs, and the procedural head of the example. */
import path from 'node:path';

const PHOTOS = path.join(__dirname, '../fixtures/photos');
const ADA = path.join(__dirname, '../../examples/ada');

export const PHOTO_NAMES = ['astronaut', 'biden', 'obama'] as const;
export type PhotoName = (typeof PHOTO_NAMES)[number];

export function photo(name: PhotoName): string {
  return path.join(PHOTOS, `${name}.jpg`);
}

/** Ada turned by -60, 0 or 60 degrees; positive is to her left. */
export function ada(yaw: -60 | 0 | 60): string {
  return path.join(ADA, `yaw${yaw < 0 ? '-' : '+'}${String(Math.abs(yaw)).padStart(3, '0')}.png`);
}

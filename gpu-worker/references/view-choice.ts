/** Which views a model is fed when a set has more of them than it takes: those that show the head from the most sides. */
import type { ViewChoice } from '../../contract/report';

/** What is known of a view. */
export interface ViewReading {
  /** Degrees, 0 is frontal; null where no face was found. */
  readonly yaw: number | null;
  /** Of the face, see faces/sharpness.ts. A face of few pixels is a blurred one too. */
  readonly sharpness: number;
}

/** Degrees by which the yaw of one head may be off: within them two views are equally good, and the sharper one is taken. */
const SAME_ANGLE = 5;

/**
 * The most frontal view, then again and again the one farthest from those that are taken; views without a face last, in order.
 * @param count how many a model takes. @returns one entry a view, in the order given.
 */
export function chooseViews(views: readonly ViewReading[], count: number): ViewChoice[] {
  if (views.length <= count) return views.map(() => 'all');
  const choices = views.map((): ViewChoice => 'left_out');
  const taken: number[] = [];
  let faces = views.flatMap(({ yaw, sharpness }, index) => (yaw === null ? [] : [{ index, yaw, sharpness }]));
  while (taken.length < count && faces.length > 0) {
    const gains = faces.map(({ yaw }) => gainOf(yaw, taken));
    const best = Math.max(...gains);
    const equal = faces.filter((_, i) => gains[i]! >= best - SAME_ANGLE);
    const face = equal.reduce((a, b) => (b.sharpness > a.sharpness ? b : a));
    choices[face.index] = taken.length === 0 ? 'most_frontal' : 'new_angle';
    taken.push(face.yaw);
    faces = faces.filter((other) => other !== face);
  }
  let missing = count - taken.length;
  for (const [i, { yaw }] of views.entries()) {
    if (yaw === null && missing-- > 0) choices[i] = 'in_order';
  }
  return choices;
}

/** Degrees to the nearest of the taken views; for the first, how frontal it is. */
function gainOf(yaw: number, taken: readonly number[]): number {
  return taken.length === 0 ? -Math.abs(yaw) : Math.min(...taken.map((other) => Math.abs(yaw - other)));
}

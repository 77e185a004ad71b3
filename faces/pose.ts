/**
 * How a head is turned, from the landmarks of a detector: the pose of a mean head whose projection (weak perspective) comes closest to
 * them. Yaw agrees with that of dedicated networks to a few degrees up to the profile; pitch and roll are rough.
 */
import type { Landmark, Landmarks } from './detector';
import type { Point } from './pixels';

/** Degrees. */
export interface HeadPose {
  /** 0 is frontal, positive turned to the subject's left (the right of the picture), 90 a profile. */
  readonly yaw: number;
  /** Positive looks up. */
  readonly pitch: number;
  /** Positive leans to the subject's right (counter-clockwise in the picture is negative). */
  readonly roll: number;
}

/** Millimetres on a mean head: x to the right of the picture, y down, z away from the camera; the nose's tip is the origin. */
const HEAD: Readonly<Record<Landmark, readonly [x: number, y: number, z: number]>> = {
  right_eye: [-32.5, -35, 28],
  left_eye: [32.5, -35, 28],
  nose: [0, 0, 0],
  mouth: [0, 36, 20],
  right_mouth: [-25, 36, 24],
  left_mouth: [25, 36, 24],
  right_ear: [-70, -22, 100],
  left_ear: [70, -22, 100],
};
const MAX_YAW = 110;
const MAX_PITCH = 60;
const GRID = 10;
const FINEST = 0.1;
const MIN_POINTS = 4;

/** @returns null when there are fewer than four landmarks; what is no number is none. */
export function headPose(landmarks: Landmarks): HeadPose | null {
  const points = (Object.entries(landmarks) as [Landmark, Point][])
    .filter(([, { x, y }]) => Number.isFinite(x) && Number.isFinite(y))
    .map(([name, { x, y }]) => ({ model: HEAD[name], x, y }));
  if (points.length < MIN_POINTS) return null;
  const project = (yaw: number, pitch: number) => similarity(points, yaw, pitch);
  let best = { yaw: 0, pitch: 0, error: Number.POSITIVE_INFINITY };
  const offer = (yaw: number, pitch: number): boolean => {
    if (Math.abs(yaw) > MAX_YAW || Math.abs(pitch) > MAX_PITCH) return false;
    const { error } = project(yaw, pitch);
    if (error >= best.error) return false;
    best = { yaw, pitch, error };
    return true;
  };
  for (let yaw = -MAX_YAW; yaw <= MAX_YAW; yaw += GRID) {
    for (let pitch = -MAX_PITCH; pitch <= MAX_PITCH; pitch += GRID) offer(yaw, pitch);
  }
  // Pattern search: a step that brings nothing in any direction is halved.
  for (let step = GRID / 2; step >= FINEST; ) {
    const { yaw, pitch } = best;
    const steps = [[step, 0], [-step, 0], [0, step], [0, -step]] as const; // biome-ignore format: one row
    if (!steps.map(([dYaw, dPitch]) => offer(yaw + dYaw, pitch + dPitch)).includes(true)) step /= 2;
  }
  const { angle } = project(best.yaw, best.pitch);
  return { yaw: best.yaw, pitch: best.pitch, roll: (angle * 180) / Math.PI };
}

interface Correspondence extends Point {
  readonly model: readonly [number, number, number];
}

/** The scaled rotation and shift in the picture that brings the turned head closest to the points, and what is left (square pixels). */
function similarity(points: readonly Correspondence[], yawDegrees: number, pitchDegrees: number) {
  const [yaw, pitch] = [(yawDegrees * Math.PI) / 180, (pitchDegrees * Math.PI) / 180];
  const turned = points.map(({ model: [x, y, z] }) => {
    // Turned about the neck first, then tilted.
    const [turnedX, turnedZ] = [x * Math.cos(yaw) - z * Math.sin(yaw), x * Math.sin(yaw) + z * Math.cos(yaw)];
    return { x: turnedX, y: y * Math.cos(pitch) + turnedZ * Math.sin(pitch) };
  });
  const from = middle(turned);
  const to = middle(points);
  // Complex least squares: b = s a, s = sum(conj(a) b) / sum(|a|^2).
  let [re, im, norm, total] = [0, 0, 0, 0];
  for (const [i, point] of points.entries()) {
    const [ax, ay] = [turned[i]!.x - from.x, turned[i]!.y - from.y];
    const [bx, by] = [point.x - to.x, point.y - to.y];
    re += ax * bx + ay * by;
    im += ax * by - ay * bx;
    norm += ax * ax + ay * ay;
    total += bx * bx + by * by;
  }
  return { error: total - (re * re + im * im) / norm, angle: Math.atan2(im, re) };
}

function middle(points: readonly Point[]): Point {
  const sum = points.reduce((a, b) => ({ x: a.x + b.x, y: a.y + b.y }), { x: 0, y: 0 });
  return { x: sum.x / points.length, y: sum.y / points.length };
}

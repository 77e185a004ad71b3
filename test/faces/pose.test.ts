import type { Landmark, Landmarks } from '../../faces/detector';
import { headPose } from '../../faces/pose';

/** A mean head in millimetres, written down once more: x to the right of the picture, y down, z away. */
const HEAD: Partial<Record<Landmark, [number, number, number]>> = {
  right_eye: [-32.5, -35, 28],
  left_eye: [32.5, -35, 28],
  nose: [0, 0, 0],
  mouth: [0, 36, 20],
  right_ear: [-70, -22, 100],
  left_ear: [70, -22, 100],
};

/** The landmarks of that head as a camera far away sees it. */
function seen(yaw: number, pitch = 0, roll = 0): Landmarks {
  const [a, b, c] = [yaw, pitch, roll].map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  return Object.fromEntries(
    Object.entries(HEAD).map(([name, [x, y, z]]) => {
      const [x1, z1] = [x * Math.cos(a) - z * Math.sin(a), x * Math.sin(a) + z * Math.cos(a)];
      const y1 = y * Math.cos(b) + z1 * Math.sin(b);
      return [
        name,
        { x: 300 + 1.7 * (x1 * Math.cos(c) - y1 * Math.sin(c)), y: 200 + 1.7 * (x1 * Math.sin(c) + y1 * Math.cos(c)) },
      ];
    }),
  );
}

test.each([
  [0, 0, 0],
  [35, 0, 0],
  [-60, 10, 5],
  [90, -15, 0],
  [-88, 0, -30],
  [20, 30, 170],
])('a head of yaw %d, pitch %d and roll %d is read as that', (yaw, pitch, roll) => {
  const pose = headPose(seen(yaw, pitch, roll))!;
  expect(pose.yaw).toBeCloseTo(yaw, 0);
  expect(pose.pitch).toBeCloseTo(pitch, 0);
  expect(pose.roll).toBeCloseTo(roll, 0);
});

test('the nose of a head turned to its own left is right of its ears in the picture', () => {
  const landmarks = seen(60);
  expect(landmarks.nose!.x).toBeGreaterThan(landmarks.left_ear!.x);
  expect(headPose(landmarks)!.yaw).toBeGreaterThan(0);
});

test('five points, with the corners of the mouth and without ears, are enough', () => {
  const { right_eye, left_eye, nose } = seen(0);
  const at = (x: number) => ({ x: 300 + 1.7 * x, y: 200 + 1.7 * 36 });
  const pose = headPose({ right_eye, left_eye, nose, right_mouth: at(-25), left_mouth: at(25) })!;
  expect(Math.abs(pose.yaw)).toBeLessThan(1);
});

test('landmarks that are no numbers are none', () => {
  const { right_ear, left_ear, ...rest } = seen(30);
  const nowhere = { x: Number.NaN, y: 0 };
  expect(headPose({ ...rest, right_ear: nowhere, left_ear: nowhere })).toEqual(headPose(rest));
  expect(headPose({ right_eye: nowhere, left_eye: nowhere, nose: nowhere, mouth: nowhere })).toBeNull();
});

test('three are not', () => {
  const { right_eye, left_eye, nose } = seen(0);
  expect(headPose({ right_eye, left_eye, nose })).toBeNull();
});

import { impostorBaseline, impostorsOf } from '../../../evaluation/evaluate/impostors';
import type { ReferenceFace } from '../../../evaluation/face-track';

/** A face whose embedding points in a direction of the plane. */
function face(degrees: number): ReferenceFace {
  const angle = (degrees * Math.PI) / 180;
  const embedding = Float32Array.of(Math.cos(angle), Math.sin(angle));
  return { numFaces: 1, face: { pose: { yaw: degrees, pitch: 0, roll: 0 }, embedding, head: null } };
}
const NONE: ReferenceFace = { numFaces: 0, face: null };

test('the baseline is the mean over pairs of different cases', () => {
  const baseline = impostorBaseline([[face(0), face(10), NONE], [face(90)], [face(60)]], 0.4);
  const cos = (degrees: number) => Math.cos((degrees * Math.PI) / 180);
  expect(baseline).toMatchObject({ source: 'references_of_other_cases', numPairs: 5 });
  expect(baseline!.cosine).toBeCloseTo((cos(90) + cos(80) + cos(60) + cos(50) + cos(30)) / 5, 6);
});

test("a single case takes the embedder's calibration, if it has one", () => {
  expect(impostorBaseline([[face(0), face(10)]], 0.4)).toEqual({
    cosine: 0.4,
    source: 'calibration_of_the_embedder',
    numPairs: null,
  });
  expect(impostorBaseline([[face(0)]], undefined)).toBeNull();
});

test('impostors come from as many other cases as there are, never from the own', () => {
  const cases = [[face(1), face(2)], [face(3), NONE, face(4)], [face(5)]];
  const yaws = (own: number) => impostorsOf(own, cases).map((found) => found.face!.pose.yaw);
  expect(yaws(0)).toEqual([3, 5, 4]);
  expect(yaws(2)).toEqual([1, 3, 2, 4]);
  const many = Array.from({ length: 40 }, (_, i) => [face(i), face(i + 0.5)]);
  expect(impostorsOf(30, many).map((found) => found.face!.pose.yaw)).toEqual(
    Array.from({ length: 16 }, (_, i) => (31 + i) % 40),
  );
});

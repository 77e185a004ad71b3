import { faceFigures, referenceFigures } from '../../evaluation/face-figures';
import { referenceAt, trackOf } from './synthetic-track';

const CALIBRATION = { thresholds: { same: 0.6, different: 0.5 }, impostor: 0.2 };

test('figures have the digits that mean something, and no more', () => {
  const face = { yaw: -12.3456, pitch: -0.01, roll: 7.777, similarity: [0.123456, null], correlation: [0.98765, null] };
  const track = trackOf([face, null], 3);
  const { frames, identity, coverage, experimental } = faceFigures(track, [referenceAt(0)], CALIBRATION);
  expect(frames).toEqual([
    { time: 0, faces: 1, face: { yaw: -12.3, pitch: 0, roll: 7.8, similarity: [0.123, null] } },
    { time: 0.333, faces: 0, face: null },
  ]);
  // A minus before zero would be one of a figure that is none.
  expect(Object.is(frames[0]!.face!.pitch, 0)).toBe(true);
  expect(identity).toEqual({
    frames: 1,
    mean: 0.123,
    max: 0.123,
    normalised: -0.096,
    best: { time: 0, similarity: 0.123 },
    worst: { time: 0, similarity: 0.123 },
  });
  expect(coverage).toMatchObject({ frames: 2, frames_without_face: 1, yaw_min: -12.3, beyond_references_share: 1 });
  expect(experimental).toMatchObject({ near_duplicate_share: 1, correlation: 0.988, yaw_acceleration_rms: null });
});

test('a cosine that float32 puts above 1 is 1', () => {
  const track = trackOf([{ similarity: [1.0000002] }]);
  expect(faceFigures(track, [referenceAt(0)], CALIBRATION).identity.mean).toBe(1);
});

test('a reference without a face has no angle', () => {
  expect(referenceFigures('a.png', referenceAt(33.33))).toEqual({ file: 'a.png', faces: 1, yaw: 33.3, pitch: 0 });
  expect(referenceFigures('b.png', { numFaces: 0, face: null })).toEqual({
    file: 'b.png',
    faces: 0,
    yaw: null,
    pitch: null,
  });
});

import {
  extremeFrames,
  frameIdentities,
  identityMetrics,
  normalisedSimilarity,
} from '../../../evaluation/metrics/identity';
import { trackOf } from '../synthetic-track';

const TRACK = trackOf([{ similarity: [0.9, 0.7] }, { similarity: null }, null, { similarity: [0.5, null] }]);

test('the mean over frames and references, the best reference, and how far above other people that is', () => {
  const metrics = identityMetrics(TRACK, 0.3);
  expect(metrics.mean).toBeCloseTo((0.8 + 0.5) / 2);
  expect(metrics.max).toBeCloseTo((0.9 + 0.5) / 2);
  expect(metrics.normalised).toBeCloseTo((0.65 - 0.3) / 0.7);
  expect(metrics.numMeasured).toBe(2);
});

test('without a known impostor there is nothing to normalise by', () => {
  expect(identityMetrics(TRACK).normalised).toBeNull();
});

test('different people are 0, the same picture is 1', () => {
  expect(normalisedSimilarity(0.418, 0.418)).toBe(0);
  expect(normalisedSimilarity(1, 0.418)).toBe(1);
});

test('frames without a face and with several are counted', () => {
  const crowd = TRACK.map((frame, i) => (i === 0 ? { ...frame, numFaces: 3 } : frame));
  expect(identityMetrics(crowd)).toMatchObject({
    numFrames: 4,
    numFacelessFrames: 1,
    numFramesWithSeveralFaces: 1,
  });
});

test('a clip without any face, and one without frames, have no identity', () => {
  const nothing = { mean: null, max: null, normalised: null, numMeasured: 0 };
  expect(identityMetrics(trackOf([null, null]), 0.3)).toMatchObject({ ...nothing, numFacelessFrames: 2 });
  expect(identityMetrics([], 0.3)).toMatchObject({ ...nothing, numFacelessFrames: 0, numFrames: 0 });
  expect(extremeFrames(trackOf([null]))).toBeNull();
});

test('references without a face say nothing about a frame', () => {
  expect(frameIdentities(trackOf([{ similarity: [null, null] }]))).toEqual([]);
});

test('the best and the worst frame are those with the highest and the lowest mean', () => {
  const track = trackOf([{ similarity: [0.6] }, { similarity: [0.8] }, { similarity: [0.4] }, { similarity: [0.8] }]);
  const extremes = extremeFrames(track);
  expect(extremes?.best.time).toBeCloseTo(0.1);
  expect(extremes?.worst).toEqual({ time: 0.2, mean: 0.4, max: 0.4 });
});

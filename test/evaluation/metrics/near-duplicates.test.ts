import { NEAR_DUPLICATE, nearDuplicates } from '../../../evaluation/metrics/near-duplicates';
import { trackOf } from '../synthetic-track';

test('a frame is a near-duplicate by the reference that it is closest to', () => {
  const track = trackOf([
    { correlation: [0.1, NEAR_DUPLICATE] },
    { correlation: [NEAR_DUPLICATE - 0.01, null] },
    { correlation: [0.5, 0.2] },
    null,
  ]);
  const { share, correlation, excess } = nearDuplicates(track);
  expect(share).toBeCloseTo(1 / 3);
  expect(correlation).toBeCloseTo((2 * NEAR_DUPLICATE - 0.01 + 0.5) / 3);
  expect(excess).toBeNull();
});

test('the excess is over the closest of other people', () => {
  const track = trackOf([
    { correlation: [0.9, 0.3], impostorCorrelation: [0.2, 0.6] },
    { correlation: [0.8], impostorCorrelation: [0.7] },
  ]);
  expect(nearDuplicates(track).excess).toBeCloseTo((0.3 + 0.1) / 2);
});

test('nothing to compare is no figure', () => {
  expect(nearDuplicates(trackOf([null, { correlation: [null] }]))).toEqual({
    share: null,
    correlation: null,
    excess: null,
  });
});

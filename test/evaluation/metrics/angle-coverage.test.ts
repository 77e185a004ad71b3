import { angleCoverage } from '../../../evaluation/metrics/angle-coverage';
import { referenceAt, trackOf } from '../synthetic-track';

const yaws = (...values: (number | null)[]) => trackOf(values.map((yaw) => (yaw === null ? null : { yaw })));

test('every frame with a face lies in the one bin that holds its yaw', () => {
  const { histogram } = angleCoverage(yaws(-15, -0.1, 0, 14.9, 15, 110, -110, null), []);
  expect(histogram.filter(({ count }) => count > 0)).toEqual([
    { from: -120, to: -105, count: 1 },
    { from: -15, to: 0, count: 2 },
    { from: 0, to: 15, count: 2 },
    { from: 15, to: 30, count: 1 },
    { from: 105, to: 120, count: 1 },
  ]);
  expect(histogram).toHaveLength(16);
});

test('shares are of the frames with a face, to both sides', () => {
  const coverage = angleCoverage(yaws(-70, -45, 10, 31, null, 30), []);
  expect(coverage).toMatchObject({ beyond30Share: 0.6, beyond60Share: 0.2, yawRange: { min: -70, max: 31 } });
});

test('what lies beyond the references is further to a side than any of them', () => {
  const references = [referenceAt(-40), referenceAt(20), { face: null }];
  expect(angleCoverage(yaws(-41, -40, 0, 20.5), references).beyondReferencesShare).toBe(0.5);
  expect(angleCoverage(yaws(0), [{ face: null }]).beyondReferencesShare).toBeNull();
});

test('a clip of more than an hour is covered', () => {
  const hours = trackOf(Array.from({ length: 200_000 }, (_, i) => ({ yaw: i % 50 })));
  expect(angleCoverage(hours, []).yawRange).toEqual({ min: 0, max: 49 });
});

test('a clip without a face covers nothing', () => {
  const { histogram, ...others } = angleCoverage(yaws(null), [referenceAt(0)]);
  expect(histogram.every(({ count }) => count === 0)).toBe(true);
  expect(Object.values(others)).toEqual([null, null, null, null]);
});

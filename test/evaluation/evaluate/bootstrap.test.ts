import { bootstrapInterval } from '../../../evaluation/evaluate/bootstrap';

test('an interval holds the mean, and is as wide as the spread of the mean says', () => {
  const values = Array.from({ length: 100 }, (_, i) => i / 99);
  const { low, high } = bootstrapInterval(values)!;
  // The standard error of the mean of 100 even numbers in 0..1 is 0.029; 1.96 of them to either side.
  expect(low).toBeCloseTo(0.5 - 0.057, 1.5);
  expect(high).toBeCloseTo(0.5 + 0.057, 1.5);
  expect(bootstrapInterval(values)).toEqual({ low, high });
});

test('equal values leave no doubt; one value is no sample', () => {
  expect(bootstrapInterval([0.5, 0.5, 0.5])).toEqual({ low: 0.5, high: 0.5 });
  expect(bootstrapInterval([0.5])).toBeNull();
  expect(bootstrapInterval([])).toBeNull();
});

/** Numbers as the report writes them, at the borders between two ways of writing. */
import {
  byteText,
  countText,
  durationText,
  labelText,
  numberText,
  percentText,
  timeText,
  viewText,
} from '../../../evaluation/report/quantities';

test.each([
  [0, '0 ms'],
  [0.0004, '0 ms'],
  [0.9994, '999 ms'],
  [0.9996, '1.00 s'],
  [9.994, '9.99 s'],
  [9.996, '10.0 s'],
  [59.94, '59.9 s'],
  [59.96, '1 min 0 s'],
  [3599.4, '59 min 59 s'],
  [3599.6, '1 h 0 min'],
])('%d seconds are %s', (value, text) => expect(durationText(value)).toBe(text));

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.00 kB'],
  [20_996, '21.0 kB'],
  [999_999, '1.00 MB'],
  [315_100_000, '315.1 MB'],
  [2e15, '2000.0 TB'],
])('%d bytes are %s', (value, text) => expect(byteText(value)).toBe(text));

test('shares, counts, labels, views and times', () => {
  expect([0, 0.0005, 0.0123, 1].map(percentText)).toEqual(['0.0 %', 'under 0.1 %', '1.2 %', '100.0 %']);
  expect([1, 2].map((count) => countText(count, 'step'))).toEqual(['1 step', '2 steps']);
  expect(numberText(0.30000000000000004)).toBe('0.3');
  expect(labelText('encode_references')).toBe('Encode references');
  expect(['front', 'left_45', 'right_profile'].map(viewText)).toEqual(['front', 'left 45°', 'right profile']);
  expect(timeText('2026-11-23T20:33:07.000Z')).toBe('23 November 2026, 20:33 UTC');
});

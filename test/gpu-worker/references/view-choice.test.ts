import { chooseViews } from '../../../gpu-worker/references/view-choice';

function views(...yaws: (number | null)[]) {
  return yaws.map((yaw) => ({ yaw, sharpness: 100 }));
}

test('all are taken where there are no more than the model takes', () => {
  expect(chooseViews(views(40, null, 0), 3)).toEqual(['all', 'all', 'all']);
  expect(chooseViews([], 4)).toEqual([]);
});

test('the most frontal, then the farthest from those taken, wherever they stand', () => {
  expect(chooseViews(views(-20, 62, 8, -85, 30), 3)).toEqual([
    'left_out',
    'new_angle',
    'most_frontal',
    'new_angle',
    'left_out',
  ]);
  // After 0 and -85, 62 and 70 are 62 and 70 away: the wider one.
  expect(chooseViews(views(62, 0, -85, 70), 3)).toEqual(['left_out', 'most_frontal', 'new_angle', 'new_angle']);
  // After 0, 80 and -80: 45 is 35 away, -25 only 25.
  expect(chooseViews(views(0, -25, 80, 45, -80), 4)).toEqual([
    'most_frontal',
    'left_out',
    'new_angle',
    'new_angle',
    'new_angle',
  ]);
});

test('of two at the same angle, as far as that can be told, the sharper one is taken', () => {
  const [front, side] = views(0, 60);
  const blurred = { yaw: 63, sharpness: 20 };
  expect(chooseViews([front!, blurred, side!], 2)).toEqual(['most_frontal', 'left_out', 'new_angle']);
  expect(chooseViews([front!, { ...blurred, sharpness: 300 }, side!], 2)).toEqual([
    'most_frontal',
    'new_angle',
    'left_out',
  ]);
  // Clearly farther counts more than sharp.
  expect(chooseViews([front!, { yaw: 70, sharpness: 20 }, side!], 2)).toEqual([
    'most_frontal',
    'new_angle',
    'left_out',
  ]);
});

test('views of one angle and one sharpness are taken in their order', () => {
  expect(chooseViews(views(0, 0, 0), 2)).toEqual(['most_frontal', 'new_angle', 'left_out']);
});

test('views without a face come last, in their order, and only while there is room', () => {
  expect(chooseViews(views(null, 10, null, 80, null), 3)).toEqual([
    'in_order',
    'most_frontal',
    'left_out',
    'new_angle',
    'left_out',
  ]);
  expect(chooseViews(views(null, null, null), 2)).toEqual(['in_order', 'in_order', 'left_out']);
});

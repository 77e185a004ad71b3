import { ropePositions, ropeTables } from '../../../gpu-worker/model/rope';

const LAYOUT = { offset: 1, numFrames: 2, height: 2, width: 3, numReferences: 2 };

/** Triples as "t,row,column". */
function triples(positions: Int32Array): string[] {
  return Array.from({ length: positions.length / 3 }, (_, token) => positions.slice(3 * token, 3 * token + 3).join());
}

test('video tokens run through columns, then rows, then frames', () => {
  const positions = ropePositions({ ...LAYOUT, scheme: 'rd-rope', numReferences: 0 });

  expect(triples(positions)).toEqual([
    '0,0,0',
    '0,0,1',
    '0,0,2',
    '0,1,0',
    '0,1,1',
    '0,1,2',
    '1,0,0',
    '1,0,1',
    '1,0,2',
    '1,1,0',
    '1,1,1',
    '1,1,2',
  ]);
});

describe('references follow the video', () => {
  const references = (layout: Parameters<typeof ropePositions>[0]) => triples(ropePositions(layout)).slice(12);

  test('rd-rope: equal in time, each a whole grid further along the diagonal', () => {
    expect(references({ ...LAYOUT, scheme: 'rd-rope' })).toEqual([
      '2,2,3',
      '2,2,4',
      '2,2,5',
      '2,3,3',
      '2,3,4',
      '2,3,5',
      '2,4,6',
      '2,4,7',
      '2,4,8',
      '2,5,6',
      '2,5,7',
      '2,5,8',
    ]);
  });

  test.each([
    [0, 1],
    [5, 6],
    [-4, -3],
  ])('rd-rope: offset %i counts from the last frame, to time %i', (offset, time) => {
    const times = references({ ...LAYOUT, scheme: 'rd-rope', offset }).map((triple) => Number(triple.split(',')[0]));

    expect(new Set(times)).toEqual(new Set([time]));
  });

  test('vanilla: frames T, T + 1, ... on the grid of the video', () => {
    const positions = ropePositions({ ...LAYOUT, scheme: 'vanilla' });

    expect(positions).toEqual(ropePositions({ ...LAYOUT, scheme: 'vanilla', numFrames: 4, numReferences: 0 }));
  });

  test('tass: all in one place, one grid from the video', () => {
    const one = ['2,2,3', '2,2,4', '2,2,5', '2,3,3', '2,3,4', '2,3,5'];

    expect(references({ ...LAYOUT, scheme: 'tass' })).toEqual([...one, ...one]);
  });
});

test('a head of 12 gives two pairs to each axis', () => {
  const { cos, sin } = ropeTables(Int32Array.of(3, 5, 7), 12);

  const angles = [3, 3 / 100, 5, 5 / 100, 7, 7 / 100];
  expect([...cos]).toEqual(angles.map((angle) => Math.fround(Math.cos(angle))));
  expect([...sin]).toEqual(angles.map((angle) => Math.fround(Math.sin(angle))));
});

test('a head of 128 is split 44, 42, 42: time gets what does not divide by three', () => {
  const timeOnly = ropeTables(Int32Array.of(1, 0, 0), 128).sin;

  expect(timeOnly.findLastIndex((value) => value !== 0)).toBe(21);
  expect(timeOnly[21]).toBe(Math.fround(Math.sin(10_000 ** (-21 / 22))));
});

test('a negative time turns the other way', () => {
  const ahead = ropeTables(Int32Array.of(4, 0, 0), 20);
  const behind = ropeTables(Int32Array.of(-4, 0, 0), 20);

  expect(behind.cos).toEqual(ahead.cos);
  expect([...behind.sin]).toEqual([...ahead.sin].map((value) => (value === 0 ? 0 : -value)));
});

test('an odd head is refused', () => {
  expect(() => ropeTables(Int32Array.of(0, 0, 0), 13)).toThrow('headDim must be even and at least 2, got 13.');
});

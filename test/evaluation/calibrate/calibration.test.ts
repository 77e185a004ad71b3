/** Against a count of all pairs one by one. */
import { calibrate, type PersonPicture } from '../../../evaluation/calibrate/calibration';
import { CosineHistogram } from '../../../evaluation/calibrate/cosine-histogram';
import { similarity } from '../../../faces/embedder';

/** A direction of the plane stands for a face: two pictures' cosine is that of the angle between them. */
function picture(person: string, degrees: number, yaw = 0): PersonPicture {
  const angle = (degrees * Math.PI) / 180;
  return { person, embedding: Float32Array.of(Math.cos(angle), Math.sin(angle)), yaw };
}

const OVERLAPPING = [
  ...[0, 10, 25, 60].map((degrees, i) => picture('a', degrees, 30 * i)),
  ...[50, 70, 90].map((degrees, i) => picture('b', degrees, 40 * i)),
  ...[130, 140, 100].map((degrees) => picture('c', degrees)),
];

test('AUC, EER and impostor mean are those of all pairs', () => {
  const cosines = { same: [] as number[], different: [] as number[] };
  for (const [i, a] of OVERLAPPING.entries()) {
    for (const b of OVERLAPPING.slice(i + 1)) {
      cosines[a.person === b.person ? 'same' : 'different'].push(similarity(a.embedding, b.embedding));
    }
  }
  const wins = cosines.same.flatMap((same) =>
    cosines.different.map((other): number => (same > other ? 1 : same < other ? 0 : 0.5)),
  );
  const found = calibrate(OVERLAPPING);
  expect(found).toMatchObject({ people: 3, pictures: 10, samePairs: 12, differentPairs: 33 });
  expect(found.auc).toBeCloseTo(wins.reduce((sum, win) => sum + win, 0) / wins.length, 2);
  expect(found.impostor).toBeCloseTo(cosines.different.reduce((sum, value) => sum + value, 0) / 33, 3);
  expect(found.eer).toBeGreaterThan(0.05);
  expect(found.eer).toBeLessThan(0.25);
});

test('pairs are told apart by how far their yaws are', () => {
  const { byYawDifference } = calibrate(OVERLAPPING);
  expect(byYawDifference.map(({ from, to }) => [from, to])).toEqual([
    [0, 30],
    [30, 60],
    [60, 90],
    [90, 360],
  ]);
  // Person a: 30, 60, 90 apart (3, 2, 1 pairs); b: 40, 80 (2, 1); c: 0 (3).
  expect(byYawDifference.map(({ samePairs }) => samePairs)).toEqual([3, 3 + 2, 2 + 1, 1]);
  expect(byYawDifference.reduce((sum, { differentPairs }) => sum + differentPairs, 0)).toBe(33);
});

test('people who cannot be mistaken: both thresholds are the middle between the kinds', () => {
  const { auc, eer, proposal, setCheck } = calibrate([
    picture('a', 0),
    picture('a', 10),
    picture('b', 90),
    picture('b', 95),
  ]);
  expect([auc, eer]).toEqual([1, 0]);
  // Closest of two people: cos 80 = 0.174; furthest of one: cos 10 = 0.985.
  expect(proposal!.same).toBe(proposal!.different);
  expect(proposal!.same).toBeCloseTo((0.174 + 0.985) / 2, 2);
  expect(setCheck).toMatchObject({ falseAccepts: 0, falseRejects: 0, ownPictures: 4, intruders: 4 });
});

test('same: 1 % of intruders reach it; different: 1 % of the pairs of one person are below it', () => {
  // 150 people of three pictures each, in four dimensions, each picture up to a third of the way to somebody else.
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const pictures = Array.from({ length: 150 }, (_, person) => {
    const centre = Array.from({ length: 4 }, random);
    return Array.from({ length: 3 }, () => {
      const values = centre.map((value) => value + 0.5 * random());
      const length = Math.hypot(...values);
      return { person: String(person), embedding: Float32Array.from(values, (value) => value / length), yaw: 0 };
    });
  }).flat();
  const { proposal, setCheck } = calibrate(pictures);
  expect(setCheck!.intruders).toBe(450 * 149);
  expect(setCheck!.falseAccepts).toBeLessThanOrEqual(0.01);
  expect(setCheck!.falseAccepts).toBeGreaterThan(0.005);
  expect(proposal!.same).toBeCloseTo(setCheck!.threshold, 3);
  expect(proposal!.different).toBeLessThan(proposal!.same);
  const own = pictures.flatMap((a, i) =>
    pictures
      .slice(i + 1)
      .filter((b) => a.person === b.person)
      .map((b) => similarity(a.embedding, b.embedding)),
  );
  const below = own.filter((cosine) => cosine < proposal!.different).length / own.length;
  expect(below).toBeLessThanOrEqual(0.012);
  expect(below).toBeGreaterThan(0.005);
});

test('one person, or no pair of one, proposes nothing', () => {
  expect(calibrate([picture('a', 0), picture('a', 10)])).toMatchObject({ proposal: null, auc: null, setCheck: null });
  expect(calibrate([picture('a', 0), picture('b', 10)])).toMatchObject({ proposal: null, auc: null });
});

test('the equal error of kinds that overlap by a fifth', () => {
  const [same, different] = [new CosineHistogram(), new CosineHistogram()];
  for (let i = 0; i < 100; i++) {
    same.add(0.4 + i / 200);
    different.add(i / 200);
  }
  // 0.4..0.5 of 0..0.5 against 0.4..0.9: each errs by a tenth at 0.45.
  const { threshold, rate } = same.equalError(different);
  expect(threshold).toBeCloseTo(0.45, 2);
  expect(rate).toBeCloseTo(0.1, 2);
});

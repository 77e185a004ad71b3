/**
 * How well an embedder tells people apart, and the thresholds that follow. All pairs of pictures are compared; of a picture its
 * embedding and yaw are kept, of a pair a count, so memory grows with the pictures and not with the pairs.
 */
import { type Embedding, similarity } from '../../faces/embedder';
import { CosineHistogram } from './cosine-histogram';

export interface PersonPicture {
  readonly person: string;
  readonly embedding: Embedding;
  /** Degrees. */
  readonly yaw: number;
}

export interface PairFigures {
  readonly samePairs: number;
  readonly differentPairs: number;
  /** Probability that a pair of one person scores higher than one of two; null where either has no pair. */
  readonly auc: number | null;
  /** Share of errors where both kinds are equally frequent. */
  readonly eer: number | null;
}

/** Pairs whose yaws are `from` to `to` degrees apart. */
export interface YawDifferenceFigures extends PairFigures {
  readonly from: number;
  readonly to: number;
}

export interface SetCheck {
  /** From this cosine to the closest of the set's other pictures on, a picture is taken to be of their person. */
  readonly threshold: number;
  /** Share of pictures, each held against a set of every other person, that pass all the same; and of their own set that do not. */
  readonly falseAccepts: number;
  readonly falseRejects: number;
  readonly ownPictures: number;
  readonly intruders: number;
}

export interface Calibration extends PairFigures {
  readonly people: number;
  readonly pictures: number;
  readonly byYawDifference: readonly YawDifferenceFigures[];
  /** Mean cosine of pairs of two people. */
  readonly impostor: number | null;
  readonly setCheck: SetCheck | null;
  /** Null where there are no pairs of either kind. */
  readonly proposal: { readonly same: number; readonly different: number } | null;
}

/** Both kinds of errors, at the thresholds that are proposed. */
export const PROPOSED_ERROR_SHARE = 0.01;
const YAW_DIFFERENCES = [0, 30, 60, 90, 360];

/**
 * `same` is the lowest cosine at which at most 1 % of the intruders pass the set check; `different` the highest below which at most
 * 1 % of the pairs of one person lie. Where these are the wrong way round, nothing lies between the two kinds, and both are the middle.
 */
export function calibrate(pictures: readonly PersonPicture[]): Calibration {
  const pairs = { same: new CosineHistogram(), different: new CosineHistogram() };
  const byYaw = YAW_DIFFERENCES.slice(1).map(() => ({ same: new CosineHistogram(), different: new CosineHistogram() }));
  const closest = { own: new CosineHistogram(), intruder: new CosineHistogram() };
  const people = [...new Set(pictures.map(({ person }) => person))];

  for (const [i, picture] of pictures.entries()) {
    const best = new Map<string, number>();
    for (const [j, other] of pictures.entries()) {
      if (i === j) continue;
      const cosine = similarity(picture.embedding, other.embedding);
      best.set(other.person, Math.max(best.get(other.person) ?? -1, cosine));
      if (j < i) continue;
      const kind = picture.person === other.person ? 'same' : 'different';
      pairs[kind].add(cosine);
      const difference = Math.abs(picture.yaw - other.yaw);
      byYaw[YAW_DIFFERENCES.slice(1).findIndex((to) => difference < to)]![kind].add(cosine);
    }
    for (const [person, cosine] of best) closest[person === picture.person ? 'own' : 'intruder'].add(cosine);
  }
  return {
    people: people.length,
    pictures: pictures.length,
    ...pairFigures(pairs),
    byYawDifference: byYaw.map((kinds, i) => ({
      from: YAW_DIFFERENCES[i]!,
      to: YAW_DIFFERENCES[i + 1]!,
      ...pairFigures(kinds),
    })),
    impostor: pairs.different.mean,
    setCheck: setCheck(closest),
    proposal: proposal(pairs.same, closest.intruder),
  };
}

function pairFigures({ same, different }: { same: CosineHistogram; different: CosineHistogram }): PairFigures {
  const areBoth = same.count > 0 && different.count > 0;
  return {
    samePairs: same.count,
    differentPairs: different.count,
    auc: areBoth ? same.areaAbove(different) : null,
    eer: areBoth ? same.equalError(different).rate : null,
  };
}

function setCheck({ own, intruder }: { own: CosineHistogram; intruder: CosineHistogram }): SetCheck | null {
  if (own.count === 0 || intruder.count === 0) return null;
  const threshold = intruder.leastWithShareFrom(PROPOSED_ERROR_SHARE);
  return {
    threshold,
    falseAccepts: intruder.shareFrom(threshold),
    falseRejects: 1 - own.shareFrom(threshold),
    ownPictures: own.count,
    intruders: intruder.count,
  };
}

function proposal(same: CosineHistogram, intruder: CosineHistogram): Calibration['proposal'] {
  if (same.count === 0 || intruder.count === 0) return null;
  const [accept, reject] = [
    intruder.leastWithShareFrom(PROPOSED_ERROR_SHARE),
    same.mostWithShareBelow(PROPOSED_ERROR_SHARE),
  ];
  if (reject <= accept) return { same: round(accept), different: round(reject) };
  const middle = round((accept + reject) / 2);
  return { same: middle, different: middle };
}

function round(cosine: number): number {
  return Number(cosine.toFixed(3));
}

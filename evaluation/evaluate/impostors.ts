/** What other people score: the zero of identity, and of copying. */
import { similarity } from '../../faces/embedder';
import type { ReferenceFace } from '../face-track';

export interface ImpostorBaseline {
  /** Mean cosine of different people. */
  readonly cosine: number;
  readonly source: 'references_of_other_cases' | 'calibration_of_the_embedder';
  /** That were measured; null of a calibration. */
  readonly numPairs: number | null;
}

/** As many as there are, and no more: the closest of many others is closer than the closest of few. */
const MAX_IMPOSTORS = 16;

/**
 * Over all pairs of references of different cases, each of which is to show a person of its own.
 * @param calibrated the embedder's own, for a single case. @returns null where neither is known.
 */
export function impostorBaseline(
  cases: readonly (readonly ReferenceFace[])[],
  calibrated: number | undefined,
): ImpostorBaseline | null {
  const embeddings = cases.map((faces) => faces.flatMap(({ face }) => (face?.embedding ? [face.embedding] : [])));
  let [sum, numPairs] = [0, 0];
  for (const [i, own] of embeddings.entries()) {
    for (const a of own) {
      for (const b of embeddings.slice(i + 1).flat()) {
        sum += similarity(a, b);
        numPairs++;
      }
    }
  }
  if (numPairs > 0) return { cosine: sum / numPairs, source: 'references_of_other_cases', numPairs };
  if (calibrated === undefined) return null;
  return { cosine: calibrated, source: 'calibration_of_the_embedder', numPairs: null };
}

/** References of other cases, from as many of them as can be, at most 16. @param own index of the case they are for. */
export function impostorsOf(own: number, cases: readonly (readonly ReferenceFace[])[]): ReferenceFace[] {
  // The next case first, so that all cases serve equally often.
  const others = [...cases.slice(own + 1), ...cases.slice(0, own)].map((faces) => faces.filter(({ face }) => face));
  const rounds = Math.max(0, ...others.map(({ length }) => length));
  const picked = Array.from({ length: rounds }, (_, round) => others.flatMap((faces) => faces[round] ?? []));
  return picked.flat().slice(0, MAX_IMPOSTORS);
}

/** Cosines by the million in little memory: counts in steps of 0.0005, which is finer than any figure that is told. */

const BINS = 4000;

export class CosineHistogram {
  count = 0;
  private sum = 0;
  /** Bin i holds the cosines from 2 i / BINS - 1 on. */
  private readonly counts = new Float64Array(BINS + 1);

  add(cosine: number): void {
    const bin = Math.round(((Math.min(Math.max(cosine, -1), 1) + 1) / 2) * BINS);
    this.counts[bin]!++;
    this.count++;
    this.sum += cosine;
  }

  get mean(): number | null {
    return this.count === 0 ? null : this.sum / this.count;
  }

  /** Share of the cosines that are at least `threshold`, 0..1. */
  shareFrom(threshold: number): number {
    let above = 0;
    for (let bin = binFrom(threshold); bin <= BINS; bin++) above += this.counts[bin]!;
    return above / this.count;
  }

  /** The lowest threshold that at most this share reaches. */
  leastWithShareFrom(share: number): number {
    let above = 0;
    for (let bin = BINS; bin >= 0; bin--) {
      above += this.counts[bin]!;
      if (above > share * this.count) return cosineOf(bin + 1);
    }
    return -1;
  }

  /** The highest threshold that at most this share is below. */
  mostWithShareBelow(share: number): number {
    let below = 0;
    for (let bin = 0; bin <= BINS; bin++) {
      below += this.counts[bin]!;
      if (below > share * this.count) return cosineOf(bin);
    }
    return 1;
  }

  /** Probability that one of these is above one of `others`, ties counting half: the area under the ROC curve. */
  areaAbove(others: CosineHistogram): number {
    let [area, below] = [0, 0];
    for (let bin = 0; bin <= BINS; bin++) {
      area += this.counts[bin]! * (below + others.counts[bin]! / 2);
      below += others.counts[bin]!;
    }
    return area / (this.count * others.count);
  }

  /** Where as many of these lie below as of `others` above: threshold, and the share of errors there. */
  equalError(others: CosineHistogram): { threshold: number; rate: number } {
    let best = { threshold: 0, rate: 1, difference: Number.POSITIVE_INFINITY };
    let [below, above] = [0, others.count];
    for (let bin = 0; bin <= BINS; bin++) {
      const [rejected, accepted] = [below / this.count, above / others.count];
      const difference = Math.abs(rejected - accepted);
      if (difference < best.difference)
        best = { threshold: cosineOf(bin), rate: (rejected + accepted) / 2, difference };
      below += this.counts[bin]!;
      above -= others.counts[bin]!;
    }
    return { threshold: best.threshold, rate: best.rate };
  }
}

function cosineOf(bin: number): number {
  return Number(((2 * Math.min(bin, BINS)) / BINS - 1).toFixed(4));
}

function binFrom(cosine: number): number {
  return Math.ceil(((cosine + 1) / 2) * BINS - 1e-9);
}

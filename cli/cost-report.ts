/** Adds up what jobs have taken and cost, in groups. */
import { attemptSeconds, estimatedCostUsd } from '../contract/cost';
import type { Job } from '../contract/job';
import type { PriceTable } from '../contract/prices';

export const COST_GROUPS = ['tenant', 'day', 'model'] as const;
export type CostGroup = (typeof COST_GROUPS)[number];

export type CostRow = { readonly [K in CostGroup]?: string } & {
  readonly jobs: number;
  /** Those that started. */
  readonly attempts: number;
  readonly gpu_hours: number;
  /** Of attempts that ended with their Spot instance; most of the work in them was saved. */
  readonly spot_lost_hours: number;
  readonly cost_usd: number;
  /** Jobs that took a GPU whose price is not known. They are not in `cost_usd`. */
  readonly unpriced_jobs: number;
};

/** To estimate anew; else what each job says itself is added up. */
export interface Pricing {
  readonly prices: PriceTable;
  readonly region: string | null;
}

type Sum = { seconds: number; lostSeconds: number; usd: number; jobs: number; attempts: number; unpriced: number };

const SECONDS_PER_HOUR = 3600;
/** As Batch tells the loss of an instance; also evaluateOnExit's first condition. */
const HOST_LOST = /^Host EC2/;

export class CostReport {
  private readonly groups = new Map<string, { readonly keys: readonly string[]; readonly sum: Sum }>();
  private readonly all = nothing();

  constructor(
    private readonly by: readonly CostGroup[],
    private readonly pricing: Pricing | null,
    private readonly now: Date,
  ) {}

  add(job: Job): void {
    const keys = this.by.map((group) => keyOf(job, group));
    const name = JSON.stringify(keys);
    const group = this.groups.get(name) ?? { keys, sum: nothing() };
    this.groups.set(name, group);
    for (const sum of [group.sum, this.all]) this.addTo(sum, job);
  }

  /** In the order of their groups' names. */
  get rows(): CostRow[] {
    const groups = [...this.groups.values()].sort((a, b) => compare(a.keys, b.keys));
    return groups.map(({ keys, sum }) => ({
      ...Object.fromEntries(this.by.map((group, i) => [group, keys[i]!])),
      ...numbersOf(sum),
    }));
  }

  get total(): CostRow {
    return numbersOf(this.all);
  }

  private addTo(sum: Sum, job: Job): void {
    const seconds = attemptSeconds(job, this.now);
    const usd = this.pricing
      ? estimatedCostUsd(job, this.pricing.region, this.pricing.prices, this.now)
      : job.metrics.estimated_cost_usd;
    sum.jobs += 1;
    for (const [i, attempt] of job.attempts.entries()) {
      if (attempt.started_at !== null) sum.attempts += 1;
      sum.seconds += seconds[i]!;
      if (attempt.capacity === 'spot' && HOST_LOST.test(attempt.reason ?? '')) sum.lostSeconds += seconds[i]!;
    }
    sum.usd += usd ?? 0;
    if (usd === null && seconds.some((value) => value > 0)) sum.unpriced += 1;
  }
}

function nothing(): Sum {
  return { seconds: 0, lostSeconds: 0, usd: 0, jobs: 0, attempts: 0, unpriced: 0 };
}

/** The day on which the job was asked for. */
function keyOf(job: Job, group: CostGroup): string {
  return group === 'day' ? job.created_at.slice(0, 10) : job[group];
}

function compare(a: readonly string[], b: readonly string[]): number {
  const i = a.findIndex((key, at) => key !== b[at]);
  return i < 0 ? 0 : a[i]! < b[i]! ? -1 : 1;
}

function numbersOf({ seconds, lostSeconds, usd, jobs, attempts, unpriced }: Sum): CostRow {
  return {
    jobs,
    attempts,
    gpu_hours: rounded(seconds / SECONDS_PER_HOUR),
    spot_lost_hours: rounded(lostSeconds / SECONDS_PER_HOUR),
    cost_usd: rounded(usd),
    unpriced_jobs: unpriced,
  };
}

function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** The jobs of a deployment, newest first, page by page. */
import type { JobTable } from '../clients/job-table';
import type { Job } from '../contract/job';

export interface JobFilter {
  readonly tenant?: string;
}

const PAGE_SIZE = 200;
/** The index of all jobs is cut by months; older ones than this are not looked for. */
const MONTHS = 36;

export async function* allJobs(jobs: JobTable, { tenant }: JobFilter, now: Date): AsyncGenerator<Job> {
  if (tenant !== undefined) {
    yield* jobsIn(jobs, 'by_tenant', tenant);
    return;
  }
  for (let back = 0; back < MONTHS; back++) {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back));
    yield* jobsIn(jobs, 'by_month', month.toISOString().slice(0, 7));
  }
}

/** The jobs that were created from `from` on and before `end`, newest first. */
export async function* jobsBetween(jobs: JobTable, { tenant }: JobFilter, from: Date, end: Date): AsyncGenerator<Job> {
  const [first, last] = [from.toISOString(), end.toISOString()];
  const found = tenant === undefined ? jobsOfMonths(jobs, from, end) : jobsIn(jobs, 'by_tenant', tenant);
  for await (const job of found) {
    if (job.created_at >= last) continue;
    // Both indexes are in the order of creation, the newest first.
    if (job.created_at < first) return;
    yield job;
  }
}

async function* jobsOfMonths(jobs: JobTable, from: Date, end: Date): AsyncGenerator<Job> {
  const lastMonth = Date.UTC(from.getUTCFullYear(), from.getUTCMonth());
  let month = new Date(end.getTime() - 1);
  for (;;) {
    month = new Date(Date.UTC(month.getUTCFullYear(), month.getUTCMonth()));
    if (month.getTime() < lastMonth) return;
    yield* jobsIn(jobs, 'by_month', month.toISOString().slice(0, 7));
    month = new Date(month.getTime() - 1);
  }
}

async function* jobsIn(jobs: JobTable, index: string, value: string): AsyncGenerator<Job> {
  let cursor: string | undefined;
  do {
    const page = await jobs.query(index, value, { limit: PAGE_SIZE, ...(cursor !== undefined && { cursor }) });
    for (const { job } of page.records) yield job;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}

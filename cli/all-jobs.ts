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

async function* jobsIn(jobs: JobTable, index: string, value: string): AsyncGenerator<Job> {
  let cursor: string | undefined;
  do {
    const page = await jobs.query(index, value, { limit: PAGE_SIZE, ...(cursor !== undefined && { cursor }) });
    for (const { job } of page.records) yield job;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}

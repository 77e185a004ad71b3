/** `mv2id list`: jobs as a table, newest first. */
import type { Job, JobState } from '../contract/job';
import { allJobs } from './all-jobs';
import { timeText } from './job-text';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { seconds } from './progress';
import { withService } from './service';
import type { Streams } from './streams';
import { textTable } from './text-table';

export interface ListOptions extends ProfileOptions {
  readonly tenant?: string;
  readonly status?: JobState;
  readonly limit: number;
  readonly json?: boolean;
}

const HEADING = ['JOB', 'STATUS', 'STEPS', 'SET', 'MODEL', 'CREATED', 'TOOK'];

export async function runList(options: ListOptions, { stdout }: Streams, now = new Date()): Promise<void> {
  const { tenant, status, limit, json } = options;
  await withService(options, async ({ ports }) => {
    const jobs: Job[] = [];
    for await (const job of allJobs(ports.jobs, { tenant }, now)) {
      if (status !== undefined && job.status !== status) continue;
      jobs.push(job);
      if (jobs.length === limit) break;
    }
    if (json) writeJson(stdout, jobs);
    else if (jobs.length === 0) stdout.write('No jobs.\n');
    else for (const line of textTable([HEADING, ...jobs.map(row)])) stdout.write(`${line}\n`);
  });
}

function row({ id, status, progress, tenant, set, model, created_at, metrics }: Job): string[] {
  const steps = progress.total_steps === 0 ? '' : `${progress.step}/${progress.total_steps}`;
  const took = metrics.total_time === null ? '' : seconds(metrics.total_time);
  return [id, status, steps, `${tenant}/${set}`, model, timeText(created_at), took];
}

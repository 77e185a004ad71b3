/** `mv2id status`: one job in full, or how many jobs there are in which state. */
import { isTerminal, JOB_STATES, type Job, type JobState } from '../contract/job';
import { allJobs } from './all-jobs';
import { findJob } from './find-job';
import { jobLines, progressText } from './job-text';
import { writeJson } from './json-line';
import type { ProfileOptions } from './profile';
import { withService } from './service';
import type { Streams } from './streams';
import { textTable } from './text-table';

export interface StatusOptions extends ProfileOptions {
  readonly json?: boolean;
}

/** The summary counts the newest jobs up to here. */
const MAX_COUNTED = 10_000;
/** Open jobs named one by one. */
const MAX_OPEN_SHOWN = 10;

/** @param job an id or its beginning; the summary without. */
export async function runStatus(
  job: string | undefined,
  options: StatusOptions,
  { stdout }: Streams,
  now = new Date(),
): Promise<void> {
  await withService(options, async ({ ports }) => {
    if (job === undefined) {
      const summary = await summarize(allJobs(ports.jobs, {}, now));
      if (options.json) writeJson(stdout, summary.counts);
      else for (const line of summaryLines(summary)) stdout.write(`${line}\n`);
      return;
    }
    const found = await findJob(ports, job);
    if (options.json) writeJson(stdout, found.job);
    else {
      const consent = await ports.consents.get(found.id);
      for (const line of jobLines(found.job, consent)) stdout.write(`${line}\n`);
    }
  });
}

interface Summary {
  readonly counts: Record<JobState, number>;
  readonly open: readonly Job[];
  readonly isCut: boolean;
}

async function summarize(jobs: AsyncIterable<Job>): Promise<Summary> {
  const counts = Object.fromEntries(JOB_STATES.map((state) => [state, 0])) as Record<JobState, number>;
  const open: Job[] = [];
  let counted = 0;
  for await (const job of jobs) {
    if (counted === MAX_COUNTED) return { counts, open, isCut: true };
    counted++;
    counts[job.status]++;
    if (!isTerminal(job.status)) open.push(job);
  }
  return { counts, open, isCut: false };
}

function summaryLines({ counts, open, isCut }: Summary): string[] {
  const present = JOB_STATES.filter((state) => counts[state] > 0);
  if (present.length === 0) return ['No jobs.'];
  const rows = present.map((state) => [state, String(counts[state])]);
  const shown = open.slice(0, MAX_OPEN_SHOWN).map((job) => {
    return [job.id, job.status, `${job.tenant}/${job.set}`, job.status === 'processing' ? progressText(job) : ''];
  });
  const more = open.length - shown.length;
  return [
    ...textTable(rows),
    ...(isCut ? [`(the newest ${MAX_COUNTED} jobs)`] : []),
    ...(shown.length > 0 ? ['', ...textTable(shown)] : []),
    ...(more > 0 ? [`and ${more} more: mv2id list`] : []),
  ];
}

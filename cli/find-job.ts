/** A job by its id or the beginning of it, as far as nobody else's begins so: `job-c5o2` or just `c5o2`. */
import type { Ports } from '../clients/ports';
import type { JobId } from '../contract/job';
import type { JobRecord } from '../contract/job-record';
import { parseResultKey } from '../contract/keys';
import { UsageError } from './exit-code';

const PREFIX = 'job-';
const ID_START = /^job-[a-z2-7]{1,26}$/;
/** "job-" and 26 digits. */
const ID_LENGTH = 30;
/** Ids named in the message about an ambiguous beginning. */
const MAX_NAMED = 5;

/** @throws UsageError when no job or more than one is meant. */
export async function findJob({ jobs, buckets }: Pick<Ports, 'jobs' | 'buckets'>, text: string): Promise<JobRecord> {
  const start = text.startsWith(PREFIX) ? text : `${PREFIX}${text}`;
  if (!ID_START.test(start)) throw new UsageError(`job must be a job id or its beginning, got ${text}.`);
  const [id, ...more] = start.length === ID_LENGTH ? [start] : await idsWith(buckets.results, start);
  if (more.length > 0) {
    throw new UsageError(`job must be named by more of its id, got ${text} (${[id, ...more].join(', ')}).`);
  }
  const record = id === undefined ? null : await jobs.get(id);
  if (!record) throw new UsageError(`job must be the id of a job of this deployment, got ${text}.`);
  return record;
}

/** Every job has its job object among the results, under its id: the one place that is sorted by it. */
async function idsWith(results: Ports['buckets']['results'], start: string): Promise<JobId[]> {
  const ids = new Set<JobId>();
  for await (const { key } of results.list(`jobs/${start}`)) {
    const parsed = parseResultKey(key);
    if (parsed) ids.add(parsed.jobId);
    if (ids.size === MAX_NAMED) break;
  }
  return [...ids];
}

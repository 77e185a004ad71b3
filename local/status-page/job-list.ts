/** Which jobs a page of the list shows: newest first, by state and tenant. */

import type { Ports } from '../../clients/ports';
import type { PageOptions } from '../../clients/record-table';
import { isTerminal, JOB_STATES } from '../../contract/job';
import type { JobRecord } from '../../contract/job-record';

/** `open`: not ended yet, whatever the state. */
export const STATE_FILTERS = ['open', ...JOB_STATES] as const;
export type StateFilter = (typeof STATE_FILTERS)[number];

export interface JobQuery {
  readonly state: StateFilter | null;
  readonly tenant: string | null;
  /** `next` of the page before. */
  readonly cursor: string | null;
}

export interface JobPage {
  readonly records: readonly JobRecord[];
  readonly next: string | null;
}

export const PAGE_SIZE = 25;
/** Jobs looked at for one page; what a rare state needs beyond that stands on the next page. */
const MAX_SCANNED = 2000;
/** Results are kept for a year at most; jobs older than this many months are not listed. */
const MONTHS_LISTED = 36;

/** At least PAGE_SIZE jobs where there are as many, and fewer than twice as many. */
export async function listJobs(jobs: Ports['jobs'], query: JobQuery, now: Date): Promise<JobPage> {
  const sources = sourcesOf(query, now);
  const records: JobRecord[] = [];
  let position = parsePosition(query.cursor, sources);
  for (let scanned = 0; position !== null && records.length < PAGE_SIZE && scanned < MAX_SCANNED; ) {
    const { index, value } = sources[position.source]!;
    const limit = query.state === null ? PAGE_SIZE - records.length : PAGE_SIZE;
    const options: PageOptions = position.cursor === null ? { limit } : { limit, cursor: position.cursor };
    const page = await jobs.query(index, value, options);
    records.push(...page.records.filter((record) => matches(record, query)));
    scanned += page.records.length;
    position = positionAfter(position, page.next, sources);
  }
  return {
    records,
    next: position && (await hasMore(jobs, position, sources)) ? positionText(position, sources) : null,
  };
}

interface Source {
  readonly index: string;
  readonly value: string;
}

/** A place in the list: which source, and the cursor inside it. */
interface Position {
  readonly source: number;
  readonly cursor: string | null;
}

/** What to read one after the other. */
function sourcesOf({ state, tenant }: JobQuery, now: Date): Source[] {
  if (tenant !== null) return [{ index: 'by_tenant', value: tenant }];
  const isOpen = state === 'open' || (state !== null && !isTerminal(state));
  if (isOpen) return [{ index: 'by_unsettled', value: 'unsettled' }];
  return Array.from({ length: MONTHS_LISTED }, (_, back) => {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back));
    return { index: 'by_month', value: month.toISOString().slice(0, 7) };
  });
}

function matches({ job }: JobRecord, { state, tenant }: JobQuery): boolean {
  if (tenant !== null && job.tenant !== tenant) return false;
  if (state === 'open') return !isTerminal(job.status);
  return state === null || job.status === state;
}

function positionAfter({ source }: Position, next: string | null, sources: readonly Source[]): Position | null {
  if (next !== null) return { source, cursor: next };
  return source + 1 < sources.length ? { source: source + 1, cursor: null } : null;
}

/** Whether any job stands at or after the position, so that no link leads to an empty page. */
async function hasMore(jobs: Ports['jobs'], position: Position, sources: readonly Source[]): Promise<boolean> {
  if (position.cursor !== null) return true;
  for (const { index, value } of sources.slice(position.source)) {
    if ((await jobs.query(index, value, { limit: 1 })).records.length > 0) return true;
  }
  return false;
}

/** `<source's value>.<cursor>`, so that the turn of a month between two pages skips nothing. */
function positionText({ source, cursor }: Position, sources: readonly Source[]): string {
  return `${sources[source]!.value}.${cursor ?? ''}`;
}

function parsePosition(text: string | null, sources: readonly Source[]): Position | null {
  const first: Position = { source: 0, cursor: null };
  if (text === null) return first;
  const at = text.indexOf('.');
  const source = sources.findIndex(({ value }) => value === text.slice(0, at));
  return source === -1 ? first : { source, cursor: text.slice(at + 1) || null };
}

/** `mv2id webhooks deliveries`: how the webhooks of a job, or the newest of all, went. */

import type { Ports } from '../../clients/ports';
import type { PageOptions } from '../../clients/record-table';
import type { Delivery } from '../../contract/delivery';
import { findJob } from '../find-job';
import { timeText } from '../job-text';
import { writeJson } from '../json-line';
import type { Streams } from '../streams';
import { textTable } from '../text-table';

export interface DeliveriesOptions {
  /** A job id or its beginning. */
  readonly job?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const HEADING = ['WEBHOOK ID', 'STATUS', 'TRIES', 'LAST ANSWER', 'NEXT TRY', 'CREATED'];
const PAGE_LIMIT = 100;
/** Records are kept for 30 days, so they lie in at most three months. */
const MONTHS = 3;

export async function showDeliveries(
  ports: Ports,
  { job, limit, json }: DeliveriesOptions,
  { stdout }: Streams,
  now = new Date(),
): Promise<void> {
  const deliveries: Delivery[] = [];
  const source =
    job === undefined ? newestDeliveries(ports, now) : deliveriesOfJob(ports, (await findJob(ports, job)).id);
  for await (const delivery of source) {
    deliveries.push(delivery);
    if (deliveries.length === limit) break;
  }
  if (json) writeJson(stdout, deliveries);
  else if (deliveries.length === 0) stdout.write('No deliveries.\n');
  else for (const line of textTable([HEADING, ...deliveries.map(row)])) stdout.write(`${line}\n`);
}

/** Newest first. */
export function deliveriesOfJob(ports: Pick<Ports, 'deliveries'>, jobId: string): AsyncGenerator<Delivery> {
  return pages(ports, 'by_job', jobId);
}

async function* newestDeliveries(ports: Pick<Ports, 'deliveries'>, now: Date): AsyncGenerator<Delivery> {
  for (let back = 0; back < MONTHS; back++) {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back));
    yield* pages(ports, 'by_month', month.toISOString().slice(0, 7));
  }
}

async function* pages(
  { deliveries }: Pick<Ports, 'deliveries'>,
  index: string,
  value: string,
): AsyncGenerator<Delivery> {
  let options: PageOptions | null = { limit: PAGE_LIMIT };
  while (options) {
    const { records, next } = await deliveries.query(index, value, options);
    yield* records;
    options = next === null ? null : { limit: PAGE_LIMIT, cursor: next };
  }
}

function row({ id, status, tries, attempts, next_attempt_at, created_at }: Delivery): string[] {
  const last = attempts.at(-1);
  const answer = last ? (last.error ?? `HTTP ${last.status_code}`) : '';
  const next = next_attempt_at === null ? '' : timeText(next_attempt_at);
  return [id, status, String(tries), answer, next, timeText(created_at)];
}

/** Everything there is of a place, found the same way for counting, for removing and for proving that nothing is left. */
import type { Consent } from '../../contract/consent';
import type { ErasedPlace } from '../../contract/erasure';
import type { JobRecord } from '../../contract/job-record';
import { resultKey, UPLOADS_PREFIX } from '../../contract/keys';
import { allRecords } from '../all-records';
import { inParallel } from '../in-parallel';
import type { Ports } from '../ports';
import type { RecordTable, TableRecord } from '../record-table';
import { Removed } from './removed';

export interface Stock {
  readonly found: Removed;
  /** When the newest of it was uploaded; null where there is nothing. */
  readonly newest: Date | null;
}

const AT_ONCE = 16;

export function uploadsPrefix({ tenant, set }: ErasedPlace): string {
  return set === null ? `${UPLOADS_PREFIX}${tenant}/` : `${UPLOADS_PREFIX}${tenant}/${set}/`;
}

export function jobsOf(ports: Ports, place: ErasedPlace): AsyncGenerator<JobRecord> {
  return present(ports.jobs, ...indexOf(place));
}

export function consentsOf(ports: Ports, place: ErasedPlace): AsyncGenerator<Consent> {
  return present(ports.consents, ...indexOf(place));
}

/** @param knownIds of jobs whose record is gone and whose data may not be. */
export async function takeStock(
  ports: Ports,
  place: ErasedPlace,
  knownIds: Iterable<JobRecord['job']['id']> = [],
): Promise<Stock> {
  const found = new Removed();
  let newest = 0;
  const see = (time: number) => {
    newest = Math.max(newest, time);
  };
  for await (const { key, size, lastModified } of ports.buckets.uploads.listVersions(uploadsPrefix(place))) {
    found.add('uploads', key, size);
    see(lastModified.getTime());
  }
  const ids = new Set(knownIds);
  for await (const { job, id, uploaded_at } of jobsOf(ports, place)) {
    found.add('jobs', id);
    ids.add(job.id);
    see(Date.parse(uploaded_at));
  }
  for await (const { id, uploaded_at } of consentsOf(ports, place)) {
    found.add('consents', id);
    see(Date.parse(uploaded_at));
  }
  await inParallel(ids, AT_ONCE, async (id) => {
    for await (const { key, size } of ports.buckets.results.listVersions(resultKey(id, ''))) {
      found.add('results', key, size);
    }
    for await (const delivery of present(ports.deliveries, 'by_job', id)) found.add('deliveries', delivery.id);
  });
  for (const { kind, name, bytes } of await ports.traces.find(ids, uploadsPrefix(place))) found.add(kind, name, bytes);
  return { found, newest: newest === 0 ? null : new Date(newest) };
}

function indexOf({ tenant, set }: ErasedPlace): ['by_tenant' | 'by_set', string] {
  return set === null ? ['by_tenant', tenant] : ['by_set', `${tenant}/${set}`];
}

/** An index may still show what is gone from the table. */
async function* present<R extends TableRecord>(table: RecordTable<R>, index: string, value: string): AsyncGenerator<R> {
  for await (const { id } of allRecords(table, index, value, 'oldest')) {
    const record = await table.get(id);
    if (record) yield record;
  }
}

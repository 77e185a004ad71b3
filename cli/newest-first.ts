/** Records of a deployment, newest first, page by page: those of a set, of a tenant, or all of them, month by month. */
import { allRecords } from '../clients/all-records';
import type { RecordTable, TableRecord } from '../clients/record-table';

export interface Whose {
  readonly tenant?: string | undefined;
  readonly set?: string | undefined;
}

/** The index of all records is cut by months; older ones than this are not looked for. */
const MONTHS = 36;

/** @param table has the indexes by_set, by_tenant and by_month. */
export async function* newestFirst<R extends TableRecord>(
  table: RecordTable<R>,
  { tenant, set }: Whose,
  now: Date,
): AsyncGenerator<R> {
  if (tenant !== undefined) {
    yield* set === undefined ? allRecords(table, 'by_tenant', tenant) : allRecords(table, 'by_set', `${tenant}/${set}`);
    return;
  }
  for (let back = 0; back < MONTHS; back++) {
    const month = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back));
    yield* allRecords(table, 'by_month', month.toISOString().slice(0, 7));
  }
}

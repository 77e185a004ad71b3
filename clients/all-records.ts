/** All records of one value of an index, page by page. */
import type { PageOptions, RecordTable, TableRecord } from './record-table';

/** Most records that a page may hold: fewest requests. */
const PAGE_LIMIT = 1000;

export async function* allRecords<R extends TableRecord>(
  table: RecordTable<R>,
  index: string,
  value: string,
  order: PageOptions['order'] = 'newest',
): AsyncGenerator<R> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof table.query>> = await table.query(index, value, {
      limit: PAGE_LIMIT,
      order,
      ...(cursor !== null && { cursor }),
    });
    yield* page.records as R[];
    cursor = page.next;
  } while (cursor !== null);
}

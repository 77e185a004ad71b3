/**
 * A table of versioned records in LMDB. A record and its places in the indexes change in one transaction, so an index never lags.
 *
 *   ['record', kind, id]                          the record, and where it stands in the indexes
 *   ['index', kind, index, value, sort key, id]   true
 *   ['expiry', kind, time, id]                    true, for a record that may be forgotten then
 */
import { z } from 'zod';
import type { Page, PageOptions, RecordTable, TableDefinition, TableRecord } from '../record-table';
import { keyPart, keysUnder, type LmdbDatabase, type LmdbKey, type LmdbStore } from './lmdb-store';

/** Places are kept with the record, because the definition of an index may have changed since. */
interface Stored {
  readonly record: TableRecord;
  readonly places: readonly LmdbKey[];
}

const DEFAULT_PAGE_LIMIT = 100;
const MAX_PAGE_LIMIT = 1000;
/** Sort key and id of the last record of a page. */
const CursorSchema = z.tuple([z.string(), z.string()]);

export class LmdbRecordTable<R extends TableRecord> implements RecordTable<R> {
  private readonly db: LmdbDatabase<Stored | true>;

  constructor(
    private readonly store: LmdbStore,
    private readonly definition: TableDefinition<R>,
  ) {
    this.db = store.database('records');
  }

  async insert(record: R): Promise<boolean> {
    return this.store.change(() => {
      const key = this.recordKey(record.id);
      if (this.db.doesExist(key)) return false;
      this.write(key, record, []);
      return true;
    });
  }

  async get(id: string): Promise<R | null> {
    // Another process may have written since this one last looked.
    this.db.resetReadTxn();
    const stored = this.read(this.recordKey(id));
    return stored ? this.definition.parse(stored.record) : null;
  }

  async replace(record: R): Promise<R | null> {
    return this.store.change(() => {
      const key = this.recordKey(record.id);
      const stored = this.read(key);
      if (stored?.record.version !== record.version) return null;
      const next = { ...record, version: record.version + 1 };
      this.write(key, next, stored.places);
      return next;
    });
  }

  async delete(id: string): Promise<void> {
    await this.store.change(() => {
      const key = this.recordKey(id);
      const stored = this.read(key);
      if (!stored) return;
      for (const place of stored.places) void this.db.remove(place);
      void this.db.remove(key);
    });
  }

  /** Removes what may be forgotten by now, as DynamoDB does by itself. @returns how many. */
  async forgetExpired(now: Date): Promise<number> {
    this.db.resetReadTxn();
    const { start } = keysUnder(['expiry', this.definition.kind]);
    const end = ['expiry', this.definition.kind, now.toISOString()];
    const expired = [...this.db.getKeys({ start, end })];
    await this.store.change(() => {
      for (const place of expired) {
        const key: LmdbKey = ['record', this.definition.kind, place[3] as string];
        const stored = this.read(key);
        // Its time may have changed since it was looked for.
        if (!stored?.places.some((other) => other[0] === 'expiry' && other[2] === place[2])) continue;
        for (const other of stored.places) void this.db.remove(other);
        void this.db.remove(key);
      }
    });
    return expired.length;
  }

  /** @throws Error when the index is not defined, or the limit or the cursor cannot be one. */
  async query(index: string, value: string, options: PageOptions = {}): Promise<Page<R>> {
    const { limit = DEFAULT_PAGE_LIMIT, cursor, order = 'newest' } = options;
    if (!Object.hasOwn(this.definition.indexes, index)) {
      const defined = Object.keys(this.definition.indexes).join(', ');
      throw new Error(`index must be one of ${defined}, got ${index}.`);
    }
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE_LIMIT) {
      throw new Error(`limit must be a whole number from 1 to ${MAX_PAGE_LIMIT}, got ${limit}.`);
    }
    this.db.resetReadTxn();
    const beginning: LmdbKey = ['index', this.definition.kind, index, keyPart(value)];
    // One more than wanted tells whether there is a further page.
    const places = this.places(beginning, order, cursor === undefined ? null : parseCursor(cursor), limit + 1);
    const page = places.slice(0, limit);
    const records = page.flatMap((place) => {
      const stored = this.read(['record', this.definition.kind, place[5] as string]);
      return stored ? [this.definition.parse(stored.record)] : [];
    });
    const last = page.at(-1);
    return { records, next: places.length > limit && last ? formatCursor(last) : null };
  }

  private places(beginning: LmdbKey, order: 'newest' | 'oldest', after: LmdbKey | null, limit: number): LmdbKey[] {
    const { start, end } = keysUnder(beginning);
    const from = after && [...beginning, ...after];
    const range =
      order === 'oldest'
        ? { start: from ?? start, end, exclusiveStart: from !== null }
        : { start: from ?? end, end: start, exclusiveStart: from !== null, reverse: true };
    return [...this.db.getKeys({ ...range, limit })];
  }

  private write(key: LmdbKey, record: R, oldPlaces: readonly LmdbKey[]): void {
    const places = this.placesOf(record);
    // Inside a transaction a write takes effect at once; its promise is that of the transaction.
    for (const place of oldPlaces) void this.db.remove(place);
    for (const place of places) void this.db.put(place, true);
    void this.db.put(key, { record, places });
  }

  private placesOf(record: R): LmdbKey[] {
    const { kind, indexes, sortKey, expiresAt } = this.definition;
    const expiry = expiresAt(record);
    const indexed = Object.entries(indexes).flatMap(([index, select]) => {
      const value = select(record);
      return value === null ? [] : [['index', kind, index, keyPart(value), sortKey(record), keyPart(record.id)]];
    });
    return expiry ? [...indexed, ['expiry', kind, expiry.toISOString(), keyPart(record.id)]] : indexed;
  }

  private read(key: LmdbKey): Stored | undefined {
    return this.db.get(key) as Stored | undefined;
  }

  private recordKey(id: string): LmdbKey {
    return ['record', this.definition.kind, keyPart(id)];
  }
}

function formatCursor(place: LmdbKey): string {
  return Buffer.from(JSON.stringify(place.slice(4))).toString('base64url');
}

function parseCursor(cursor: string): LmdbKey {
  try {
    return CursorSchema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new Error(`cursor must be the next of an earlier page, got ${cursor}.`);
  }
}

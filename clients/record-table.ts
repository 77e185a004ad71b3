/**
 * Port: a table of versioned records with a few indexes. The only write is "replace what I read": who comes second is told, reads
 * again and decides anew.
 */
export interface TableRecord {
  readonly id: string;
  /** From 1. */
  readonly version: number;
}

/** What an implementation must know of a kind of record. */
export interface TableDefinition<R extends TableRecord> {
  /** Kinds share one table: a short word. */
  readonly kind: string;
  /** Judges what comes out of the store. */
  parse(value: unknown): R;
  /** Order inside an index: an ISO time. */
  sortKey(record: R): string;
  /** Index name -> its value for this record, or null to leave the record out. */
  readonly indexes: Readonly<Record<string, (record: R) => string | null>>;
  /** When the record may be forgotten; null for never. */
  expiresAt(record: R): Date | null;
}

export interface PageOptions {
  /** 1 to 1000, 100 unless given. */
  readonly limit?: number;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** Newest first unless 'oldest'. */
  readonly order?: 'newest' | 'oldest';
}

export interface Page<R> {
  readonly records: readonly R[];
  /** Null on the last page. */
  readonly next: string | null;
}

export interface RecordTable<R extends TableRecord> {
  /** Stores a first version. @returns false when the id is taken. */
  insert(record: R): Promise<boolean>;
  get(id: string): Promise<R | null>;
  /**
   * Stores `record` as version + 1 if the stored one still has `record.version`.
   * @returns the record as stored, or null when it has changed meanwhile.
   */
  replace(record: R): Promise<R | null>;
  /** Removes the record, whatever its version. No error when there is none. */
  delete(id: string): Promise<void>;
  /** An index may lag behind the table by a moment. */
  query(index: string, value: string, options?: PageOptions): Promise<Page<R>>;
}

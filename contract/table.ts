/**
 * The one DynamoDB table as data, without SDK: the clients write it, the stack and the emulators create it. Every kind of record
 * lives in it, under a key that starts with the kind.
 */

/** Partition key, a string: `<kind>#<id>`. */
export const TABLE_KEY = 'pk';
/** What records are of. A role is let to single kinds: see infra/storage.ts. */
export const RECORD_KINDS = ['job', 'delivery', 'endpoint', 'consent', 'erasure', 'erased_job'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];
/** Sort key of every index, a string: a time, then the id. */
export const TABLE_SORT_KEY = 'sort';
/** Time to live: epoch seconds. */
export const TABLE_TTL_ATTRIBUTE = 'expires_at';

/**
 * The indexes. Each is named as the string attribute that is its partition key, sorted by TABLE_SORT_KEY, and projects everything;
 * a record without the attribute is not in it. DynamoDB allows 20 to a table.
 */
export const TABLE_INDEXES = [
  'by_tenant',
  'by_set',
  'by_unsettled',
  'by_month',
  'by_job',
  'by_dead',
  /** By the day on which something of the record is to be removed: only what has such a day is in it. */
  'by_expiry',
] as const;
export type TableIndex = (typeof TABLE_INDEXES)[number];

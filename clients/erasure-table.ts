/** Erasures, and the jobs that they or their retention removed: what is looked up by what. */
import { type ErasedJob, ErasedJobSchema, type Erasure, ErasureSchema } from '../contract/erasure';
import type { RecordTable, TableDefinition } from './record-table';

export type ErasureTable = RecordTable<Erasure>;
export type ErasedJobTable = RecordTable<ErasedJob>;

/** Longer than any message, attempt or delivery of a job can last. */
const ERASED_JOB_DAYS = 30;

export const ERASURE_TABLE: TableDefinition<Erasure> = {
  kind: 'erasure',
  parse: (value) => ErasureSchema.parse(value),
  sortKey: ({ requested_at }) => requested_at,
  indexes: {
    /** Those with something left to do. */
    by_unsettled: ({ sweep_at, status }) => (status === 'running' || sweep_at !== null ? 'unsettled' : null),
    by_month: ({ requested_at }) => requested_at.slice(0, 7),
  },
  expiresAt: () => null,
};

export const ERASED_JOB_TABLE: TableDefinition<ErasedJob> = {
  kind: 'erased_job',
  parse: (value) => ErasedJobSchema.parse(value),
  sortKey: ({ erased_at }) => erased_at,
  indexes: {
    /** The set, or the tenant, by its hash. */
    by_set: ({ erasure }) => erasure,
  },
  expiresAt: ({ erased_at }) => new Date(Date.parse(erased_at) + ERASED_JOB_DAYS * 24 * 3600 * 1000),
};

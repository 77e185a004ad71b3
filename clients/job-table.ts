/** The jobs: what is looked up by what. */
import { isUnsettled, type JobRecord, JobRecordSchema, nextRemoval } from '../contract/job-record';
import type { RecordTable, TableDefinition } from './record-table';

export type JobTable = RecordTable<JobRecord>;

export const JOB_TABLE: TableDefinition<JobRecord> = {
  kind: 'job',
  parse: (value) => JobRecordSchema.parse(value),
  sortKey: ({ job }) => job.created_at,
  indexes: {
    by_tenant: ({ job }) => job.tenant,
    by_set: ({ job }) => `${job.tenant}/${job.set}`,
    /** Everything that reconcile must look at; leaves the index when nothing is left to do. */
    by_unsettled: (record) => (isUnsettled(record) ? 'unsettled' : null),
    /** All jobs by the month of their creation, `2026-11`. */
    by_month: ({ job }) => job.created_at.slice(0, 7),
    /** By the day on which the next part of the job is to be removed, `2026-11-23`. */
    by_expiry: (record) => nextRemoval(record)?.toISOString().slice(0, 10) ?? null,
  },
  // Not by the table itself: what is in the buckets goes first.
  expiresAt: () => null,
};

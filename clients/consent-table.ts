/** The consents that uploaders vouched for: what is looked up by what. */
import { type Consent, ConsentSchema } from '../contract/consent';
import type { RecordTable, TableDefinition } from './record-table';

export type ConsentTable = RecordTable<Consent>;

export const CONSENT_TABLE: TableDefinition<Consent> = {
  kind: 'consent',
  parse: (value) => ConsentSchema.parse(value),
  sortKey: ({ recorded_at }) => recorded_at,
  indexes: {
    by_tenant: ({ tenant }) => tenant,
    by_set: ({ tenant, set }) => `${tenant}/${set}`,
    by_month: ({ recorded_at }) => recorded_at.slice(0, 7),
  },
  // A proof is kept for as long as somebody may ask for it; `mv2id erase` removes it.
  expiresAt: () => null,
};

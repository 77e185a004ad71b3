/** The deliveries of webhooks and the addresses that are switched off: what is looked up by what. */
import { type Delivery, DeliverySchema, type DisabledEndpoint, DisabledEndpointSchema } from '../contract/delivery';
import type { RecordTable, TableDefinition } from './record-table';

export type DeliveryTable = RecordTable<Delivery>;
export type EndpointTable = RecordTable<DisabledEndpoint>;

/** Twice as long as a queue can hold a message, so that no message outlives what tells whether it was delivered. */
const RETENTION_DAYS = 30;

export const DELIVERY_TABLE: TableDefinition<Delivery> = {
  kind: 'delivery',
  parse: (value) => DeliverySchema.parse(value),
  sortKey: ({ created_at }) => created_at,
  indexes: {
    by_job: ({ job_id }) => job_id,
    by_dead: ({ status }) => (status === 'dead' ? 'dead' : null),
    /** All deliveries by the month of their creation, `2026-11`. */
    by_month: ({ created_at }) => created_at.slice(0, 7),
  },
  expiresAt: ({ created_at }) => new Date(Date.parse(created_at) + RETENTION_DAYS * 24 * 3600 * 1000),
};

export const ENDPOINT_TABLE: TableDefinition<DisabledEndpoint> = {
  kind: 'endpoint',
  parse: (value) => DisabledEndpointSchema.parse(value),
  sortKey: ({ disabled_at }) => disabled_at ?? '',
  indexes: {},
  expiresAt: () => null,
};

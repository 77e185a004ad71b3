/** The deliveries of webhooks and the addresses that are switched off: what is looked up by what. */
import { type Delivery, DeliverySchema, type DisabledEndpoint, DisabledEndpointSchema } from '../contract/delivery';
import type { RecordTable, TableDefinition } from './record-table';

export type DeliveryTable = RecordTable<Delivery>;
export type EndpointTable = RecordTable<DisabledEndpoint>;

export const DELIVERY_TABLE: TableDefinition<Delivery> = {
  kind: 'delivery',
  parse: (value) => DeliverySchema.parse(value),
  sortKey: ({ created_at }) => created_at,
  indexes: {
    by_job: ({ job_id }) => job_id,
    by_dead: ({ status }) => (status === 'dead' ? 'dead' : null),
  },
  expiresAt: () => null,
};

export const ENDPOINT_TABLE: TableDefinition<DisabledEndpoint> = {
  kind: 'endpoint',
  parse: (value) => DisabledEndpointSchema.parse(value),
  sortKey: ({ disabled_at }) => disabled_at ?? '',
  indexes: {},
  expiresAt: () => null,
};

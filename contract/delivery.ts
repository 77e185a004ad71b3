/** How the delivery of one event went, try by try, and addresses that asked for nothing more. */
import { z } from 'zod';
import { DeliverMessageSchema } from './events';

const Time = z.iso.datetime();

/** Enough for several whole schedules of a webhook; a record must not grow with every redelivery. */
export const MAX_KEPT_ATTEMPTS = 40;

export const DeliverySchema = z.strictObject({
  /** The webhook id. */
  id: z.string(),
  version: z.int().positive(),
  job_id: z.string(),
  /** pending: more tries come. dead: given up, redeliverable. dropped: not to be sent (a progress that failed, a disabled address). */
  status: z.enum(['pending', 'delivered', 'dead', 'dropped']),
  message: DeliverMessageSchema,
  /** Tries of the present schedule; a redelivery begins again at 0. */
  tries: z.int().nonnegative(),
  /** The newest last; of the last schedules, so far as MAX_KEPT_ATTEMPTS goes. */
  attempts: z.array(
    z.strictObject({
      at: Time,
      /** Null when no answer came. */
      status_code: z.int().nullable(),
      /** One line; null when it was taken. */
      error: z.string().nullable(),
      duration_ms: z.int().nonnegative(),
    }),
  ),
  /** Not before this; while a try is under way, the time when it is given up for lost. Null when no try is to come. */
  next_attempt_at: Time.nullable(),
  created_at: Time,
});
export type Delivery = z.output<typeof DeliverySchema>;

/** An address that answered 410 Gone. */
export const DisabledEndpointSchema = z.strictObject({
  /** The address itself. */
  id: z.string(),
  version: z.int().positive(),
  /** Null once somebody enabled it again. */
  disabled_at: Time.nullable(),
  reason: z.string(),
});
export type DisabledEndpoint = z.output<typeof DisabledEndpointSchema>;

/** `mv2id webhooks redeliver`: sends webhooks again, under their old ids. */
import type { Ports } from '../../clients/ports';
import { redeliver, redeliverAllDead } from '../../clients/webhook-redelivery';
import type { Delivery } from '../../contract/delivery';
import type { DeliverMessage } from '../../contract/events';
import { UsageError } from '../exit-code';
import { findJob } from '../find-job';
import type { Streams } from '../streams';
import { deliveriesOfJob } from './deliveries';

export interface RedeliverOptions {
  /** One webhook, delivered or not. */
  readonly webhookId?: string;
  /** A job id or its beginning: every webhook of the job that was not delivered, but for its progress. */
  readonly job?: string;
  readonly allDead?: boolean;
}

/** @throws UsageError when not exactly one of the options is given, or nothing is found by it. */
export async function redeliverWebhooks(ports: Ports, options: RedeliverOptions, { stdout }: Streams): Promise<void> {
  let count = 0;
  for await (const { url, event } of chosen(ports, options)) {
    count += 1;
    stdout.write(`${event.webhook_id}  to ${new URL(url).host}\n`);
  }
  stdout.write(`${count === 1 ? '1 webhook is' : `${count} webhooks are`} on the way again.\n`);
}

function chosen(ports: Ports, { webhookId, job, allDead }: RedeliverOptions): AsyncGenerator<DeliverMessage> {
  const given = [webhookId, job, allDead || undefined].filter((option) => option !== undefined);
  if (given.length !== 1) {
    throw new UsageError(
      `redeliver must be given one of a webhook id, --job and --all-dead, got ${given.length} of them.`,
    );
  }
  if (webhookId !== undefined) return redeliverOne(ports, webhookId);
  return job === undefined ? redeliverAllDead(ports) : redeliverJob(ports, job);
}

async function* redeliverOne(ports: Ports, webhookId: string): AsyncGenerator<DeliverMessage> {
  const delivery = await ports.deliveries.get(webhookId);
  if (!delivery) throw new UsageError(`The webhook id must be one of this deployment, got ${webhookId}.`);
  yield* redeliverEnabled(ports, delivery);
}

async function* redeliverJob(ports: Ports, job: string): AsyncGenerator<DeliverMessage> {
  const { id } = await findJob(ports, job);
  const missed: Delivery[] = [];
  for await (const delivery of deliveriesOfJob(ports, id)) {
    const isMissed = delivery.status !== 'delivered' && delivery.message.event.type !== 'job.progress';
    if (isMissed) missed.unshift(delivery); // the oldest first
  }
  for (const delivery of missed) yield* redeliverEnabled(ports, delivery);
}

async function* redeliverEnabled(ports: Ports, { id, message }: Delivery): AsyncGenerator<DeliverMessage> {
  const endpoint = await ports.endpoints.get(message.url);
  if (endpoint && endpoint.disabled_at !== null) {
    throw new UsageError(
      `${message.url} must be enabled (mv2id webhooks enable <url>), got disabled since ${endpoint.disabled_at}.`,
    );
  }
  await redeliver(ports, id);
  yield message;
}

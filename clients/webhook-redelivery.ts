/**
 * Sends a webhook again under its old id, with a fresh schedule: for the command line, and for whoever empties the dead letters. The
 * record is set back first and the message sent after it; a process that dies in between leaves a delivery that is pending without a
 * message, which the same call repairs.
 */
import type { Delivery } from '../contract/delivery';
import { type DeliverMessage, DeliverMessageSchema } from '../contract/events';
import type { QueueMessage } from './job-queue';
import type { Ports } from './ports';

type RedeliveryPorts = Pick<Ports, 'deliveries' | 'queues' | 'deadLetters'>;

/** How long a dead letter is ours while we redeliver it. */
const DEAD_LETTER_VISIBILITY_SECONDS = 60;
const DEAD_LETTER_BATCH = 10;
const PAGE_LIMIT = 100;

/** @returns the delivery as it is now, or null when there is none of this id. */
export async function redeliver(ports: RedeliveryPorts, webhookId: string): Promise<Delivery | null> {
  const delivery = await resetDelivery(ports, webhookId);
  if (delivery) await sendMessage(ports, delivery.message);
  return delivery;
}

/**
 * Every webhook that was given up, each once, and no dead letter is left of them.
 * @yields what was sent again.
 */
export async function* redeliverAllDead(ports: RedeliveryPorts): AsyncGenerator<DeliverMessage> {
  const sent = new Set<string>();
  for await (const { id } of deadDeliveries(ports)) {
    if (sent.has(id)) continue;
    sent.add(id);
    const delivery = await redeliver(ports, id);
    if (delivery) yield delivery.message;
  }
  for await (const letter of deadLetters(ports)) {
    const message = parseMessage(letter.body);
    // Nobody can send what nobody can read: it stays for whoever looks into it.
    if (!message) continue;
    const id = message.event.webhook_id;
    if (!sent.has(id) && (await isUndelivered(ports, id))) {
      sent.add(id);
      // A message that was received too often lies here although its delivery is pending, or was never begun.
      if (!(await redeliver(ports, id))) await sendMessage(ports, message);
      yield message;
    }
    await ports.deadLetters.webhooks.delete([letter.receipt]);
  }
}

async function resetDelivery({ deliveries }: RedeliveryPorts, id: string): Promise<Delivery | null> {
  for (;;) {
    const delivery = await deliveries.get(id);
    if (!delivery) return null;
    const reset: Delivery = { ...delivery, status: 'pending', tries: 0, next_attempt_at: null };
    const stored = await deliveries.replace(reset);
    if (stored) return stored;
  }
}

async function sendMessage({ queues }: RedeliveryPorts, message: DeliverMessage): Promise<void> {
  await queues.webhooks.send([{ body: JSON.stringify(message), group: new URL(message.url).host }]);
}

/** All of them are read before the first is changed, which takes it out of the index. */
async function* deadDeliveries({ deliveries }: RedeliveryPorts): AsyncGenerator<Delivery> {
  const dead: Delivery[] = [];
  let cursor: string | undefined;
  do {
    const page = await deliveries.query('by_dead', 'dead', {
      limit: PAGE_LIMIT,
      order: 'oldest',
      ...(cursor && { cursor }),
    });
    dead.push(...page.records);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  yield* dead;
}

async function* deadLetters({ deadLetters: { webhooks } }: RedeliveryPorts): AsyncGenerator<QueueMessage> {
  const receive = () =>
    webhooks.receive({ max: DEAD_LETTER_BATCH, visibilitySeconds: DEAD_LETTER_VISIBILITY_SECONDS, waitSeconds: 0 });
  const seen = new Set<string>();
  for (let letters = await receive(); letters.length > 0; letters = await receive()) {
    const fresh = letters.filter(({ id }) => !seen.has(id));
    if (fresh.length === 0) return;
    for (const letter of fresh) seen.add(letter.id);
    yield* fresh;
  }
}

async function isUndelivered({ deliveries }: RedeliveryPorts, id: string): Promise<boolean> {
  const delivery = await deliveries.get(id);
  return !delivery || delivery.status === 'dead' || delivery.status === 'pending';
}

function parseMessage(body: string): DeliverMessage | null {
  try {
    return DeliverMessageSchema.parse(JSON.parse(body));
  } catch {
    return null;
  }
}

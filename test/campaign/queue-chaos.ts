/** Makes queues what they promise to be at worst: messages come twice, late, and in another order. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Ports } from '../../clients/ports';
import { QUEUE_NAMES } from '../../contract/deployment';
import type { Random } from './seeded';

export interface QueueChaos {
  readonly duplicated: number;
  readonly delayed: number;
  stop(): Promise<void>;
}

const MOST_DELAY_SECONDS = 2;

export function startQueueChaos({ queues }: Pick<Ports, 'queues'>, random: Random): QueueChaos {
  let duplicated = 0;
  let delayed = 0;
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) {
      await wait(random.whole(20, 120));
      const queue = queues[random.pick(QUEUE_NAMES)];
      const [message] = await queue.receive({ max: 1, visibilitySeconds: 5 });
      if (!message) continue;
      const copy = { body: message.body, ...(message.group !== null && { group: message.group }) };
      const delaySeconds = random.whole(0, MOST_DELAY_SECONDS);
      await queue.send([{ ...copy, delaySeconds }]);
      if (random.chance(0.5)) {
        // Two of it.
        duplicated++;
        await queue.changeVisibility(message.receipt, 0);
      } else {
        delayed++;
        await queue.delete([message.receipt]);
      }
    }
  })();
  return {
    get duplicated() {
      return duplicated;
    },
    get delayed() {
      return delayed;
    },
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

/** Whether the queues are there, and nothing lies in them that the stages could not take. */
import type { Ports } from '../../clients/ports';
import { QUEUE_NAMES } from '../../contract/deployment';
import { type Finding, ok, warning } from './finding';

const CHECK = 'queues';

export async function checkQueues({ queues, deadLetters }: Pick<Ports, 'queues' | 'deadLetters'>): Promise<Finding[]> {
  let waiting = 0;
  const dead: Finding[] = [];
  for (const name of QUEUE_NAMES) {
    const { visible, inFlight, delayed } = await queues[name].depth();
    waiting += visible + inFlight + delayed;
    const lost = await deadLetters[name].depth();
    const count = lost.visible + lost.inFlight;
    if (count > 0) {
      const what = count === 1 ? 'A message' : `${count} messages`;
      dead.push(
        warning(
          CHECK,
          `${what} of ${name} could not be worked on: docs/runbook.md#dead-letters-${name.replaceAll('_', '-')}.`,
        ),
      );
    }
  }
  return [ok(CHECK, `All ${QUEUE_NAMES.length} answer; ${waiting} messages are on their way.`), ...dead];
}

/**
 * A process that writes until it is killed: `crash-writer.ts <home> <round>`. What it prints is acknowledged: one JSON line each,
 * after the call has returned and not before.
 */
import { writeSync } from 'node:fs';
import { openLocalPorts } from '../../../clients/local/local-ports';

async function run([home, round]: string[]): Promise<void> {
  const ports = await openLocalPorts({ type: 'local', home: home! });
  await Promise.all([
    putObjects(ports, `${round}`),
    insertRecords(ports, `${round}`),
    sendMessages(ports, `${round}`),
    moveMessages(ports),
  ]);
}

type Ports = Awaited<ReturnType<typeof openLocalPorts>>;

/** Synchronous: the line is out when the call returns, also when the process is killed right after it. */
function acknowledge(line: Record<string, unknown>): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

/** Objects of their own, and one that every write replaces by a larger one. */
async function putObjects(ports: Ports, round: string): Promise<void> {
  for (let i = 0; ; i++) {
    const key = `round ${round}/${i % 7}/${i}`;
    await ports.buckets.results.put(key, key.repeat(500));
    acknowledge({ object: key });
    await ports.buckets.results.put('shared', `${i % 10}`.repeat(100_000 + i));
  }
}

/** A new record, then one more count of a record that all rounds share. */
async function insertRecords(ports: Ports, round: string): Promise<void> {
  await ports.endpoints.insert({ id: 'counter', version: 1, disabled_at: null, reason: '0' });
  for (let i = 0; ; i++) {
    const id = `round ${round}, record ${i}`;
    await ports.endpoints.insert({ id, version: 1, disabled_at: null, reason: 'test' });
    acknowledge({ record: id });
    const counter = await ports.endpoints.get('counter');
    const next = counter && (await ports.endpoints.replace({ ...counter, reason: String(Number(counter.reason) + 1) }));
    if (next) acknowledge({ count: Number(next.reason) });
  }
}

async function sendMessages(ports: Ports, round: string): Promise<void> {
  for (let i = 0; ; i++) {
    const body = `round ${round}, message ${i}`;
    await ports.queues.jobs.send([{ body, group: `group ${i % 3}`, delaySeconds: i % 5 === 0 ? 1 : 0 }]);
    acknowledge({ sent: body });
  }
}

/** Hands messages on to another queue, deletes some and gives some back. */
async function moveMessages(ports: Ports): Promise<void> {
  for (let i = 0; ; i++) {
    const messages = await ports.queues.jobs.receive({ max: 3, visibilitySeconds: 1, waitSeconds: 1 });
    for (const { body, receipt } of messages) {
      if (i % 3 === 0) await ports.queues.jobs.changeVisibility(receipt, 0);
      else {
        await ports.queues.intake.send([{ body }]);
        await ports.queues.jobs.delete([receipt]);
        acknowledge({ handedOn: body });
      }
    }
  }
}

void run(process.argv.slice(2));

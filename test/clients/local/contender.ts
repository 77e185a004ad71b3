/**
 * One of several processes that all want the same: `contender.ts <home> <name> <rounds>`. It counts an object and a record up, claims
 * objects, and takes messages; at last it prints what it got.
 */

import { type LocalPorts, openLocalPorts } from '../../../clients/local/local-ports';
import type { ObjectStore } from '../../../clients/object-store';
import { PreconditionFailed } from '../../../clients/object-store';

async function run([home, name, rounds]: string[]): Promise<void> {
  const ports = await openLocalPorts({ type: 'local', home: home! });
  const claimed: string[] = [];
  for (let i = 0; i < Number(rounds); i++) {
    await countObject(ports.buckets.results);
    await countRecord(ports);
    if (await claim(ports.buckets.results, `claims/${i}`, name!)) claimed.push(`claims/${i}`);
  }
  process.stdout.write(JSON.stringify({ claimed, taken: await takeMessages(ports) }));
  await ports.close();
}

async function countObject(bucket: ObjectStore): Promise<void> {
  for (;;) {
    const counter = await bucket.get('counter');
    const count = Number(Buffer.from(counter?.body ?? []).toString()) + 1;
    try {
      await bucket.put('counter', String(count), { ifMatch: counter?.etag ?? '' });
      return;
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}

async function countRecord({ endpoints }: LocalPorts): Promise<void> {
  for (;;) {
    const counter = await endpoints.get('counter');
    if (counter && (await endpoints.replace({ ...counter, reason: String(Number(counter.reason) + 1) }))) return;
  }
}

async function claim(bucket: ObjectStore, key: string, name: string): Promise<boolean> {
  try {
    await bucket.put(key, name, { ifNoneMatch: '*' });
    return true;
  } catch (error) {
    if (error instanceof PreconditionFailed) return false;
    throw error;
  }
}

async function takeMessages({ queues }: LocalPorts): Promise<string[]> {
  const taken: string[] = [];
  for (;;) {
    const messages = await queues.jobs.receive({ max: 2, visibilitySeconds: 600 });
    if (messages.length === 0) return taken;
    await queues.jobs.delete(messages.map(({ receipt }) => receipt));
    taken.push(...messages.map(({ body }) => body));
  }
}

void run(process.argv.slice(2));

/** What every queue promises, whichever it is: run against the local queue and against SQS. */
import type { JobQueue, NewMessage, QueueMessage } from '../../clients/job-queue';

/** What an emulator may lack; whoever runs the suite names it, and the tests of it are left out. */
export type JobQueueCapability =
  /** Nobody waits for the backlog of another group. */
  | 'fair-groups'
  /** Messages tell the group they were sent with. */
  | 'groups'
  /** A receipt of an earlier delivery deletes nothing. */
  | 'stale-receipts'
  | 'dead-letter'
  | 'depth';

export interface JobQueueHarness {
  /** Empty. Gives a message up after `MAX_RECEIVE_COUNT` deliveries. */
  readonly queue: JobQueue;
  /** The same queue as another process has it. */
  readonly other: JobQueue;
  readonly deadLetters: JobQueue;
  /** Lets time pass for the queue: an injected clock, or real waiting. */
  advance(seconds: number): Promise<void>;
  close(): Promise<void>;
}

export interface JobQueueSuiteOptions {
  readonly without?: readonly JobQueueCapability[];
}

/** What the harness must set for its queue. */
export const MAX_RECEIVE_COUNT = 3;

/** A long time: nothing becomes visible by itself. */
const HIDDEN = { max: 10, visibilitySeconds: 600 };

export function describeJobQueue(
  name: string,
  open: () => Promise<JobQueueHarness>,
  options: JobQueueSuiteOptions = {},
): void {
  describe(`job queue: ${name}`, () => {
    let harness: JobQueueHarness;
    let queue: JobQueue;

    beforeEach(async () => {
      harness = await open();
      queue = harness.queue;
    });
    afterEach(() => harness.close());

    function testWith(capability: JobQueueCapability, title: string, run: () => Promise<void>): void {
      if (!options.without?.includes(capability)) test(title, run);
    }

    test('what was sent is received, with all that is known of it', async () => {
      const body = JSON.stringify({ text: 'Größe, 日本, 😀 & <b>"quoted"</b>\n\ttab', n: 1 });
      await queue.send([{ body }]);
      const [message, ...more] = await harness.other.receive(HIDDEN);
      expect(more).toEqual([]);
      expect(JSON.parse(message?.body ?? '')).toEqual(JSON.parse(body));
      expect(message?.receiveCount).toBe(1);
      expect(message?.id).not.toBe('');
      expect(message?.receipt).not.toBe('');
      expect(message?.sentAt).toBeInstanceOf(Date);
    });

    testWith('groups', 'a message tells its group, or that it has none', async () => {
      await queue.send([{ body: 'of anna', group: 'anna' }, { body: 'of nobody' }]);
      const groups = Object.fromEntries((await drain(queue)).map(({ body, group }) => [body, group]));
      expect(groups).toEqual({ 'of anna': 'anna', 'of nobody': null });
    });

    test('messages that match are deleted, the others are received as before', async () => {
      await queue.send(bodies(25));
      const isOdd = (body: string) => Number(/\d+/.exec(body)?.[0]) % 2 === 1;
      const deleted = await harness.other.deleteMatching(isOdd, 1000);
      expect(new Set(deleted).size).toBe(deleted.length);
      const left = (await drain(queue)).map(({ body }) => body);
      expect(left.filter(isOdd)).toEqual([]);
      expect(left.length + deleted.length).toBe(25);
      expect(deleted.length).toBeGreaterThan(0);
    });

    test('no more messages are looked at than allowed', async () => {
      await queue.send(bodies(25));
      const looked: string[] = [];
      const look = (body: string) => looked.push(body) === 0;
      expect(await queue.deleteMatching(look, 10)).toEqual([]);
      expect(looked).toHaveLength(10);
      expect(await drain(queue)).toHaveLength(25);
    });

    test('an empty queue gives nothing, and sending nothing is nothing', async () => {
      await queue.send([]);
      await queue.delete([]);
      expect(await queue.receive(HIDDEN)).toEqual([]);
    });

    test('any number is sent and deleted in one call, at most ten are received in one', async () => {
      await queue.send(bodies(25));
      expect((await queue.receive({ max: 3, visibilitySeconds: 0 })).length).toBeLessThanOrEqual(3);
      const messages = await drain(queue, { max: 10, visibilitySeconds: 5 });
      expect(messages.map(({ body }) => body).sort()).toEqual(
        bodies(25)
          .map(({ body }) => body)
          .sort(),
      );
      await queue.delete(messages.map(({ receipt }) => receipt));
      await harness.advance(5.1);
      expect(await queue.receive(HIDDEN)).toEqual([]);
    });

    test('the same body twice is two messages', async () => {
      await queue.send([{ body: 'same' }]);
      await queue.send([{ body: 'same' }]);
      const messages = await drain(queue);
      expect(messages.map(({ body }) => body)).toEqual(['same', 'same']);
      expect(new Set(messages.map(({ id }) => id)).size).toBe(2);
    });

    test('a message that is worked on is hidden, and comes again when the work was not done in time', async () => {
      await queue.send([{ body: 'a' }]);
      const [first] = await queue.receive({ max: 1, visibilitySeconds: 2 });
      expect(await harness.other.receive(HIDDEN)).toEqual([]);
      await harness.advance(2.1);
      const [second] = await harness.other.receive(HIDDEN);
      expect(second).toMatchObject({ id: first?.id, body: 'a', receiveCount: 2 });
      expect(second?.sentAt).toEqual(first?.sentAt);
      expect(second?.receipt).not.toBe(first?.receipt);
    });

    test('what was deleted never comes again, and may be deleted once more', async () => {
      await queue.send([{ body: 'a' }]);
      const [message] = await queue.receive({ max: 1, visibilitySeconds: 1 });
      await queue.delete([message?.receipt ?? '']);
      await queue.delete([message?.receipt ?? '']);
      await harness.advance(1.1);
      expect(await queue.receive(HIDDEN)).toEqual([]);
    });

    test('some of a batch fail: only those come again', async () => {
      await queue.send(bodies(5));
      const batch = await drain(queue, { max: 10, visibilitySeconds: 2 });
      expect(batch).toHaveLength(5);
      const failed = batch.filter((_, i) => i % 2 === 0);
      await queue.delete(batch.filter((message) => !failed.includes(message)).map(({ receipt }) => receipt));
      await harness.advance(2.1);
      const again = await drain(queue);
      expect(again.map(({ id }) => id).sort()).toEqual(failed.map(({ id }) => id).sort());
      expect(again.every(({ receiveCount }) => receiveCount === 2)).toBe(true);
    });

    test('a message that failed comes after later ones: order is not promised', async () => {
      await queue.send([{ body: 'early' }]);
      const [early] = await queue.receive({ max: 1, visibilitySeconds: 600 });
      await queue.send([{ body: 'late' }]);
      const [late] = await queue.receive(HIDDEN);
      await queue.changeVisibility(early?.receipt ?? '', 0);
      const [again] = await queue.receive(HIDDEN);
      expect([late?.body, again?.body]).toEqual(['late', 'early']);
    });

    testWith('stale-receipts', 'a receipt of an earlier delivery deletes and delays nothing', async () => {
      await queue.send([{ body: 'a' }]);
      const [first] = await queue.receive({ max: 1, visibilitySeconds: 1 });
      await harness.advance(1.1);
      const [second] = await queue.receive({ max: 1, visibilitySeconds: 2 });
      await queue.delete([first?.receipt ?? '']);
      await queue.changeVisibility(first?.receipt ?? '', 0).catch(() => {});
      expect(await queue.receive(HIDDEN)).toEqual([]);
      await harness.advance(2.1);
      const [third] = await queue.receive(HIDDEN);
      expect(third).toMatchObject({ id: second?.id, receiveCount: 3 });
    });

    test('a message is given back at once, or kept longer', async () => {
      await queue.send([{ body: 'a' }]);
      const [first] = await queue.receive({ max: 1, visibilitySeconds: 600 });
      await queue.changeVisibility(first?.receipt ?? '', 0);
      const [second] = await queue.receive({ max: 1, visibilitySeconds: 1 });
      expect(second).toMatchObject({ id: first?.id, receiveCount: 2 });
      await queue.changeVisibility(second?.receipt ?? '', 600);
      await harness.advance(1.1);
      expect(await queue.receive(HIDDEN)).toEqual([]);
      await queue.delete([second?.receipt ?? '']);
    });

    test('a delayed message comes when its delay is over', async () => {
      await queue.send([{ body: 'later', delaySeconds: 2 }, { body: 'now' }]);
      expect((await drain(queue)).map(({ body }) => body)).toEqual(['now']);
      await harness.advance(2.1);
      expect((await drain(queue)).map(({ body, receiveCount }) => [body, receiveCount])).toEqual([['later', 1]]);
    });

    test('a delay, a visibility or a number out of range is refused', async () => {
      await expect(queue.send([{ body: 'a', delaySeconds: 901 }])).rejects.toThrow();
      await expect(queue.send([{ body: 'a', delaySeconds: -1 }])).rejects.toThrow();
      await expect(queue.receive({ max: 11, visibilitySeconds: 1 })).rejects.toThrow();
      await expect(queue.receive({ max: 0, visibilitySeconds: 1 })).rejects.toThrow();
      await expect(queue.receive({ max: 1, visibilitySeconds: 43_201 })).rejects.toThrow();
      expect(await queue.receive(HIDDEN)).toEqual([]);
    });

    testWith('dead-letter', 'after too many deliveries a message is a dead letter, and no sooner', async () => {
      await queue.send([{ body: 'poison' }]);
      for (let count = 1; count <= MAX_RECEIVE_COUNT; count++) {
        const [message] = await queue.receive({ max: 1, visibilitySeconds: 1 });
        expect(message).toMatchObject({ body: 'poison', receiveCount: count });
        expect(await harness.deadLetters.receive(HIDDEN)).toEqual([]);
        await harness.advance(1.1);
      }
      expect(await queue.receive(HIDDEN)).toEqual([]);
      const [dead, ...more] = await harness.deadLetters.receive(HIDDEN);
      expect(dead?.body).toBe('poison');
      expect(more).toEqual([]);
      await harness.deadLetters.delete([dead?.receipt ?? '']);
    });

    testWith('dead-letter', 'a poisonous message takes no other with it', async () => {
      await queue.send([{ body: 'poison' }, { body: 'good' }]);
      for (let count = 1; count <= MAX_RECEIVE_COUNT + 1; count++) {
        const messages = await drain(queue, { max: 10, visibilitySeconds: 1 }, 1);
        const done = messages.filter(({ body }) => body === 'good');
        await queue.delete(done.map(({ receipt }) => receipt));
        await harness.advance(1.1);
      }
      expect((await drain(harness.deadLetters)).map(({ body }) => body)).toEqual(['poison']);
    });

    testWith('depth', 'the depth tells what is visible, in flight and delayed', async () => {
      await queue.send([...bodies(4), { body: 'later', delaySeconds: 900 }]);
      expect(await queue.depth()).toEqual({ visible: 4, inFlight: 0, delayed: 1 });
      const [message] = await queue.receive({ max: 1, visibilitySeconds: 600 });
      expect(await queue.depth()).toEqual({ visible: 3, inFlight: 1, delayed: 1 });
      await queue.delete([message?.receipt ?? '']);
      expect(await harness.other.depth()).toEqual({ visible: 3, inFlight: 0, delayed: 1 });
    });

    test('several consumers at once: nobody gets what another has', async () => {
      await queue.send(bodies(60));
      const got = await Promise.all(Array.from({ length: 6 }, (_, i) => drain(i % 2 === 0 ? queue : harness.other)));
      const ids = got.flat().map(({ id }) => id);
      expect(ids).toHaveLength(60);
      expect(new Set(ids).size).toBe(60);
    });

    test('several senders at once: nothing is lost', async () => {
      const senders = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? queue : harness.other));
      await Promise.all(
        senders.map((sender, i) =>
          sender.send(bodies(5).map(({ body }) => ({ body: `${i}: ${body}`, group: `g${i}` }))),
        ),
      );
      expect(new Set((await drain(queue)).map(({ body }) => body)).size).toBe(40);
    });

    test('who waits for a message gets it as soon as it is sent', async () => {
      const waiting = queue.receive({ max: 10, visibilitySeconds: 600, waitSeconds: 20 });
      await harness.other.send([{ body: 'at last' }]);
      expect((await waiting).map(({ body }) => body)).toEqual(['at last']);
    });

    test('who waits in vain gets nothing', async () => {
      expect(await queue.receive({ max: 1, visibilitySeconds: 1, waitSeconds: 1 })).toEqual([]);
    });

    testWith('fair-groups', 'one message does not wait for the hundred of another group', async () => {
      await queue.send(Array.from({ length: 100 }, (_, i) => ({ body: `many ${i}`, group: 'many' })));
      for (let i = 0; i < 5; i++) await queue.receive({ max: 1, visibilitySeconds: 600 });
      await queue.send([{ body: 'single', group: 'one' }]);
      const [next] = await queue.receive({ max: 1, visibilitySeconds: 600 });
      expect(next?.body).toBe('single');
    });
  });
}

function bodies(count: number): NewMessage[] {
  return Array.from({ length: count }, (_, i) => ({ body: `message ${i}` }));
}

/** Receives until there is nothing more; `rounds` bounds it where what is received becomes visible again meanwhile. */
async function drain(queue: JobQueue, options = HIDDEN, rounds = Number.POSITIVE_INFINITY): Promise<QueueMessage[]> {
  const all: QueueMessage[] = [];
  for (let round = 0; round < rounds; round++) {
    const messages = await queue.receive(options);
    if (messages.length === 0) break;
    all.push(...messages);
  }
  return all;
}

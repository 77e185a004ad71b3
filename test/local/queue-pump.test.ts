import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { LmdbJobQueue } from '../../clients/local/lmdb-job-queue';
import { QueuePump, type QueuePumpOptions } from '../../local/queue-pump';
import { openStore, until } from './home';

const pumps: QueuePump[] = [];
const NONE: SQSBatchResponse = { batchItemFailures: [] };

/** @param now of the queue's clock. */
function setUp(handler: QueuePumpOptions['handler'], options: Partial<QueuePumpOptions> = {}, now?: () => Date) {
  const queue = new LmdbJobQueue(openStore(), 'webhooks', now ? { now } : {});
  const pump = new QueuePump({
    name: 'webhooks',
    queue,
    handler,
    batchSize: 1,
    concurrency: 1,
    waitSeconds: 0.05,
    ...options,
  });
  pumps.push(pump);
  pump.start();
  return { queue, pump };
}

afterEach(async () => {
  await Promise.all(pumps.splice(0).map((pump) => pump.stop()));
});

const isEmpty = async (queue: LmdbJobQueue) => {
  const { visible, inFlight, delayed } = await queue.depth();
  return visible + inFlight + delayed === 0;
};

test('the handler gets records in the shape of SQS, and what it handled is deleted', async () => {
  const events: SQSEvent[] = [];
  const { queue } = setUp(async (event) => {
    events.push(event);
    return NONE;
  });
  await queue.send([{ body: '{"a":1}', group: 'someone' }]);
  await until(() => isEmpty(queue));
  expect(events).toHaveLength(1);
  expect(events[0]?.Records).toMatchObject([
    {
      body: '{"a":1}',
      messageId: expect.any(String),
      receiptHandle: expect.any(String),
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: expect.stringMatching(/^\d{13}$/),
        MessageGroupId: 'someone',
      },
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:local:000000000000:webhooks',
    },
  ]);
});

test('of a batch only the failures stay', async () => {
  const seen: string[] = [];
  const { queue, pump } = setUp(
    async ({ Records }) => {
      seen.push(...Records.map(({ body }) => body));
      const failed = Records.filter(({ body }) => body === 'bad');
      return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    },
    { batchSize: 10, visibilitySeconds: 600 },
  );
  await queue.send([{ body: 'good' }, { body: 'bad' }, { body: 'fine' }]);
  await until(async () => (await queue.depth()).inFlight === 1 && seen.length === 3);
  await pump.stop();
  expect(await queue.depth()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
});

test('a handler that throws leaves its whole batch, and the pump goes on', async () => {
  const errors: unknown[] = [];
  const { queue } = setUp(
    async ({ Records }) => {
      if (Records[0]?.body === 'bad') throw new Error('no store');
      return NONE;
    },
    { visibilitySeconds: 600, onError: (error) => errors.push(error) },
  );
  await queue.send([{ body: 'bad' }, { body: 'good' }]);
  await until(async () => (await queue.depth()).visible === 0 && errors.length > 0);
  await until(async () => (await queue.depth()).inFlight === 1);
  expect(errors).toEqual([new Error('no store')]);
});

test('a handler that hangs holds up nobody else', async () => {
  let release = () => {};
  const handled: string[] = [];
  const { queue } = setUp(
    async ({ Records }) => {
      const body = Records[0]?.body ?? '';
      if (body === 'hang')
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      handled.push(body);
      return NONE;
    },
    { concurrency: 2 },
  );
  await queue.send([{ body: 'hang' }]);
  await until(async () => (await queue.depth()).inFlight === 1);
  await queue.send(['1', '2', '3'].map((body) => ({ body })));
  await until(() => handled.length === 3);
  expect(handled.sort()).toEqual(['1', '2', '3']);
  release();
  await until(() => isEmpty(queue));
});

test('never more calls at the same time than told, never more messages in a call', async () => {
  let calls = 0;
  let mostCalls = 0;
  let mostMessages = 0;
  const { queue } = setUp(
    async ({ Records }) => {
      mostCalls = Math.max(mostCalls, ++calls);
      mostMessages = Math.max(mostMessages, Records.length);
      await new Promise((resolve) => setImmediate(resolve));
      calls--;
      return NONE;
    },
    { concurrency: 3, batchSize: 2 },
  );
  await queue.send(Array.from({ length: 30 }, (_, i) => ({ body: String(i) })));
  await until(() => isEmpty(queue));
  expect(mostCalls).toBe(3);
  expect(mostMessages).toBe(2);
});

test('a message stays invisible for as long as its handler works', async () => {
  let release = () => {};
  let deliveries = 0;
  const { queue } = setUp(
    async () => {
      deliveries++;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return NONE;
    },
    { concurrency: 2, visibilitySeconds: 0.6 }, // far more than a busy machine makes a timer late
  );
  const prolonged = jest.spyOn(queue, 'changeVisibility');
  await queue.send([{ body: 'slow' }]);
  await until(() => prolonged.mock.calls.length >= 6); // twice the visibility it was received with
  expect(deliveries).toBe(1);
  release();
  await until(() => isEmpty(queue));
  const after = prolonged.mock.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(prolonged.mock.calls.length).toBe(after);
});

test('what a killed pump had in hand comes again soon', async () => {
  let time = Date.now();
  const now = () => new Date(time);
  let deliveries = 0;
  const { queue } = setUp(
    async ({ Records }) => {
      deliveries = Number(Records[0]?.attributes.ApproximateReceiveCount);
      return NONE;
    },
    {},
    now,
  );
  // Somebody else received it, and died.
  await pumps.splice(0)[0]?.stop();
  await queue.send([{ body: 'lost' }]);
  await queue.receive({ max: 1, visibilitySeconds: 5 });
  const next = new QueuePump({
    name: 'webhooks',
    queue,
    handler: async ({ Records }) => {
      deliveries = Number(Records[0]?.attributes.ApproximateReceiveCount);
      return NONE;
    },
    batchSize: 1,
    concurrency: 1,
    waitSeconds: 0.05,
  });
  pumps.push(next);
  next.start();
  time += 5000;
  await until(() => isEmpty(queue));
  expect(deliveries).toBe(2);
});

test('stop waits for the calls under way and takes no further message', async () => {
  let release = () => {};
  const handled: string[] = [];
  const { queue, pump } = setUp(async ({ Records }) => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    handled.push(Records[0]?.body ?? '');
    return NONE;
  });
  await queue.send([{ body: 'first' }]);
  await until(async () => (await queue.depth()).inFlight === 1);
  const stopped = pump.stop();
  await queue.send([{ body: 'second' }]);
  release();
  await stopped;
  expect(handled).toEqual(['first']);
  expect(await queue.depth()).toEqual({ visible: 1, inFlight: 0, delayed: 0 });
});

test('a queue that cannot be read is reported and asked again', async () => {
  const errors: unknown[] = [];
  const queue = new LmdbJobQueue(openStore(), 'webhooks');
  const receive = queue.receive.bind(queue);
  queue.receive = async (options) => {
    if (errors.length === 0) throw new Error('disk full');
    return receive(options);
  };
  const pump = new QueuePump({
    name: 'webhooks',
    queue,
    handler: async () => NONE,
    batchSize: 1,
    concurrency: 1,
    waitSeconds: 0.05,
    pauseAfterErrorMs: 1,
    onError: (error) => errors.push(error),
  });
  pumps.push(pump);
  pump.start();
  await queue.send([{ body: 'later' }]);
  await until(() => isEmpty(queue));
  expect(errors).toEqual([new Error('disk full')]);
});

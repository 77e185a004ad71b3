import type { SQSEvent } from 'aws-lambda';
import { METRICS_NAMESPACE } from '../../contract/env';
import { metricsNamespace } from '../../contract/metrics';
import { sqsHandler } from '../../lambdas/sqs-handler';
import { RetryLater, type Stage, type StageContext } from '../../lambdas/stage';
import { submit } from '../../lambdas/submit';
import { openTestContext, sqsEvent, type TestContext } from './factories';

let context: TestContext;
beforeEach(async () => {
  context = await openTestContext();
});

/** What was logged, by level. */
function logged(base: StageContext): { context: StageContext; lines: string[] } {
  const lines: string[] = [];
  const log =
    (level: string) =>
    (message: string, about: Record<string, unknown> = {}) =>
      void lines.push(`${level} ${message} ${JSON.stringify(about)}`);
  return { context: { ...base, log: { info: log('info'), warn: log('warn'), error: log('error') } }, lines };
}

const byBody: Stage = async ({ body }) => {
  if (body === 'broken') throw new Error('no such thing');
  if (body === 'early') throw new RetryLater(120, 'not yet');
};

test('the stage gets each message as it is', async () => {
  const seen: unknown[] = [];
  const stage: Stage = async (message, given) => {
    seen.push(message);
    expect(given).toBe(context);
  };
  const handler = sqsHandler('test', stage, 'intake', async () => context);
  expect(await handler(sqsEvent(['a', 'b']))).toEqual({ batchItemFailures: [] });
  expect(seen).toEqual([
    { body: 'a', receipt: 'a', receiveCount: 1, sentAt: new Date(1700000000000) },
    { body: 'b', receipt: 'b', receiveCount: 1, sentAt: new Date(1700000000000) },
  ]);
});

test('what fails is reported and logged, the rest of the batch is done', async () => {
  const { context: watched, lines } = logged(context);
  const handler = sqsHandler('test', byBody, 'intake', async () => watched);
  expect(await handler(sqsEvent(['fine', 'broken', 'fine']))).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-1' }],
  });
  expect(lines).toEqual([expect.stringMatching(/^error Message failed\. .*message-1.*no such thing/)]);
});

test('a batch of nothing but failures is reported too, not thrown', async () => {
  const handler = sqsHandler('test', byBody, 'intake', async () => context);
  const { batchItemFailures } = await handler(sqsEvent(['broken', 'broken']));
  expect(batchItemFailures).toHaveLength(2);
});

test('a message that does not parse is reported until it is a dead letter', async () => {
  const queue = context.ports.queues.jobs;
  const handler = sqsHandler('submit', submit, 'jobs', async () => context);
  await queue.send([{ body: 'not JSON' }]);
  for (let deliveries = 0; ; deliveries++) {
    const [message] = await queue.receive({ max: 1, visibilitySeconds: 1 });
    context.clock.move(2);
    if (!message) break;
    expect(deliveries).toBeLessThan(50);
    const { batchItemFailures } = await handler(sqsEvent([message.body], [message.receipt]));
    expect(batchItemFailures).toEqual([{ itemIdentifier: 'message-0' }]);
  }
  expect(await context.ports.deadLetters.jobs.receive({ max: 10, visibilitySeconds: 1 })).toMatchObject([
    { body: 'not JSON' },
  ]);
});

test('who wants its message later gets it then', async () => {
  const queue = context.ports.queues.intake;
  await queue.send([{ body: 'early' }]);
  const [message] = await queue.receive({ max: 1, visibilitySeconds: 30 });
  const handler = sqsHandler('test', byBody, 'intake', async () => context);
  expect(await handler(sqsEvent(['early'], [message!.receipt]))).toEqual({
    batchItemFailures: [{ itemIdentifier: 'message-0' }],
  });
  context.clock.move(119);
  expect(await queue.receive({ max: 1, visibilitySeconds: 30 })).toEqual([]);
  context.clock.move(2);
  expect(await queue.receive({ max: 1, visibilitySeconds: 30 })).toMatchObject([{ body: 'early', receiveCount: 2 }]);
});

test('a delay that cannot be set does not fail the batch', async () => {
  const { context: watched, lines } = logged(context);
  const handler = sqsHandler('test', byBody, 'intake', async () => watched);
  const { batchItemFailures } = await handler(sqsEvent(['early', 'fine'], ['no receipt', 'none']));
  expect(batchItemFailures).toHaveLength(1);
  expect(lines.join('\n')).toContain('warn Message comes again early.');
});

test('batches at the same time do not meet', async () => {
  const handler = sqsHandler('test', byBody, 'intake', async () => context);
  const bodies = [['broken', 'fine'], ['fine'], ['fine', 'fine', 'broken']];
  const answers = await Promise.all(bodies.map((batch) => handler(sqsEvent(batch))));
  expect(answers.map(({ batchItemFailures }) => batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))).toEqual(
    [['message-0'], [], ['message-2']],
  );
});

test('the context is opened once, and again when that failed', async () => {
  let opened = 0;
  const handler = sqsHandler('test', byBody, 'intake', async () => {
    if (++opened === 1) throw new Error('no network');
    return context;
  });
  await expect(handler(sqsEvent(['fine']))).rejects.toThrow('no network');
  await Promise.all([handler(sqsEvent(['fine'])), handler(sqsEvent(['fine']))]);
  expect(opened).toBe(2);
});

describe('metrics', () => {
  /** The metrics that Lambda would read from the output while `event` is handled. */
  async function metricsOf(event: SQSEvent, isLocal: boolean): Promise<Record<string, unknown>[]> {
    const lines: string[] = [];
    const print = jest.spyOn(console, 'log').mockImplementation((line) => void lines.push(String(line)));
    // Powertools prints through a console of its own unless it is told that it is being developed with.
    const before = { ...process.env };
    Object.assign(process.env, {
      POWERTOOLS_DEV: 'true',
      POWERTOOLS_METRICS_DISABLED: 'false',
      [METRICS_NAMESPACE]: metricsNamespace('trial'),
    });
    try {
      const handler = sqsHandler('test', byBody, 'intake', async () => ({ ...context, isLocal }));
      await handler(event);
    } finally {
      print.mockRestore();
      process.env = before;
    }
    return lines.map((line) => JSON.parse(line));
  }

  test('count how the stage was done with its messages', async () => {
    const [metrics, ...more] = await metricsOf(sqsEvent(['fine', 'fine', 'broken', 'early']), false);
    expect(more).toEqual([]);
    expect(metrics).toMatchObject({ service: 'test', MessageDone: [1, 1], MessageFailed: 1, MessageRetriedLater: 1 });
    expect(metrics).toMatchObject({ _aws: { CloudWatchMetrics: [{ Namespace: 'mv2id/trial' }] } });
  });

  test('are not printed on one machine', async () => {
    expect(await metricsOf(sqsEvent(['fine', 'broken']), true)).toEqual([]);
  });
});

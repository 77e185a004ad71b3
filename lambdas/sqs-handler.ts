/**
 * A stage as Lambda calls it: a batch of messages of its queue in, those that are to come again out. The local deployment calls
 * exactly this function.
 *
 * Powertools' idempotency is not used: it would remember messages, and what has to happen once here is a change of a job, however
 * many messages ask for it. The conditional writes of the job table see to that.
 */
import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context, SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { QueueName } from '../contract/deployment';
import type { MessageMetric } from '../contract/metrics';
import { PowertoolsLog } from './powertools-log';
import { RetryLater, type Stage, type StageContext } from './stage';

export type SqsHandler = (event: SQSEvent, lambda?: Context) => Promise<SQSBatchResponse>;

/**
 * @param name of the stage, in logs and metrics.
 * @param queue where its messages come from.
 * @param open called once, by the first batch; again when it failed.
 */
export function sqsHandler(
  name: string,
  stage: Stage,
  queue: QueueName,
  open: () => Promise<StageContext>,
): SqsHandler {
  let opened: Promise<StageContext> | null = null;
  const contextOnce = () => {
    opened ??= open().catch((error) => {
      opened = null;
      throw error;
    });
    return opened;
  };

  return async (event, lambda) => {
    const context = await contextOnce();
    if (lambda && context.log instanceof PowertoolsLog) context.log.addContext(lambda);
    const metrics = context.isLocal ? null : stageMetrics(name);
    const delays = new Map<string, number>();
    const handle = (record: SQSRecord) => handleRecord(record, stage, context, metrics, delays);
    // A processor keeps the state of its batch, and a process may have several batches at work.
    const processor = new BatchProcessor(EventType.SQS, { logger: SILENT });
    try {
      return await processPartialResponse(event, handle, processor, { throwOnFullBatchFailure: false });
    } finally {
      // After the whole batch, because whoever called keeps all of its messages invisible until then.
      await delayMessages(delays, queue, context);
      metrics?.publishStoredMetrics();
    }
  };
}

/** What goes wrong is logged here, with the stage's own logger. */
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * A message that the stage throws at is reported as failed and comes again. One that does not even parse does so too, until the
 * queue has counted enough deliveries and puts it among its dead letters: there an alarm shows it and a person can read it, while
 * taking it for done would lose it, and the rest of the batch goes on beside it.
 */
async function handleRecord(
  record: SQSRecord,
  stage: Stage,
  context: StageContext,
  metrics: Metrics | null,
  delays: Map<string, number>,
): Promise<void> {
  const count = (outcome: MessageMetric) => metrics?.addMetric(outcome, MetricUnit.Count, 1);
  try {
    await stage(messageOf(record), context);
    count('MessageDone');
  } catch (error) {
    if (error instanceof RetryLater) {
      delays.set(record.receiptHandle, error.seconds);
      context.log.info('Message comes again later.', { seconds: error.seconds, reason: error.message });
      count('MessageRetriedLater');
    } else {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      context.log.error('Message failed.', { message_id: record.messageId, error: reason });
      count('MessageFailed');
    }
    throw error;
  }
}

function messageOf({ body, receiptHandle, attributes }: SQSRecord) {
  return {
    body,
    receipt: receiptHandle,
    receiveCount: Number(attributes.ApproximateReceiveCount),
    sentAt: new Date(Number(attributes.SentTimestamp)),
  };
}

/** A delay that cannot be set shortens to the visibility the message has: no reason to fail the batch. */
async function delayMessages(
  delays: ReadonlyMap<string, number>,
  queue: QueueName,
  { ports, log }: StageContext,
): Promise<void> {
  for (const [receipt, seconds] of delays) {
    await ports.queues[queue].changeVisibility(receipt, seconds).catch((error: Error) => {
      log.warn('Message comes again early.', { error: error.message });
    });
  }
}

function stageMetrics(name: string): Metrics {
  return new Metrics({ serviceName: name });
}

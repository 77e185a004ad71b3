/**
 * Plays Lambda's event source mapping for one queue: receives, calls the handler with a real SQSEvent, deletes what the handler did
 * not report as failed, and leaves the rest to come again. Each batch has its own call, so a handler that hangs holds up nobody else
 * until `concurrency` of them hang.
 *
 * A message is invisible only for a short time, which is prolonged while its handler works: after a `serve` that was killed, the
 * next one need not wait long for what it had in hand.
 */
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { JobQueue, QueueMessage } from '../clients/job-queue';
import type { QueueName } from '../contract/deployment';

export interface QueuePumpOptions {
  readonly name: QueueName;
  readonly queue: JobQueue;
  readonly handler: (event: SQSEvent) => Promise<SQSBatchResponse>;
  /** Messages a call, 1 to 10. */
  readonly batchSize: number;
  /** Calls at the same time, from 1. */
  readonly concurrency: number;
  /** 5 unless given. */
  readonly visibilitySeconds?: number;
  /** How long one request waits for a message, 0 to 20; bounds how long `stop` takes. 1 unless given. */
  readonly waitSeconds?: number;
  /** Before the queue is asked again after it failed: 1,000. */
  readonly pauseAfterErrorMs?: number;
  /** Told about what went wrong and is tried again. */
  readonly onError?: (error: unknown) => void;
}

const MOST_MESSAGES = 10;

export class QueuePump {
  private readonly options: Required<QueuePumpOptions>;
  private readonly calls = new Set<Promise<void>>();
  private polling: Promise<void> | null = null;
  private isStopped = false;

  constructor(options: QueuePumpOptions) {
    this.options = { visibilitySeconds: 5, waitSeconds: 1, pauseAfterErrorMs: 1000, onError: () => {}, ...options };
  }

  start(): void {
    this.polling ??= this.poll();
  }

  /** Takes no more messages and waits for the calls under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await this.polling;
    await Promise.all(this.calls);
  }

  private async poll(): Promise<void> {
    const { queue, batchSize, concurrency, visibilitySeconds, waitSeconds, pauseAfterErrorMs, onError } = this.options;
    while (!this.isStopped) {
      const free = concurrency - this.calls.size;
      if (free <= 0) {
        await Promise.race(this.calls);
        continue;
      }
      try {
        const max = Math.min(MOST_MESSAGES, batchSize * free);
        const messages = await queue.receive({ max, visibilitySeconds, waitSeconds });
        for (let at = 0; at < messages.length; at += batchSize) this.startCall(messages.slice(at, at + batchSize));
      } catch (error) {
        onError(error);
        await new Promise((resolve) => setTimeout(resolve, pauseAfterErrorMs));
      }
    }
  }

  private startCall(messages: readonly QueueMessage[]): void {
    const call = this.call(messages)
      .catch(this.options.onError)
      .finally(() => {
        this.calls.delete(call);
      });
    this.calls.add(call);
  }

  private async call(messages: readonly QueueMessage[]): Promise<void> {
    const { name, queue, handler } = this.options;
    const stopKeeping = this.keepInvisible(messages);
    try {
      const { batchItemFailures } = await handler({ Records: messages.map((message) => sqsRecord(name, message)) });
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      const done = messages.filter(({ id }) => !failed.has(id));
      if (done.length > 0) await queue.delete(done.map(({ receipt }) => receipt));
    } finally {
      stopKeeping();
    }
  }

  private keepInvisible(messages: readonly QueueMessage[]): () => void {
    const { queue, visibilitySeconds, onError } = this.options;
    const prolong = () => {
      for (const { receipt } of messages) queue.changeVisibility(receipt, visibilitySeconds).catch(onError);
    };
    const timer = setInterval(prolong, (visibilitySeconds * 1000) / 3);
    return () => clearInterval(timer);
  }
}

/** Source: AWS Lambda developer guide, "Using Lambda with Amazon SQS", example message event. */
function sqsRecord(name: QueueName, message: QueueMessage): SQSEvent['Records'][number] {
  const { id, body, receipt, receiveCount, sentAt, group } = message;
  const sent = String(sentAt.getTime());
  return {
    messageId: id,
    receiptHandle: receipt,
    body,
    attributes: {
      ApproximateReceiveCount: String(receiveCount),
      SentTimestamp: sent,
      SenderId: 'local',
      ApproximateFirstReceiveTimestamp: sent,
      ...(group !== null && { MessageGroupId: group }),
    },
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:local:000000000000:${name}`,
    awsRegion: 'local',
  };
}

/** A standard queue in SQS; a message group makes it a fair one. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  MessageNotInflight,
  ReceiptHandleIsInvalid,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import {
  type JobQueue,
  MAX_DELAY_SECONDS,
  MAX_VISIBILITY_SECONDS,
  type NewMessage,
  type QueueDepth,
  type QueueMessage,
  type ReceiveOptions,
} from '../job-queue';

/** Entries of one batch request. */
const MAX_BATCH_ENTRIES = 10;
/** Bytes of one batch request. SQS takes 1 MiB, and took 256 KiB until 2025, as other implementations still do. */
const MAX_BATCH_BYTES = 256 * 1024;
/** How often what SQS could not take for reasons of its own is sent again. */
const MAX_TRIES = 4;
const FIRST_WAIT_MS = 100;
/** Code of a failed batch entry. */
const UNKNOWN_RECEIPT = 'ReceiptHandleIsInvalid';
/** How long messages are out of everybody's sight while they are looked through: the next look must not meet them again. */
const LOOK_VISIBILITY_SECONDS = 120;
const GROUP = /^[\x21-\x7e]{1,128}$/;
/**
 * UTF-16 units outside what the SendMessage reference allows (#x9, #xA, #xD, #x20 to #xD7FF, #xE000 to #xFFFD). Others are refused
 * or replaced, depending on the implementation.
 */
const FORBIDDEN_UNITS = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g;
/**
 * SQS counts the 12 hours from when the message was received, and refuses a time that goes past them. Whoever delays a message has
 * held it for as long as a Lambda may run: 15 minutes at most.
 */
const MAX_DELAYED_SECONDS = MAX_VISIBILITY_SECONDS - 15 * 60;

interface Failure {
  readonly Id: string | undefined;
  readonly SenderFault: boolean | undefined;
  readonly Code: string | undefined;
  readonly Message?: string;
}

export class SqsJobQueue implements JobQueue {
  /**
   * @param client is asked for when it is first needed.
   * @param wait between tries of what SQS could not do.
   */
  constructor(
    private readonly client: () => SQSClient,
    private readonly url: string,
    private readonly wait: (milliseconds: number) => Promise<unknown> = sleep,
  ) {}

  /** What SQS does not carry, such as an emoji, goes as a JSON escape, which means the same. */
  async send(messages: readonly NewMessage[]): Promise<void> {
    for (const { delaySeconds = 0 } of messages) requireWhole('delaySeconds', delaySeconds, 0, MAX_DELAY_SECONDS);
    const entries = messages.map(({ body, group, delaySeconds }, i) => ({
      Id: String(i),
      MessageBody: body.replace(FORBIDDEN_UNITS, jsonEscape),
      MessageGroupId: group === undefined ? undefined : groupId(group),
      DelaySeconds: delaySeconds,
    }));
    for (const batch of batches(entries)) {
      await this.untilDone(batch, 'send', async (Entries) => {
        const command = new SendMessageBatchCommand({ QueueUrl: this.url, Entries });
        return (await this.client().send(command)).Failed;
      });
    }
  }

  async receive({ max, visibilitySeconds, waitSeconds = 0 }: ReceiveOptions): Promise<QueueMessage[]> {
    requireWhole('visibilitySeconds', visibilitySeconds, 0, MAX_VISIBILITY_SECONDS);
    const { Messages } = await this.client().send(
      new ReceiveMessageCommand({
        QueueUrl: this.url,
        MaxNumberOfMessages: max,
        VisibilityTimeout: visibilitySeconds,
        WaitTimeSeconds: waitSeconds,
        MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
      }),
    );
    return (Messages ?? []).map(queueMessage);
  }

  async delete(receipts: readonly string[]): Promise<void> {
    const entries = receipts.map((ReceiptHandle, i) => ({ Id: String(i), ReceiptHandle }));
    for (let i = 0; i < entries.length; i += MAX_BATCH_ENTRIES) {
      await this.untilDone(entries.slice(i, i + MAX_BATCH_ENTRIES), 'delete', async (Entries) => {
        const command = new DeleteMessageBatchCommand({ QueueUrl: this.url, Entries });
        const { Failed } = await this.client().send(command);
        // A receipt that SQS no longer knows deletes nothing, which is what is asked for.
        return Failed?.filter(({ Code }) => Code !== UNKNOWN_RECEIPT);
      });
    }
  }

  /** At most 11.75 hours are kept, see above; a message that nobody works on any more stays as it is. */
  async changeVisibility(receipt: string, seconds: number): Promise<void> {
    requireWhole('seconds', seconds, 0, MAX_VISIBILITY_SECONDS);
    try {
      await this.client().send(
        new ChangeMessageVisibilityCommand({
          QueueUrl: this.url,
          ReceiptHandle: receipt,
          VisibilityTimeout: Math.min(seconds, MAX_DELAYED_SECONDS),
        }),
      );
    } catch (error) {
      if (!(error instanceof MessageNotInflight || error instanceof ReceiptHandleIsInvalid)) throw error;
    }
  }

  /** Approximate: SQS counts with a delay of up to a minute. */
  async depth(): Promise<QueueDepth> {
    const { Attributes } = await this.client().send(
      new GetQueueAttributesCommand({
        QueueUrl: this.url,
        AttributeNames: [
          'ApproximateNumberOfMessages',
          'ApproximateNumberOfMessagesNotVisible',
          'ApproximateNumberOfMessagesDelayed',
        ],
      }),
    );
    return {
      visible: Number(Attributes?.ApproximateNumberOfMessages ?? 0),
      inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible ?? 0),
      delayed: Number(Attributes?.ApproximateNumberOfMessagesDelayed ?? 0),
    };
  }

  /** SQS cannot look into a queue without receiving: what does not match is put back at once. */
  async deleteMatching(matches: (body: string) => boolean, limit: number): Promise<string[]> {
    const deleted: string[] = [];
    const kept = new Map<string, string>();
    try {
      while (deleted.length + kept.size < limit) {
        const messages = await this.receive({ max: MAX_BATCH_ENTRIES, visibilitySeconds: LOOK_VISIBILITY_SECONDS });
        if (messages.length === 0) break;
        // One that comes back was seen: the rest of the queue has been, too, as far as SQS shows it.
        const isRound = messages.some(({ id }) => kept.has(id));
        const meant = messages.filter(({ body }) => matches(body));
        await this.delete(meant.map(({ receipt }) => receipt));
        deleted.push(...meant.map(({ id }) => id));
        for (const { id, receipt } of messages) if (!meant.some((other) => other.id === id)) kept.set(id, receipt);
        if (isRound) break;
      }
    } finally {
      for (const receipt of kept.values()) await this.changeVisibility(receipt, 0);
    }
    return deleted;
  }

  /** Repeats what failed on SQS's side. @throws Error with what did not succeed. */
  private async untilDone<E extends { readonly Id: string }>(
    entries: readonly E[],
    verb: string,
    run: (entries: E[]) => Promise<readonly Failure[] | undefined>,
  ): Promise<void> {
    let left = [...entries];
    for (let tryNumber = 1; left.length > 0; tryNumber++) {
      const failures = (await run(left)) ?? [];
      const failed = new Set(failures.map(({ Id }) => Id));
      left = left.filter(({ Id }) => failed.has(Id));
      const isHopeless = tryNumber === MAX_TRIES || failures.some(({ SenderFault }) => SenderFault);
      const [first] = failures;
      if (first && isHopeless) {
        const reason = `${first.Code ?? 'an unknown error'}: ${first.Message ?? 'no message'}`;
        throw new Error(`${this.url} must ${verb} every message, got ${failures.length} failures, such as ${reason}`);
      }
      if (first) await this.wait(FIRST_WAIT_MS * 2 ** (tryNumber - 1) * (0.5 + Math.random() / 2));
    }
  }
}

function requireWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Error(`${field} must be a whole number from ${least} to ${most}, got ${value}.`);
}

function jsonEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function* batches(entries: readonly (SendMessageBatchRequestEntry & { Id: string })[]) {
  let batch: typeof entries = [];
  let bytes = 0;
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.MessageBody ?? '');
    if (batch.length === MAX_BATCH_ENTRIES || (batch.length > 0 && bytes + size > MAX_BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch = [...batch, entry];
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** SQS takes 128 printable characters; a host name may have 253. */
function groupId(group: string): string {
  return GROUP.test(group) ? group : createHash('sha256').update(group).digest('hex');
}

function queueMessage({ MessageId, Body, ReceiptHandle, Attributes }: Message): QueueMessage {
  if (MessageId === undefined || Body === undefined || ReceiptHandle === undefined) {
    throw new Error('A message must have id, body and receipt, got one without.');
  }
  return {
    id: MessageId,
    body: Body,
    receipt: ReceiptHandle,
    receiveCount: Number(Attributes?.ApproximateReceiveCount ?? 1),
    sentAt: new Date(Number(Attributes?.SentTimestamp ?? 0)),
    group: Attributes?.MessageGroupId ?? null,
  };
}

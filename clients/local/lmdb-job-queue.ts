/**
 * A queue with SQS's semantics in LMDB. Every step is one transaction: a process that dies leaves a message sent or not,
 * received or not. What each step costs grows with the logarithm of the number of messages, so every question has its index:
 *
 *   [queue, 'body', id]                        the text, written once
 *   [queue, 'message', id]                     what changes of a message
 *   [queue, 'ready', group, sequence, id]      visible messages of a group, in the order in which they became so
 *   [queue, 'due', time, id]                   invisible messages, by the moment when they become visible
 *   [queue, 'group', group]                    how many of a group are visible and in flight, and when it was last served
 *   [queue, 'turn', in flight, served, group]  groups that have a visible message: the first is next
 *   [queue, 'counts']                          of the whole queue, and the last sequence number
 */
import { randomUUID } from 'node:crypto';
import {
  type JobQueue,
  MAX_DELAY_SECONDS,
  MAX_VISIBILITY_SECONDS,
  type NewMessage,
  type QueueDepth,
  type QueueMessage,
  type ReceiveOptions,
} from '../job-queue';
import { keyPart, keysUnder, type LmdbDatabase, type LmdbKey, type LmdbStore } from './lmdb-store';

export interface LmdbJobQueueOptions {
  /** Name of the queue that gets what was received too often; without it nothing is ever given up. */
  readonly deadLetters?: string;
  /** Deliveries before a message is a dead letter. */
  readonly maxReceiveCount?: number;
  readonly now?: () => Date;
}

/** Times in milliseconds since 1970. */
interface Message {
  readonly group: string | null;
  readonly sentAt: number;
  readonly receiveCount: number;
  readonly state: 'ready' | 'in-flight' | 'delayed';
  /** When it becomes visible, while it is not; else its place among the visible ones. */
  readonly position: number;
}

interface Group {
  readonly ready: number;
  readonly inFlight: number;
  /** Sequence number of the last delivery; 0 for a group that was not served since it last had a message. */
  readonly served: number;
}

interface Counts {
  readonly sequence: number;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
}

const DEFAULT_MAX_RECEIVE_COUNT = 20;
const MAX_RECEIVE = 10;
const MAX_WAIT_SECONDS = 20;
/** How often who waits looks for what another process has sent, or what has become due. */
const LOOK_INTERVAL_MS = 50;
/** Messages that a receive makes visible at most, so that a thousand leases ending together do not hold up everybody else. */
const MAX_DUE_AT_ONCE = 500;
const NO_GROUP: Group = { ready: 0, inFlight: 0, served: 0 };
const NO_COUNTS: Counts = { sequence: 0, ready: 0, inFlight: 0, delayed: 0 };
const RECEIPT = /^([0-9a-f-]{36})#(\d+)$/;

export class LmdbJobQueue implements JobQueue {
  private readonly db: LmdbDatabase<unknown>;
  private readonly maxReceiveCount: number;
  private readonly now: () => number;

  constructor(
    private readonly store: LmdbStore,
    private readonly name: string,
    private readonly options: LmdbJobQueueOptions = {},
  ) {
    this.db = store.database('queues');
    this.maxReceiveCount = options.maxReceiveCount ?? DEFAULT_MAX_RECEIVE_COUNT;
    const now = options.now ?? (() => new Date());
    this.now = () => now().getTime();
  }

  /** All of them or, when one is refused, none. */
  async send(messages: readonly NewMessage[]): Promise<void> {
    for (const { delaySeconds = 0 } of messages) requireRange('delaySeconds', delaySeconds, 0, MAX_DELAY_SECONDS);
    if (messages.length === 0) return;
    await this.store.change(() => {
      for (const { body, group = null, delaySeconds = 0 } of messages) {
        const id = randomUUID();
        const sentAt = this.now();
        this.put([this.name, 'body', id], body);
        const message = { group, sentAt, receiveCount: 0 };
        if (delaySeconds === 0) this.makeReady(id, message);
        else this.hide(id, { ...message, state: 'delayed', position: sentAt + delaySeconds * 1000 });
      }
    });
    this.store.announce(this.name);
  }

  async receive({ max, visibilitySeconds, waitSeconds = 0 }: ReceiveOptions): Promise<QueueMessage[]> {
    requireRange('max', max, 1, MAX_RECEIVE);
    requireRange('visibilitySeconds', visibilitySeconds, 0, MAX_VISIBILITY_SECONDS);
    requireRange('waitSeconds', waitSeconds, 0, MAX_WAIT_SECONDS);
    const end = performance.now() + waitSeconds * 1000;
    while (!this.store.isClosed) {
      // Looking is cheap and disturbs nobody; taking is a transaction.
      const messages = this.hasVisible() ? await this.take(max, visibilitySeconds) : [];
      const left = end - performance.now();
      if (messages.length > 0 || left <= 0) return messages;
      if (!this.hasVisible()) await this.nextLook(Math.min(left, LOOK_INTERVAL_MS));
    }
    return [];
  }

  /** @throws Error when one of them is no receipt at all. */
  async delete(receipts: readonly string[]): Promise<void> {
    const parsed = receipts.map(parseReceipt);
    if (parsed.length === 0) return;
    await this.store.change(() => {
      for (const receipt of parsed) {
        const message = this.messageOf(receipt);
        if (!message) continue;
        this.leave(receipt.id, message);
        this.forget(receipt.id);
      }
    });
  }

  /** Nothing happens when the message is visible already, or was received again. */
  async changeVisibility(receipt: string, seconds: number): Promise<void> {
    requireRange('seconds', seconds, 0, MAX_VISIBILITY_SECONDS);
    const parsed = parseReceipt(receipt);
    await this.store.change(() => {
      const message = this.messageOf(parsed);
      if (message?.state !== 'in-flight' || message.position <= this.now()) return;
      this.leave(parsed.id, message);
      if (seconds === 0) this.makeReady(parsed.id, message);
      else this.hide(parsed.id, { ...message, position: this.now() + seconds * 1000 });
    });
    if (seconds === 0) this.store.announce(this.name);
  }

  async depth(): Promise<QueueDepth> {
    while (this.hasDue()) await this.store.change(() => this.showDue());
    const { ready, inFlight, delayed } = this.counts();
    return { visible: ready, inFlight, delayed };
  }

  /** Here messages in flight and delayed are within reach too. */
  async deleteMatching(matches: (body: string) => boolean, limit: number): Promise<string[]> {
    return this.store.change(() => {
      const deleted: string[] = [];
      for (const key of [...this.db.getKeys({ ...keysUnder([this.name, 'body']), limit })]) {
        const id = key[2] as string;
        if (!matches(this.db.get(key) as string)) continue;
        this.leave(id, this.require(id));
        this.forget(id);
        deleted.push(id);
      }
      return deleted;
    });
  }

  private async take(max: number, visibilitySeconds: number): Promise<QueueMessage[]> {
    const { messages, hasDeadLetters } = await this.store.change(() => {
      this.showDue();
      const taken: QueueMessage[] = [];
      let dead = 0;
      while (taken.length < max) {
        const id = this.firstReady();
        if (id === null) break;
        const message = this.require(id);
        this.leave(id, message);
        if (this.options.deadLetters !== undefined && message.receiveCount >= this.maxReceiveCount) {
          this.bury(id, message, this.options.deadLetters);
          dead++;
        } else taken.push(this.deliver(id, message, visibilitySeconds));
      }
      return { messages: taken, hasDeadLetters: dead > 0 };
    });
    if (hasDeadLetters && this.options.deadLetters !== undefined) this.store.announce(this.options.deadLetters);
    return messages;
  }

  private deliver(id: string, message: Message, visibilitySeconds: number): QueueMessage {
    const receiveCount = message.receiveCount + 1;
    const position = this.now() + visibilitySeconds * 1000;
    const sequence = this.nextSequence();
    this.changeGroup(message.group, (group) => ({ ...group, served: sequence }));
    this.hide(id, { ...message, receiveCount, state: 'in-flight', position });
    return {
      id,
      body: this.db.get([this.name, 'body', id]) as string,
      receipt: `${id}#${receiveCount}`,
      receiveCount,
      sentAt: new Date(message.sentAt),
      group: message.group,
    };
  }

  private bury(id: string, { group, sentAt }: Message, deadLetters: string): void {
    const graveyard = new LmdbJobQueue(this.store, deadLetters, { now: () => new Date(this.now()) });
    graveyard.put([deadLetters, 'body', id], this.db.get([this.name, 'body', id]));
    graveyard.makeReady(id, { group, sentAt, receiveCount: 0 });
    this.forget(id);
  }

  /** The oldest visible message of the group with the fewest in flight, of those the one that was served longest ago. */
  private firstReady(): string | null {
    const turn = this.first([this.name, 'turn']);
    if (!turn) return null;
    const ready = this.first([this.name, 'ready', turn[4] as string]);
    if (!ready) throw new Error(`group ${turn[4]} must have a visible message, got none.`);
    return ready[4] as string;
  }

  /** What has become due becomes visible. */
  private showDue(): void {
    const { start } = keysUnder([this.name, 'due']);
    const end = [this.name, 'due', this.now() + 1];
    for (const key of [...this.db.getKeys({ start, end, limit: MAX_DUE_AT_ONCE })]) {
      const id = key[3] as string;
      const message = this.require(id);
      this.leave(id, message);
      this.makeReady(id, message);
    }
  }

  private makeReady(id: string, message: Pick<Message, 'group' | 'sentAt' | 'receiveCount'>): void {
    const { group, sentAt, receiveCount } = message;
    const position = this.nextSequence();
    this.put([this.name, 'message', id], { group, sentAt, receiveCount, state: 'ready', position } satisfies Message);
    this.put([this.name, 'ready', groupPart(group), position, id], true);
    this.changeGroup(group, (before) => ({ ...before, ready: before.ready + 1 }));
    this.count({ ready: 1 });
  }

  private hide(id: string, message: Message): void {
    this.put([this.name, 'message', id], message);
    this.put([this.name, 'due', message.position, id], true);
    if (message.state === 'delayed') this.count({ delayed: 1 });
    else {
      this.changeGroup(message.group, (group) => ({ ...group, inFlight: group.inFlight + 1 }));
      this.count({ inFlight: 1 });
    }
  }

  /** Takes a message from where it stands, be it to put it elsewhere. */
  private leave(id: string, { state, group, position }: Message): void {
    if (state === 'ready') {
      this.remove([this.name, 'ready', groupPart(group), position, id]);
      this.changeGroup(group, (before) => ({ ...before, ready: before.ready - 1 }));
      this.count({ ready: -1 });
      return;
    }
    this.remove([this.name, 'due', position, id]);
    if (state === 'delayed') this.count({ delayed: -1 });
    else {
      this.changeGroup(group, (before) => ({ ...before, inFlight: before.inFlight - 1 }));
      this.count({ inFlight: -1 });
    }
  }

  private forget(id: string): void {
    this.remove([this.name, 'body', id]);
    this.remove([this.name, 'message', id]);
  }

  private changeGroup(name: string | null, change: (group: Group) => Group): void {
    const part = groupPart(name);
    const key = [this.name, 'group', part];
    const before = (this.db.get(key) as Group | undefined) ?? NO_GROUP;
    const after = change(before);
    if (before.ready > 0) this.remove(this.turnKey(part, before));
    if (after.ready > 0) this.put(this.turnKey(part, after), true);
    if (after.ready > 0 || after.inFlight > 0) this.put(key, after);
    else this.remove(key);
  }

  private turnKey(part: string, { inFlight, served }: Group): LmdbKey {
    return [this.name, 'turn', inFlight, served, part];
  }

  private counts(): Counts {
    return (this.db.get([this.name, 'counts']) as Counts | undefined) ?? NO_COUNTS;
  }

  private count(change: Partial<Counts>): void {
    const { sequence, ready, inFlight, delayed } = this.counts();
    this.put([this.name, 'counts'], {
      sequence: sequence + (change.sequence ?? 0),
      ready: ready + (change.ready ?? 0),
      inFlight: inFlight + (change.inFlight ?? 0),
      delayed: delayed + (change.delayed ?? 0),
    } satisfies Counts);
  }

  private nextSequence(): number {
    this.count({ sequence: 1 });
    return this.counts().sequence;
  }

  private hasVisible(): boolean {
    this.db.resetReadTxn(); // another process may have sent
    return this.first([this.name, 'turn']) !== null || this.hasDue();
  }

  private hasDue(): boolean {
    this.db.resetReadTxn();
    const due = this.first([this.name, 'due']);
    return due !== null && (due[2] as number) <= this.now();
  }

  /** Waits until somebody in this process has sent, at most `milliseconds`. */
  private nextLook(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const timer = setTimeout(look, milliseconds);
      const stop = this.store.onChange(this.name, look);
    });
  }

  /** The message, if this is the receipt of its last delivery. */
  private messageOf({ id, receiveCount }: { id: string; receiveCount: number }): Message | null {
    const message = this.db.get([this.name, 'message', id]) as Message | undefined;
    return message?.receiveCount === receiveCount ? message : null;
  }

  private require(id: string): Message {
    const message = this.db.get([this.name, 'message', id]) as Message | undefined;
    if (!message) throw new Error(`message ${id} must be in queue ${this.name}, got nothing.`);
    return message;
  }

  private first(beginning: LmdbKey): LmdbKey | null {
    for (const key of this.db.getKeys({ ...keysUnder(beginning), limit: 1 })) return key;
    return null;
  }

  // Inside a transaction a write takes effect at once; its promise is that of the transaction.
  private put(key: LmdbKey, value: unknown): void {
    void this.db.put(key, value);
  }

  private remove(key: LmdbKey): void {
    void this.db.remove(key);
  }
}

/** No name of a group is empty once it is quoted, so having none is a group of its own. */
function groupPart(group: string | null): string {
  return group === null ? '' : `"${keyPart(group)}`;
}

function parseReceipt(receipt: string): { id: string; receiveCount: number } {
  const [, id, receiveCount] = RECEIPT.exec(receipt) ?? [];
  if (id === undefined) throw new Error(`receipt must be one that a delivery gave, got ${JSON.stringify(receipt)}.`);
  return { id, receiveCount: Number(receiveCount) };
}

function requireRange(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new Error(`${name} must be from ${least} to ${most}, got ${value}.`);
}

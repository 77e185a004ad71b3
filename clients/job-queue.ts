/** Port: one queue with SQS's semantics: at least once, no order, invisible while somebody works on it, dead letters. */
export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  /** Needed to delete or delay; of this receipt only. */
  readonly receipt: string;
  /** From 1. */
  readonly receiveCount: number;
  readonly sentAt: Date;
  readonly group: string | null;
}

export interface NewMessage {
  /** JSON, where it has more than ASCII: it may come back with other escapes, meaning the same. */
  readonly body: string;
  /** Whose message it is (a fair queue): nobody's waits for the backlog of another. */
  readonly group?: string;
  /** 0 to 900. */
  readonly delaySeconds?: number;
}

export interface ReceiveOptions {
  /** 1 to 10. */
  readonly max: number;
  readonly visibilitySeconds: number;
  /** How long to wait for a first message, 0 to 20. */
  readonly waitSeconds?: number;
}

export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export interface JobQueue {
  /** Any number; each is sent or the whole call throws (some may then have been sent: at least once). */
  send(messages: readonly NewMessage[]): Promise<void>;
  receive(options: ReceiveOptions): Promise<QueueMessage[]>;
  /** A receipt of an earlier delivery deletes nothing once the message has been received again. */
  delete(receipts: readonly string[]): Promise<void>;
  /** 0 to 43,200 seconds from now; 0 makes it visible at once. */
  changeVisibility(receipt: string, seconds: number): Promise<void>;
  depth(): Promise<QueueDepth>;
  /**
   * Deletes the visible messages that match, and leaves the others as they were but for their count of deliveries. Messages in
   * flight or delayed may be out of reach.
   * @param limit how many messages are looked at, at most.
   * @returns ids of what was deleted.
   */
  deleteMatching(matches: (body: string) => boolean, limit: number): Promise<string[]>;
}

/** SQS: a message may be invisible for at most 12 hours. */
export const MAX_VISIBILITY_SECONDS = 12 * 3600;
export const MAX_DELAY_SECONDS = 900;

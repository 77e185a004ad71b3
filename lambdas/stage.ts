/** What every stage of the flow is given: a message, and everything it may reach. Nothing here knows of Lambda. */
import type { JobLedger } from '../clients/job-ledger';
import type { Ports } from '../clients/ports';

/** One message of the stage's queue. */
export interface StageMessage {
  readonly body: string;
  readonly receipt: string;
  /** From 1. */
  readonly receiveCount: number;
  readonly sentAt: Date;
}

/** Structured logging: a sentence, and what it is about. */
export interface Log {
  info(message: string, about?: Record<string, unknown>): void;
  warn(message: string, about?: Record<string, unknown>): void;
  error(message: string, about?: Record<string, unknown>): void;
}

export interface StageContext {
  readonly ports: Ports;
  readonly ledger: JobLedger;
  readonly log: Log;
  now(): Date;
  /** 0 <= x < 1 */
  random(): number;
  /** One machine: webhooks may go to plain http on loopback. */
  readonly isLocal: boolean;
  /** How long results are kept whose job.json has no retention_days; for ever unless given. */
  readonly retentionDays?: number;
}

/** A stage done with its message returns; one that throws sees the message again when its visibility ends. */
export type Stage = (message: StageMessage, context: StageContext) => Promise<void>;

/** Thrown by a stage that wants its message again, after this time. Not a failure. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  constructor(
    readonly seconds: number,
    reason: string,
  ) {
    super(reason);
  }
}

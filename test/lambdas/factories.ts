/** A local deployment in a temporary folder with its stages' context, sets uploaded to it, and the messages that stages get. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import sharp from 'sharp';
import type { z } from 'zod';
import { JobLedger } from '../../clients/job-ledger';
import type { JobQueue } from '../../clients/job-queue';
import { type LocalPorts, openLocalPorts } from '../../clients/local/local-ports';
import type { Ports } from '../../clients/ports';
import {
  type BatchEvent,
  type BatchJob,
  type DeliverMessage,
  DeliverMessageSchema,
  type SubmitMessage,
  SubmitMessageSchema,
  type UploadEvent,
  UploadEventSchema,
} from '../../contract/events';
import { manifestKey, modelKey, uploadKey } from '../../contract/keys';
import type { StageContext, StageMessage } from '../../lambdas/stage';
import { manifest } from '../reference-set';

export const PLACE = { tenant: 'acme', set: 'ada' };
export const MANIFEST_KEY = manifestKey(PLACE.tenant, PLACE.set);
/** Of `manifest()` in reference-set.ts. */
export const MODEL = 'random';
const FILES = ['front.png', 'side.png'];

/** What a test may turn: a clock that stands, unless it is moved. */
export class Clock {
  /** Starts a little after the real time, which files bear. */
  private time = Date.now() + 1000;

  readonly now = () => new Date(this.time);

  move(seconds: number): void {
    this.time += seconds * 1000;
  }
}

export interface TestContext extends StageContext {
  readonly ports: LocalPorts;
  readonly clock: Clock;
  readonly home: string;
}

const opened: { ports: Ports; folder: string }[] = [];

afterAll(async () => {
  for (const { ports, folder } of opened) {
    await ports.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

/** With a model in its bucket. */
export async function openTestContext(): Promise<TestContext> {
  const home = mkdtempSync(path.join(tmpdir(), 'mv2id-stages-'));
  const clock = new Clock();
  const ports = await openLocalPorts({ type: 'local', home }, { now: clock.now });
  opened.push({ ports, folder: home });
  await ports.buckets.models.put(modelKey(MODEL, 'model_index.json'), '{}');
  const ledger = new JobLedger(ports, clock.now);
  return { ports, ledger, clock, home, log: SILENT_LOG, now: clock.now, random: () => 0.5, isLocal: true };
}

export const SILENT_LOG = { info: () => {}, warn: () => {}, error: () => {} };

/** The same context with some of its ports replaced, also for the ledger. */
export function withPorts<C extends StageContext>(context: C, ports: Partial<Ports>): C {
  const all = { ...context.ports, ...ports };
  return { ...context, ports: all, ledger: new JobLedger(all, context.now) };
}

/** A queue, bucket or table whose methods are partly replaced. */
export function overriding<T extends object>(port: T, methods: Partial<T>): T {
  return new Proxy(port, {
    get(target, name) {
      const replaced = methods[name as keyof T];
      if (replaced !== undefined) return replaced;
      const value = target[name as keyof T];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

let portrait: Promise<Buffer> | null = null;

/** A small image that a set may have. */
export function image(): Promise<Buffer> {
  portrait ??= sharp({ create: { width: 80, height: 64, channels: 3, background: '#c08060' } })
    .png()
    .toBuffer();
  return portrait;
}

export async function uploadImages({ ports }: TestContext, place = PLACE, files = FILES): Promise<void> {
  for (const file of files) await ports.buckets.uploads.put(uploadKey(place.tenant, place.set, file), await image());
}

/** @param job a manifest's JSON value, or bytes. */
export async function uploadManifest(
  { ports }: TestContext,
  job: unknown = manifest(),
  place = PLACE,
): Promise<Uint8Array> {
  const bytes = job instanceof Uint8Array ? job : Buffer.from(JSON.stringify(job));
  await ports.buckets.uploads.put(manifestKey(place.tenant, place.set), bytes);
  return bytes;
}

export function stageMessage(body: unknown, receiveCount = 1): StageMessage {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { body: text, receipt: 'receipt', receiveCount, sentAt: new Date() };
}

export function uploadEvent(
  type: 'Object Created' | 'Object Deleted',
  time: Date,
  key: string = MANIFEST_KEY,
): UploadEvent {
  return {
    id: randomUUID(),
    source: 'aws.s3',
    'detail-type': type,
    time: time.toISOString(),
    detail: { bucket: { name: 'uploads' }, object: { key } },
  };
}

export function batchEvent(detail: BatchJob): BatchEvent {
  return {
    id: randomUUID(),
    source: 'aws.batch',
    'detail-type': 'Batch Job State Change',
    time: new Date(0).toISOString(),
    detail,
  };
}

export function sqsEvent(bodies: readonly string[], receipts: readonly string[] = bodies): SQSEvent {
  const Records = bodies.map((body, i): SQSRecord => {
    const sent = '1700000000000';
    return {
      messageId: `message-${i}`,
      receiptHandle: receipts[i]!,
      body,
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: sent,
        SenderId: 'test',
        ApproximateFirstReceiveTimestamp: sent,
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: 'arn:aws:sqs:local:000000000000:intake',
      awsRegion: 'local',
    };
  });
  return { Records };
}

/** The submit messages that wait; they are gone afterwards. */
export function drainJobs({ ports }: Pick<StageContext, 'ports'>): Promise<SubmitMessage[]> {
  return drain(ports.queues.jobs, SubmitMessageSchema);
}

/** The webhooks that wait; they are gone afterwards. */
export function drainWebhooks({ ports }: Pick<StageContext, 'ports'>): Promise<DeliverMessage[]> {
  return drain(ports.queues.webhooks, DeliverMessageSchema);
}

/** The upload events that wait; they are gone afterwards. */
export function drainIntake({ ports }: Pick<StageContext, 'ports'>): Promise<UploadEvent[]> {
  return drain(ports.queues.intake, UploadEventSchema);
}

async function drain<T>(queue: JobQueue, schema: z.ZodType<T>): Promise<T[]> {
  const bodies: T[] = [];
  for (;;) {
    const messages = await queue.receive({ max: 10, visibilitySeconds: 30 });
    if (messages.length === 0) return bodies;
    bodies.push(...messages.map(({ body }) => schema.parse(JSON.parse(body))));
    await queue.delete(messages.map(({ receipt }) => receipt));
  }
}

/** A job's events, and a receiver on a real socket that answers as a test says. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Job, type JobEventType, JobSchema, type JobState } from '../../contract/job';
import type { JobEvent } from '../../contract/job-record';

const FIXTURES = path.resolve(__dirname, '../fixtures');

/** Certificate of receiver.example and localhost, its own authority. */
export const CERTIFICATE = readFileSync(path.join(FIXTURES, 'webhooks/receiver.example.cert.pem'), 'utf8');
const KEY = readFileSync(path.join(FIXTURES, 'webhooks/receiver.example.key.pem'), 'utf8');

const SUCCEEDED = JobSchema.parse(
  JSON.parse(readFileSync(path.join(FIXTURES, 'contract/job-v1-succeeded.json'), 'utf8')),
);

const STATUS_OF_TYPE: Record<JobEventType, JobState> = {
  'job.started': 'processing',
  'job.progress': 'processing',
  'job.succeeded': 'succeeded',
  'job.failed': 'failed',
  'job.canceled': 'canceled',
  'job.rejected': 'rejected',
};

export function jobEvent(type: JobEventType, timestamp: Date, changes: Partial<Job> = {}): JobEvent {
  const job: Job = { ...SUCCEEDED, status: STATUS_OF_TYPE[type], ...changes };
  return { webhook_id: `evt_${job.id}_${type.slice(4)}`, type, timestamp: timestamp.toISOString(), job };
}

export interface ReceivedRequest {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface TestReceiver {
  readonly port: number;
  readonly received: ReceivedRequest[];
  close(): Promise<void>;
}

/** Called when the body is in; what it leaves unanswered hangs. `count` is from 1. */
export type Answer = (response: http.ServerResponse, count: number) => void;

export async function startTestReceiver(answer: Answer, scheme: 'http' | 'https' = 'http'): Promise<TestReceiver> {
  const received: ReceivedRequest[] = [];
  const listener: http.RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = request.headers as Record<string, string>;
      received.push({ url: request.url ?? '', headers, body: Buffer.concat(chunks).toString('utf8') });
      answer(response, received.length);
    });
  };
  const server =
    scheme === 'http' ? http.createServer(listener) : https.createServer({ key: KEY, cert: CERTIFICATE }, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function answering(statusCode: number, headers: http.OutgoingHttpHeaders = {}): Answer {
  return (response) => response.writeHead(statusCode, headers).end();
}

/** `mv2id webhooks listen`: a verifying receiver that prints what arrives, one line an event, until Ctrl-C. */
import type { WebhookBody } from '../../contract/events';
import { isTerminal } from '../../contract/job';
import { UsageError } from '../exit-code';
import type { Streams } from '../streams';
import { type ReceivedWebhook, startReceiver } from './receiver';

export interface ListenOptions {
  readonly port: number;
  /** End after the first webhook that tells the end of a job. */
  readonly once?: boolean;
  /** Requests answered with 503 before any is taken. */
  readonly fail?: number;
  /** Print whole bodies, one a line. */
  readonly json?: boolean;
}

/**
 * @param secrets asked at every request.
 * @param stop ends it; Ctrl-C and SIGTERM unless given.
 */
export async function listenForWebhooks(
  secrets: () => Promise<readonly string[]>,
  options: ListenOptions,
  { stdout, stderr }: Streams,
  stop?: AbortSignal,
): Promise<void> {
  const { promise: ended, end } = untilStopped(stop);
  const receiver = await startReceiver({
    port: options.port,
    secrets,
    failures: options.fail,
    onWebhook: (webhook) => {
      stdout.write(`${options.json ? JSON.stringify(webhook.body) : webhookLine(webhook)}\n`);
      if (options.once && isTerminal(webhook.body.data.status)) end();
    },
    onRefusal: (reason) => stderr.write(`${reason}\n`),
  }).catch((error: NodeJS.ErrnoException) => {
    end();
    if (error.code !== 'EADDRINUSE') throw error;
    throw new UsageError(`--port must be free, got ${options.port}, which is in use.`);
  });
  stderr.write(`Listening at ${receiver.url} (Ctrl-C ends it).\n`);
  await ended;
  await receiver.close();
}

/** `2026-11-23T21:40:07.120Z  job.progress   job-...  8/20 steps, 40 %` */
function webhookLine({ id, body, isRepeated }: ReceivedWebhook): string {
  const cells = [body.timestamp, body.type.padEnd(13), body.data.id, aboutJob(body), id];
  return `${cells.join('  ')}${isRepeated ? '  (again)' : ''}`;
}

function aboutJob({ type, data }: WebhookBody): string {
  if (data.error) return `${data.status}: ${data.error.message}`;
  const { step, total_steps, percent } = data.progress;
  return type === 'job.progress' ? `${step}/${total_steps} steps, ${Math.round(percent)} %` : data.status;
}

function untilStopped(signal: AbortSignal | undefined): { promise: Promise<void>; end: () => void } {
  let end = () => {};
  const promise = new Promise<void>((resolve) => {
    end = () => {
      process.off('SIGINT', end);
      process.off('SIGTERM', end);
      // The answer to the request that ends us goes out first.
      setImmediate(resolve);
    };
  });
  if (signal) {
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  } else {
    process.on('SIGINT', end);
    process.on('SIGTERM', end);
  }
  return { promise, end };
}

/** A receiver that waits for the end of a job to be told. Everything it takes bears a good signature. */
import type { WebhookBody } from '../contract/events';
import { isTerminal, type JobId } from '../contract/job';
import { ServiceError } from './exit-code';
import type { Progress } from './progress';
import { startReceiver } from './webhooks/receiver';

export interface WebhookWatch {
  readonly url: string;
  /** Webhooks taken, repeated ones not counted. */
  count(): number;
  /** The webhook that told the end of the job. @throws the signal's reason; ServiceError when one arrived that was not ours. */
  end(id: JobId, signal: AbortSignal): Promise<WebhookBody>;
  close(): Promise<void>;
}

export async function expectWebhooks(
  secrets: () => Promise<readonly string[]>,
  progress: Progress,
): Promise<WebhookWatch> {
  const taken = new Map<string, WebhookBody>();
  let refusal: ServiceError | undefined;
  let wake = () => {};
  const receiver = await startReceiver({
    port: 0,
    secrets,
    onWebhook: ({ id, body }) => {
      taken.set(id, body);
      if (body.type !== 'job.progress') progress.note(`Webhook ${body.type}: signature verified.`);
      wake();
    },
    onRefusal: (reason) => {
      refusal ??= new ServiceError(`Every webhook must be signed by this deployment, got: ${reason}`);
      wake();
    },
  });
  return {
    url: receiver.url,
    count: () => taken.size,
    close: receiver.close,
    async end(id, signal) {
      for (;;) {
        signal.throwIfAborted();
        if (refusal) throw refusal;
        const told = [...taken.values()].find(({ data }) => data.id === id && isTerminal(data.status));
        if (told) return told;
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    },
  };
}

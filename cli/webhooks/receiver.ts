/** A receiver of webhooks as somebody would write it: verifies every request, and answers 204 to what it takes. Loopback only. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { type WebhookBody, WebhookBodySchema } from '../../contract/events';

export interface ReceivedWebhook {
  readonly id: string;
  readonly body: WebhookBody;
  /** Seen before: the same event, sent again. */
  readonly isRepeated: boolean;
}

export interface ReceiverOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Asked at every request, because secrets are rotated; a webhook must bear the signature of one of them. */
  secrets(): Promise<readonly string[]>;
  /** How many requests are answered with 503 before any is taken. */
  readonly failures?: number;
  onWebhook(webhook: ReceivedWebhook): void;
  /** Told why a request was not taken. */
  onRefusal(reason: string): void;
}

export interface Receiver {
  readonly url: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
/** Five times what a webhook may have. */
const MAX_BODY_BYTES = 100_000;

/** A request that is answered with `statusCode`, because of `message`. */
class Refusal extends Error {
  constructor(
    readonly statusCode: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws the server's error, when the port is taken. */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const receive = createReceive(options);
  const server = http.createServer((request, response) => {
    receive(request).then(
      () => response.writeHead(204).end(),
      (error: unknown) => {
        const statusCode = error instanceof Refusal ? error.statusCode : 500;
        options.onRefusal(error instanceof Error ? error.message : String(error));
        response.writeHead(statusCode, { connection: 'close' }).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createReceive({ secrets, failures = 0, onWebhook }: ReceiverOptions) {
  const seen = new Set<string>();
  let failuresLeft = failures;
  return async (request: http.IncomingMessage): Promise<void> => {
    if (request.method !== 'POST') throw new Refusal(405, `method must be POST, got ${request.method}.`);
    const payload = await readBody(request);
    const body = verified(payload, request.headers, await secrets());
    if (failuresLeft > 0) {
      failuresLeft -= 1;
      throw new Refusal(503, `${body.type}: answered 503 as asked, ${failuresLeft} more.`);
    }
    const id = String(request.headers['webhook-id']);
    const isRepeated = seen.has(id);
    seen.add(id);
    onWebhook({ id, body, isRepeated });
  };
}

async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `body must be at most ${MAX_BODY_BYTES} bytes, got more.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws Refusal 401 when no secret made a signature of it, 400 when it is none of our bodies. */
function verified(payload: string, headers: http.IncomingHttpHeaders, secrets: readonly string[]): WebhookBody {
  const problems = secrets.map((secret) => {
    try {
      new Webhook(secret).verify(payload, headers as Record<string, string>, { jsonParse: false });
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  });
  if (!problems.includes(null)) throw new Refusal(401, `Not verified: ${problems[0]}.`);
  try {
    return WebhookBodySchema.parse(JSON.parse(payload));
  } catch {
    throw new Refusal(400, 'body must be a webhook of mv2id, got something else.');
  }
}

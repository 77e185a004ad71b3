/** A receiver that is often not well: it answers 500, drops the connection or keeps it open. It notes everything that it verified. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { type WebhookBody, WebhookBodySchema } from '../../contract/events';
import type { Random } from './seeded';

export interface Arrival {
  readonly id: string;
  readonly body: WebhookBody;
  readonly isTaken: boolean;
}

export interface FlappingReceiver {
  readonly url: string;
  readonly arrivals: readonly Arrival[];
  /** Requests whose signature was not good. */
  readonly forged: number;
  close(): Promise<void>;
}

const HANG_MS = 2000;

/** @param failureRate how often a webhook that comes for the first time is not taken; a repeated one always is. */
export async function startFlappingReceiver(
  secrets: () => Promise<readonly string[]>,
  random: Random,
  failureRate: number,
): Promise<FlappingReceiver> {
  const arrivals: Arrival[] = [];
  const refused = new Set<string>();
  let forged = 0;
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const verified = verify(Buffer.concat(chunks).toString(), request.headers, await secrets());
    if (!verified) {
      forged++;
      response.writeHead(400).end();
      return;
    }
    const { id, body } = verified;
    const isTaken = refused.has(id) || !random.chance(failureRate);
    arrivals.push({ id, body, isTaken });
    if (isTaken) {
      response.writeHead(204).end();
      return;
    }
    refused.add(id);
    const fault = random.pick(['error', 'drop', 'hang']);
    if (fault === 'error') response.writeHead(500).end();
    else if (fault === 'drop') request.socket.destroy();
    else setTimeout(() => request.socket.destroy(), HANG_MS);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    arrivals,
    get forged() {
      return forged;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function verify(text: string, headers: http.IncomingHttpHeaders, secrets: readonly string[]) {
  for (const secret of secrets) {
    try {
      new Webhook(secret).verify(text, headers as Record<string, string>);
      return { id: String(headers['webhook-id']), body: WebhookBodySchema.parse(JSON.parse(text)) };
    } catch {
      // Another secret may fit.
    }
  }
  return null;
}

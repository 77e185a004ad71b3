/** A receiver on loopback that verifies every webhook and remembers how often each came. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { type WebhookBody, WebhookBodySchema } from '../../contract/events';
import { isTerminal } from '../../contract/job';

export class WebhookReceiver {
  /** Job id -> webhook id of each terminal event -> how often it came. */
  readonly terminal = new Map<string, Map<string, number>>();
  /** Deliveries of any type. */
  deliveries = 0;
  private readonly waiting: { jobs: number; resolve: () => void }[] = [];

  private constructor(
    private readonly server: Server,
    private readonly secrets: () => Promise<readonly string[]>,
  ) {}

  /** @param secrets read at every delivery. @param answer the status code of the answer; 200 unless given. */
  static async open(
    secrets: () => Promise<readonly string[]>,
    answer: () => number = () => 200,
  ): Promise<WebhookReceiver> {
    const server = createServer((request, response) => {
      const status = answer();
      receiver.take(request, status === 200).then(
        () => response.writeHead(status).end(),
        (error) => response.writeHead(400).end(String(error)),
      );
    });
    const receiver = new WebhookReceiver(server, secrets);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/webhooks`;
  }

  /** Resolves once terminal webhooks of so many jobs have come. */
  jobsEnded(jobs: number): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ jobs, resolve });
      this.settle();
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  /** @throws Error when no live secret has signed it. */
  private async take(request: IncomingMessage, counts: boolean): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    const [secret] = await this.secrets();
    new Webhook(secret!).verify(body, request.headers as Record<string, string>);
    if (!counts) return;
    this.deliveries++;
    const { data } = WebhookBodySchema.parse(JSON.parse(body)) as WebhookBody;
    if (!isTerminal(data.status)) return;
    const id = request.headers['webhook-id'] as string;
    const ids = this.terminal.get(data.id) ?? new Map<string, number>();
    this.terminal.set(data.id, ids.set(id, (ids.get(id) ?? 0) + 1));
    this.settle();
  }

  private settle(): void {
    for (const waiting of [...this.waiting]) {
      if (this.terminal.size < waiting.jobs) continue;
      this.waiting.splice(this.waiting.indexOf(waiting), 1);
      waiting.resolve();
    }
  }
}

/** The `mv2id webhooks` commands: their arguments. What each does stands in the file of its name in webhooks/. */
import type { Command } from 'commander';
import type { Ports } from '../clients/ports';
import { UsageError } from './exit-code';
import type { Streams } from './streams';
import { type DeliveriesOptions, showDeliveries } from './webhooks/deliveries';
import { enableEndpoint } from './webhooks/enable';
import { type ListenOptions, listenForWebhooks } from './webhooks/listen';
import { type RedeliverOptions, redeliverWebhooks } from './webhooks/redeliver';
import { retireSecret, rotateSecret, showSecrets } from './webhooks/secrets';
import { wholeNumber } from './whole-number';

export interface WebhookCommandOptions {
  readonly streams: Streams;
  /** Opens the profile's deployment for as long as `run` lasts. */
  withPorts(run: (ports: Ports) => Promise<void>): Promise<void>;
}

interface ListenArguments extends ListenOptions {
  readonly secret?: string;
}

const DEFAULT_PORT = 4321;

/** Adds `webhooks` and its commands to `program`. */
export function addWebhookCommands(program: Command, { streams, withPorts }: WebhookCommandOptions): void {
  const webhooks = program.command('webhooks').description('Webhooks: receive, look into, send again.');
  webhooks
    .command('listen')
    .description('Receive webhooks on this machine, verify them, and print one line an event, until Ctrl-C.')
    .option('--port <n>', 'where to listen, on 127.0.0.1', wholeNumber('--port', 0, 65_535), DEFAULT_PORT)
    .option('--secret <whsec>', "what to verify with (default: the profile's live secrets)")
    .option('--once', 'end after the first webhook that tells the end of a job')
    .option('--fail <n>', 'answer the first n with 503, to see them come again', wholeNumber('--fail', 0, 1000), 0)
    .option('--json', 'print whole bodies, one a line')
    .action(async ({ secret, ...listen }: ListenArguments) => {
      const given = secret === undefined ? null : [requireSecret(secret)];
      if (given) return listenForWebhooks(async () => given, listen, streams);
      return withPorts(({ secrets }) => listenForWebhooks(() => secrets.live(), listen, streams));
    });
  webhooks
    .command('deliveries')
    .description('How webhooks went: the newest, or those of one job.')
    .option('--job <job>', 'job id or its beginning')
    .option('--limit <n>', 'how many at most', wholeNumber('--limit', 1, 10_000), 50)
    .option('--json', 'every try of each')
    .action((deliveries: DeliveriesOptions) => withPorts((ports) => showDeliveries(ports, deliveries, streams)));
  webhooks
    .command('redeliver')
    .description('Send webhooks again, under their old ids.')
    .argument('[webhook id]', 'one webhook, delivered or not')
    .option('--job <job>', 'what was not delivered of a job: its id or the beginning of it')
    .option('--all-dead', 'everything that was given up')
    .action((webhookId: string | undefined, options: Omit<RedeliverOptions, 'webhookId'>) =>
      withPorts((ports) => redeliverWebhooks(ports, { ...options, webhookId }, streams)),
    );
  webhooks
    .command('secret')
    .description('Print the live signing secrets, the newest first.')
    .action(() => withPorts((ports) => showSecrets(ports, streams)));
  webhooks
    .command('rotate-secret')
    .description('Make a new signing secret; the one before it stays live as well.')
    .action(() => withPorts((ports) => rotateSecret(ports, streams)));
  webhooks
    .command('retire-secret')
    .description('End a rotation: only the newest secret stays live.')
    .action(() => withPorts((ports) => retireSecret(ports, streams)));
  webhooks
    .command('enable')
    .description('Send webhooks again to an address that answered 410 Gone.')
    .argument('<url>')
    .action((url: string) => withPorts((ports) => enableEndpoint(ports, url, streams)));
}

/** @throws UsageError, which does not repeat what might be a secret. */
function requireSecret(text: string): string {
  if (/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/.test(text)) return text;
  throw new UsageError(
    '--secret must be a signing secret ("whsec_" and 24 to 64 bytes in base64), got something else.',
  );
}

/** `mv2id webhooks enable`: an address that answered 410 Gone gets webhooks again. */
import type { Ports } from '../../clients/ports';
import type { Streams } from '../streams';

export async function enableEndpoint(
  { endpoints }: Pick<Ports, 'endpoints'>,
  url: string,
  { stdout }: Streams,
): Promise<void> {
  for (;;) {
    const endpoint = await endpoints.get(url);
    if (!endpoint || endpoint.disabled_at === null) {
      stdout.write(`${url} was not disabled.\n`);
      return;
    }
    if (!(await endpoints.replace({ ...endpoint, disabled_at: null }))) continue;
    stdout.write(`${url} gets webhooks again. What it missed: mv2id webhooks redeliver --job <job>.\n`);
    return;
  }
}

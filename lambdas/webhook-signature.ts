/** The headers of one try, signed as Standard Webhooks says: the id stays over all tries, timestamp and signature are of this one. */
import { Webhook } from 'standardwebhooks';

const USER_AGENT = 'mv2id-webhooks/1';

/** @param secrets the live ones; each gives a signature, so that receivers may change over at any time of a rotation. */
export function webhookHeaders(
  id: string,
  body: string,
  { now, secrets }: { now: Date; secrets: readonly string[] },
): Record<string, string> {
  return {
    'content-type': 'application/json',
    'user-agent': USER_AGENT,
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}

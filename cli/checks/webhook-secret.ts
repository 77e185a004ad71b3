/** Whether webhooks can be signed. */
import { type Finding, ok, problem } from './finding';

const CHECK = 'webhook secret';

/** @param count live secrets, which are made with the first webhook; null when something else is in their place. */
export function judgeWebhookSecret(count: number | null): Finding {
  if (count === 0) return ok(CHECK, 'None yet: it is made with the first webhook, or by "mv2id webhooks secret".');
  if (count === 1) return ok(CHECK, 'One secret signs webhooks.');
  if (count === 2)
    return ok(CHECK, 'Two secrets sign webhooks: a rotation is under way (mv2id webhooks retire-secret).');
  const rule = '{"secrets": [...]} with one or two of them';
  return problem(
    CHECK,
    `The webhook secret must be ${rule}, got ${count ?? 'something else'}: put back an earlier version of it.`,
  );
}

/** Whether webhooks can be signed. */
import { type Finding, ok, problem } from './finding';

const CHECK = 'webhook secret';

/** @param count live secrets; they are made with the first webhook. */
export function judgeWebhookSecret(count: number): Finding {
  if (count === 0) return ok(CHECK, 'None yet: it is made with the first webhook, or by "mv2id webhooks secret".');
  if (count === 1) return ok(CHECK, 'One secret signs webhooks.');
  if (count === 2)
    return ok(CHECK, 'Two secrets sign webhooks: a rotation is under way (mv2id webhooks retire-secret).');
  return problem(CHECK, `There must be one or two secrets, got ${count}: mv2id webhooks rotate-secret.`);
}

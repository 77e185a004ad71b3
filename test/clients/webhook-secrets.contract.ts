/** What every keeper of the signing secrets promises: run against the local file and against Secrets Manager. */
import { Webhook } from 'standardwebhooks';
import type { WebhookSecrets } from '../../clients/webhook-secrets';

export interface WebhookSecretsHarness {
  /** Fresh: nothing was ever asked of it. */
  readonly secrets: WebhookSecrets;
  /** The same as another process has it. */
  readonly other: WebhookSecrets;
  close(): Promise<void>;
}

export function describeWebhookSecrets(name: string, open: () => Promise<WebhookSecretsHarness>): void {
  describe(`webhook secrets: ${name}`, () => {
    let harness: WebhookSecretsHarness;
    let secrets: WebhookSecrets;

    beforeEach(async () => {
      harness = await open();
      secrets = harness.secrets;
    });
    afterEach(() => harness.close());

    test('there is one secret from the first use on, the same for everybody', async () => {
      const [first, ...more] = await secrets.live();
      expect(more).toEqual([]);
      expect(await harness.other.live()).toEqual([first]);
      expect(await secrets.live()).toEqual([first]);
    });

    test('a secret is one of Standard Webhooks, of 32 bytes', async () => {
      const [secret] = await secrets.live();
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]+={0,2}$/);
      expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32);
      const at = new Date();
      const signature = new Webhook(secret).sign('evt_1', at, '{}');
      const headers = {
        'webhook-id': 'evt_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signature,
      };
      expect(new Webhook(secret).verify('{}', headers)).toEqual({});
    });

    test('while a rotation lasts the new one comes first and the old one second', async () => {
      const [old] = await secrets.live();
      const fresh = await secrets.rotate();
      expect(fresh).not.toBe(old);
      expect(await harness.other.live()).toEqual([fresh, old]);
    });

    test('a second rotation drops the oldest', async () => {
      await secrets.live();
      const second = await secrets.rotate();
      const third = await harness.other.rotate();
      expect(await secrets.live()).toEqual([third, second]);
    });

    test('the end of a rotation leaves the newest, and may be repeated', async () => {
      await secrets.live();
      const fresh = await secrets.rotate();
      await harness.other.retirePrevious();
      expect(await secrets.live()).toEqual([fresh]);
      await secrets.retirePrevious();
      expect(await secrets.live()).toEqual([fresh]);
    });
  });
}

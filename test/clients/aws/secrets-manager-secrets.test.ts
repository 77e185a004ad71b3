import { openWebhookSecrets } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeWebhookSecrets } from '../webhook-secrets.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeWebhookSecrets('npm emulators', () => openWebhookSecrets(emulators));

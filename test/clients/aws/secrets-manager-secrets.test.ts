import { SecretsManagerSecrets } from '../../../clients/aws/secrets-manager-secrets';
import { connect, openWebhookSecrets } from '../../emulators/harnesses';
import { type NpmEmulators, startNpmEmulators } from '../../emulators/npm-emulators';
import { describeWebhookSecrets } from '../webhook-secrets.contract';

let emulators: NpmEmulators;
beforeAll(async () => {
  emulators = await startNpmEmulators();
});
afterAll(() => emulators.stop());

describeWebhookSecrets('npm emulators', () => openWebhookSecrets(emulators));

describe('in memory and between processes', () => {
  const FIVE_MINUTES_MS = 5 * 60 * 1000;

  test('the secrets are read once in five minutes', async () => {
    const { clients, name, close } = await secret('{"secrets":["whsec_AAAA"]}');
    let time = 0;
    const secrets = new SecretsManagerSecrets(clients.secretsManager, name, () => new Date(time));
    expect(await secrets.live()).toEqual(['whsec_AAAA']);
    overwrite(name, '{"secrets":["whsec_BBBB","whsec_AAAA"]}');
    time = FIVE_MINUTES_MS - 1;
    expect(await secrets.live()).toEqual(['whsec_AAAA']);
    time = FIVE_MINUTES_MS;
    expect(await secrets.live()).toEqual(['whsec_BBBB', 'whsec_AAAA']);
    await close();
  });

  test('of rotations at the same moment none is lost', async () => {
    const { clients, others, name, close } = await secret('{"secrets":["whsec_AAAA"]}');
    const sides = [clients, others].map(({ secretsManager }) => new SecretsManagerSecrets(secretsManager, name));
    const made = await Promise.all(sides.map((side) => side.rotate()));
    const live = await new SecretsManagerSecrets(clients.secretsManager, name).live();
    expect([...live].sort()).toEqual([...made].sort());
    await close();
  });

  test('two first uses at the same moment make one secret', async () => {
    const { clients, others, name, close } = await secret('{"secrets":[]}');
    const sides = [clients, others].map(({ secretsManager }) => new SecretsManagerSecrets(secretsManager, name));
    const [first, second] = await Promise.all(sides.map((side) => side.live()));
    expect(first).toHaveLength(1);
    expect(second).toEqual(first);
    await close();
  });

  test('after somebody went back to an older version by hand a rotation still works', async () => {
    const { clients, name, close } = await secret('{"secrets":["whsec_AAAA"]}');
    const secrets = new SecretsManagerSecrets(clients.secretsManager, name);
    const stored = emulators.standIn.secrets.get(name);
    const first = stored?.current ?? '';
    await secrets.rotate();
    if (stored) stored.current = first;
    const fresh = await secrets.rotate();
    expect(await secrets.live()).toEqual([fresh, 'whsec_AAAA']);
    await close();
  });

  test('what is no list of secrets is an error that does not quote it', async () => {
    const { clients, name, close } = await secret('hunter2');
    const secrets = new SecretsManagerSecrets(clients.secretsManager, name);
    const error = await secrets.live().catch((reason: Error) => reason);
    expect(String(error)).toContain('{"secrets": [...]}');
    expect(String(error)).not.toContain('hunter2');
    await close();
  });

  async function secret(text: string) {
    const connection = connect(emulators);
    emulators.standIn.secrets.set(connection.name, { current: '', versions: new Map() });
    overwrite(connection.name, text);
    return connection;
  }

  function overwrite(name: string, text: string): void {
    const stored = emulators.standIn.secrets.get(name);
    const version = `by-hand-${stored?.versions.size}`;
    stored?.versions.set(version, text);
    if (stored) stored.current = version;
  }
});

/** `mv2id webhooks secret`, `rotate-secret`, `retire-secret`: what receivers verify with. The only commands that print a secret. */
import type { Ports } from '../../clients/ports';
import type { Streams } from '../streams';

type SecretPorts = Pick<Ports, 'secrets'>;

/** The newest first; during a rotation there are two. */
export async function showSecrets({ secrets }: SecretPorts, { stdout }: Streams): Promise<void> {
  for (const secret of await secrets.live()) stdout.write(`${secret}\n`);
}

export async function rotateSecret({ secrets }: SecretPorts, { stdout, stderr }: Streams): Promise<void> {
  stdout.write(`${await secrets.rotate()}\n`);
  stderr.write(
    'Every webhook is signed with this secret and the one before it until "mv2id webhooks retire-secret".\n',
  );
}

export async function retireSecret({ secrets }: SecretPorts, { stderr }: Streams): Promise<void> {
  await secrets.retirePrevious();
  stderr.write('Webhooks are signed with the newest secret alone.\n');
}

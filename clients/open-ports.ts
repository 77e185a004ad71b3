/** The ports of a deployment, of either type. What the other type needs is never loaded. */
import type { Deployment } from '../contract/deployment';
import type { Ports } from './ports';

export async function openPorts(deployment: Deployment): Promise<Ports> {
  if (deployment.type === 'local') {
    const { openLocalPorts } = await import('./local/local-ports');
    return openLocalPorts(deployment);
  }
  const { openAwsPorts } = await import('./aws/aws-ports');
  return openAwsPorts(deployment);
}

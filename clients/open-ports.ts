/** The ports of a deployment, of either type. What the other type needs is never loaded. */
import type { Deployment } from '../contract/deployment';
import type { Ports } from './ports';

export async function openPorts(deployment: Deployment): Promise<Ports> {
  // require, not import(): Node hands that to its ES module loader, which does not find sources that run without a build.
  if (deployment.type === 'local') {
    const { openLocalPorts }: typeof import('./local/local-ports') = require('./local/local-ports');
    return openLocalPorts(deployment);
  }
  const { openAwsPorts }: typeof import('./aws/aws-ports') = require('./aws/aws-ports');
  return openAwsPorts(deployment);
}

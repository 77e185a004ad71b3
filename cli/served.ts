/** Whether anybody works on what is uploaded. */
import { localHome, runningServe } from '../clients/local/home';
import type { Deployment } from '../contract/deployment';

/** In AWS always; on this machine while a `mv2id serve` runs. */
export function isServed(deployment: Deployment): boolean {
  return deployment.type !== 'local' || runningServe(localHome(deployment.home)) !== null;
}

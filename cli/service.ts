/** The deployment that a command works on, opened: local and AWS alike through their ports. */
import { stat } from 'node:fs/promises';
import { openPorts } from '../clients/open-ports';
import type { Ports } from '../clients/ports';
import type { Deployment } from '../contract/deployment';
import { UsageError } from './exit-code';
import { findDeployment, type ProfileOptions } from './profile';

export interface Service {
  readonly deployment: Deployment;
  readonly ports: Ports;
}

/**
 * Opens the profile's deployment for as long as `run` lasts.
 * @throws UsageError when there is no such profile, or nothing yet where it points to.
 */
export async function withService<T>(options: ProfileOptions, run: (service: Service) => Promise<T>): Promise<T> {
  const deployment = await findDeployment(options);
  await requireHome(deployment);
  const ports = await openPorts(deployment);
  try {
    return await run({ deployment, ports });
  } finally {
    await ports.close();
  }
}

/** A mistyped folder is to be told, not made. */
async function requireHome(deployment: Deployment): Promise<void> {
  if (deployment.type !== 'local') return;
  const status = await stat(deployment.home).catch(() => null);
  if (status?.isDirectory()) return;
  const rule = 'a folder that "mv2id serve" has made';
  throw new UsageError(`--home must be ${rule}, got ${deployment.home} (${status ? 'a file' : 'nothing there'}).`);
}

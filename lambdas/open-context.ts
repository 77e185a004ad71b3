/** What a stage is given in a real deployment: its ports, the ledger on them, the clock and a logger. */
import { JobLedger } from '../clients/job-ledger';
import { openPorts } from '../clients/open-ports';
import type { Ports } from '../clients/ports';
import { type Deployment, parseDeployment } from '../contract/deployment';
import * as env from '../contract/env';
import { PowertoolsLog } from './powertools-log';
import type { Log, StageContext } from './stage';

/** @param name of the stage, in its log lines. */
export async function openContext(deployment: Deployment, name: string): Promise<StageContext> {
  const ports = await openPorts(deployment);
  return contextOf(ports, deployment.type === 'local', new PowertoolsLog(name));
}

/** For a Lambda function: the deployment stands in its environment. @throws Error when it does not, or is wrong. */
export function openContextFromEnv(name: string): () => Promise<StageContext> {
  return async () => {
    const deployment = parseDeployment(JSON.parse(env.requireEnv(env.DEPLOYMENT)), env.DEPLOYMENT);
    return openContext(deployment, name);
  };
}

/** The same on ports that are open already: one process of a local deployment runs every stage. */
export function contextOf(ports: Ports, isLocal: boolean, log: Log): StageContext {
  const now = () => new Date();
  return { ports, ledger: new JobLedger(ports, now), log, now, random: Math.random, isLocal };
}

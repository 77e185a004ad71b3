/** What a stage is given in a real deployment: its ports, the ledger on them, the clock and a logger. */
import { JobLedger } from '../clients/job-ledger';
import { openPorts } from '../clients/open-ports';
import { type Deployment, parseDeployment } from '../contract/deployment';
import * as env from '../contract/env';
import { PowertoolsLog } from './powertools-log';
import type { StageContext } from './stage';

/** @param name of the stage, in its log lines. */
export async function openContext(deployment: Deployment, name: string): Promise<StageContext> {
  const ports = await openPorts(deployment);
  const now = () => new Date();
  const retentionDays = deployment.results_retention_days;
  return {
    ports,
    ledger: new JobLedger(ports, now),
    log: new PowertoolsLog(name),
    now,
    random: Math.random,
    isLocal: deployment.type === 'local',
    ...(retentionDays !== undefined && { retentionDays }),
  };
}

/** For a Lambda function: the deployment stands in its environment. @throws Error when it does not, or is wrong. */
export function openContextFromEnv(name: string): () => Promise<StageContext> {
  return async () => {
    const deployment = parseDeployment(JSON.parse(env.requireEnv(env.DEPLOYMENT)), env.DEPLOYMENT);
    return openContext(deployment, name);
  };
}

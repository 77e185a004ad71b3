/** `mv2id deploy-check`: whether a deployment can do its work, in a line for everything that it needs. Changes nothing. */
import { existsSync } from 'node:fs';
import { localHome } from '../clients/local/home';
import { openPorts } from '../clients/open-ports';
import type { Ports } from '../clients/ports';
import type { AwsDeployment, Deployment } from '../contract/deployment';
import { DTYPE_OF_PROVIDER } from '../gpu-worker/job-defaults';
import { checkCapacity, type Machines } from './checks/capacity';
import { type Finding, look, ok, type Verdict } from './checks/finding';
import { checkHome, localRooms } from './checks/home';
import { checkJob } from './checks/job';
import { checkModels, type Rooms } from './checks/models';
import { checkQueues } from './checks/queues';
import { checkStack } from './checks/stack';
import { checkStorage } from './checks/storage';
import { judgeWebhookSecret } from './checks/webhook-secret';
import { EXIT_SOFTWARE } from './exit-code';
import { writeJson } from './json-line';
import { findProfile, type Profile, type ProfileOptions, profileName } from './profile';
import type { Streams } from './streams';

export interface DeployCheckOptions extends ProfileOptions {
  /** Folder of a reference set. */
  readonly job?: string;
  readonly json?: boolean;
}

type Report = (findings: readonly Finding[]) => void;

const MIB = 1024 * 1024;
const VERDICT_WIDTH = 7;
const CHECK_WIDTH = 14;

/** @returns the exit code: 0 when nothing is a problem. @throws UsageError when there is no such profile. */
export async function runDeployCheck(options: DeployCheckOptions, { stdout }: Streams): Promise<number> {
  const profile = await findProfile(options);
  const findings: Finding[] = [];
  const report: Report = (found) => {
    findings.push(...found);
    if (!options.json) for (const finding of found) stdout.write(`${lineOf(finding)}\n`);
  };
  const deployment = await reach(profile, report);
  if (deployment) await checkDeployment(deployment, options, report);

  const count = (verdict: Verdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const isReady = count('problem') === 0;
  if (options.json) writeJson(stdout, { profile: profileName(options), is_ready: isReady, findings });
  else
    stdout.write(
      `${countText(count('problem'), 'problem')}, ${countText(count('warning'), 'warning').toLowerCase()}.\n`,
    );
  return isReady ? 0 : EXIT_SOFTWARE;
}

/** Null when there is nothing whose parts could be looked at. */
async function reach(profile: Profile, report: Report): Promise<Deployment | null> {
  if (profile.type === 'local') {
    const { findings, isThere } = await checkHome(profile.home);
    report(findings);
    return isThere ? profile : null;
  }
  if (profile.type === 'aws') {
    report([ok('deployment', `Written out in the profile, in ${profile.region}.`)]);
    return profile;
  }
  let deployment: Deployment | null = null;
  const findings = await look('stack', async () => {
    const found = await checkStack(profile);
    deployment = found.deployment;
    return found.findings;
  });
  report(deployment ? findings : findings.map((finding) => ({ ...finding, verdict: 'problem' })));
  return deployment;
}

async function checkDeployment(deployment: Deployment, options: DeployCheckOptions, report: Report): Promise<void> {
  const ports = await openPorts(deployment);
  try {
    report(await checkStorage(ports));
    report(await look('queues', () => checkQueues(ports)));
    const rooms = await (deployment.type === 'local'
      ? checkLocal(deployment.home, ports, report)
      : checkAws(deployment, report));
    await checkModels(ports, rooms, report, async (models) => {
      const { job } = options;
      if (job === undefined) return;
      report(await look('job', () => checkJob(job, deployment.type === 'local', models, rooms)));
    });
  } finally {
    await ports.close();
  }
}

async function checkLocal(home: string, { secrets }: Ports, report: Report): Promise<Rooms> {
  // The secret is made when it is first asked for, which is not for a check to do.
  const count = async () => (existsSync(localHome(home).webhookSecrets) ? (await secrets.live()).length : 0);
  report(await look('webhook secret', async () => [judgeWebhookSecret(await count())]));
  return localRooms();
}

async function checkAws(deployment: AwsDeployment, report: Report): Promise<Rooms> {
  // Loaded only here: no other command needs these SDKs.
  const { AwsFacts }: typeof import('../clients/aws/aws-facts') = require('../clients/aws/aws-facts');
  const facts = new AwsFacts(deployment);
  try {
    const secret = () => facts.secretCount(deployment.webhook_secret);
    report(await look('webhook secret', async () => [judgeWebhookSecret(await secret())]));
    let machines: Machines = { environments: [], types: [] };
    const capacity = await look('job queue', async () => {
      const found = await checkCapacity(facts, deployment);
      machines = found.machines;
      return found.findings;
    });
    report(capacity);
    const rooms = machines.types.map(({ type, gpuMemoryMib }) => ({ machine: type, bytes: gpuMemoryMib * MIB }));
    return { rooms, computeDtype: DTYPE_OF_PROVIDER.cuda };
  } finally {
    facts.close();
  }
}

function lineOf({ check, verdict, message }: Finding): string {
  return `${verdict.padEnd(VERDICT_WIDTH)}  ${check.padEnd(CHECK_WIDTH)}  ${message}`;
}

function countText(count: number, noun: string): string {
  return `${count === 0 ? 'No' : count} ${noun}${count === 1 ? '' : 's'}`;
}

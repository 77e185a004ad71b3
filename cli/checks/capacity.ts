/** Whether AWS Batch can find machines for jobs: its queue and environments, the instance types where they are, and the quotas. */
import type { AwsFacts, BatchState, EnvironmentFacts, InstanceFacts, JobNeeds } from '../../clients/aws/aws-facts';
import type { AwsDeployment } from '../../contract/deployment';
import { type Finding, look, ok, problem, warning } from './finding';
import { checkQuotas } from './quotas';

/** What the region's offers leave of an environment. */
export interface Machines {
  readonly environments: readonly EnvironmentFacts[];
  /** Those that some environment names and the region has. */
  readonly types: readonly InstanceFacts[];
}

type Facts = Pick<
  AwsFacts,
  'jobQueue' | 'environments' | 'jobNeeds' | 'instanceTypes' | 'zonesOfTypes' | 'zonesOfSubnets' | 'quota'
>;

/** @returns also the machines that jobs may get, for what depends on them. */
export async function checkCapacity(
  facts: Facts,
  { batch, region }: Pick<AwsDeployment, 'batch' | 'region'>,
): Promise<{ readonly findings: readonly Finding[]; readonly machines: Machines }> {
  const queue = await facts.jobQueue(batch.job_queue);
  if (!queue) {
    const message = `${batch.job_queue} must be a job queue of AWS Batch, got none of that name: deploy the stack again.`;
    return { findings: [problem('job queue', message)], machines: { environments: [], types: [] } };
  }
  const environments = await facts.environments(queue.environments);
  const names = [...new Set(environments.flatMap(({ instanceTypes }) => instanceTypes))];
  let types: readonly InstanceFacts[] = [];
  const findings = [
    judgeState('job queue', queue, `${environments.length} environments`),
    ...judgeEnvironments(environments),
    // Each by itself: who may not look at one may look at the others.
    ...(await look('instance type', async () => {
      types = names.length > 0 ? await facts.instanceTypes(names) : [];
      return judgeZones(facts, environments, names, region);
    })),
    ...(await look('job size', async () =>
      judgeSizes(types, await facts.jobNeeds(batch.job_definition), batch.job_definition),
    )),
    ...(await look('quota', () => checkQuotas(facts, environments, types))),
  ];
  return { findings, machines: { environments, types } };
}

function judgeEnvironments(environments: readonly EnvironmentFacts[]): Finding[] {
  if (environments.length === 0) {
    return [problem('environment', 'The job queue must have a compute environment, got none: deploy the stack again.')];
  }
  const findings = environments.map((environment) => {
    const { kind, instanceTypes, maxVcpus } = environment;
    return judgeState(
      'environment',
      environment,
      `${kindText(kind)}, ${instanceTypes.join(', ')}, up to ${maxVcpus} vCPUs`,
    );
  });
  // One that works is enough for jobs to run.
  const anyWorks = findings.some(({ verdict }) => verdict !== 'problem');
  return findings.map((finding) =>
    finding.verdict === 'problem' && anyWorks ? warning(finding.check, finding.message) : finding,
  );
}

function judgeState(check: string, { name, status, state, reason }: BatchState, about: string): Finding {
  if (status === 'VALID' && state === 'ENABLED') return ok(check, `${name}: ${about}.`);
  const why = reason === '' ? '' : ` (${reason})`;
  const message = `${name} must be VALID and ENABLED, got ${status} and ${state}${why}`;
  if (state !== 'ENABLED') return problem(check, `${message}: somebody has disabled it; enable it in AWS Batch.`);
  if (status === 'CREATING' || status === 'UPDATING') return warning(check, `${message}: wait a few minutes.`);
  return problem(check, `${message}: put right what the reason names, then deploy the stack again.`);
}

/** A type is of use where one of the subnets is. */
async function judgeZones(
  facts: Facts,
  environments: readonly EnvironmentFacts[],
  names: readonly string[],
  region: string,
): Promise<Finding[]> {
  if (names.length === 0) return [];
  const offered = await facts.zonesOfTypes(names);
  const subnets = [...new Set(environments.flatMap((environment) => environment.subnets))];
  const ours = await facts.zonesOfSubnets(subnets);
  const useful = (type: string) => (offered.get(type) ?? []).filter((zone) => ours.includes(zone));
  const anyUseful = names.some((type) => useful(type).length > 0);
  const bad = anyUseful ? warning : problem;
  return names.map((type) => {
    const zones = offered.get(type) ?? [];
    const here = useful(type);
    if (zones.length === 0) {
      return bad(
        'instance type',
        `${type} is not offered in ${region}: take it out of gpu.instance_types, or choose another region.`,
      );
    }
    if (here.length === 0) {
      const places = `only in ${zones.join(', ')}, and the subnets are in ${ours.join(', ') || 'no zone'}`;
      return bad('instance type', `${type} is offered ${places}: raise network.max_azs.`);
    }
    return ok('instance type', `${type} in ${here.join(', ')}.`);
  });
}

function judgeSizes(types: readonly InstanceFacts[], needs: JobNeeds | null, definition: string): Finding[] {
  if (!needs) {
    return [problem('job size', `${definition} must be an active job definition, got none: deploy the stack again.`)];
  }
  const wanted = `${needs.gpus} GPU, ${needs.vcpus} vCPUs and ${gib(needs.memoryMib)}`;
  if (types.length === 0) return [];
  // The machine itself needs some of its memory.
  const fits = ({ gpus, vcpus, memoryMib }: InstanceFacts) =>
    gpus >= needs.gpus && vcpus >= needs.vcpus && memoryMib > needs.memoryMib;
  const tooSmall = types.filter((type) => !fits(type));
  if (tooSmall.length === 0) return [ok('job size', `A job takes ${wanted}, which every instance type has.`)];
  const bad = tooSmall.length < types.length ? warning : problem;
  return tooSmall.map(({ type, gpus, vcpus, memoryMib }) =>
    bad(
      'job size',
      `A job takes ${wanted}, got ${type} with ${gpus} GPU, ${vcpus} vCPUs and ${gib(memoryMib)}: no job ever starts there. Lower gpu.job, or take larger types.`,
    ),
  );
}

export function kindText(kind: EnvironmentFacts['kind']): string {
  return kind === 'spot' ? 'Spot' : 'On-Demand';
}

function gib(mib: number): string {
  return `${Math.round(mib / 102.4) / 10} GiB`;
}

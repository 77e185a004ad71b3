/**
 * Whether the account may start the machines. EC2 counts vCPUs, by family of instances and kind of capacity; a new account often has 0 for
 * those with GPUs.
 */
import type { AwsFacts, CapacityKind, EnvironmentFacts, InstanceFacts } from '../../clients/aws/aws-facts';
import { type Finding, ok, problem, warning } from './finding';

type Family = 'g' | 'p' | 'p5';

interface Row {
  readonly code: string;
  /** vCPUs of the smallest type that counts here. */
  readonly smallest: InstanceFacts;
  /** That the environments may use. */
  readonly maxVcpus: number;
}

/** EC2's, as remembered in November 2026; the name in a finding is the service's own answer. */
const CODES: Record<CapacityKind, Record<Family, string>> = {
  on_demand: { g: 'L-DB2E81BA', p: 'L-417A185B', p5: 'L-417A185B' },
  spot: { g: 'L-3819A6DF', p: 'L-7212CCBC', p5: 'L-C4BD4855' },
};

export async function checkQuotas(
  facts: Pick<AwsFacts, 'quota'>,
  environments: readonly EnvironmentFacts[],
  types: readonly InstanceFacts[],
): Promise<Finding[]> {
  const rows = environments.flatMap((environment) => rowsOf(environment, types));
  const quotas = await Promise.all(rows.map(({ code }) => facts.quota('ec2', code)));
  const anyRoom = rows.some(({ smallest }, i) => (quotas[i]?.value ?? 0) >= smallest.vcpus);
  const known = new Set(rows.map(({ smallest }) => familyOf(smallest.type)));
  const unknown = types.filter(({ type }) => !known.has(familyOf(type)));
  return [
    ...rows.map((row, i) => judge(row, quotas[i] ?? null, anyRoom)),
    ...unknown.map(({ type }) =>
      warning('quota', `Not looked at: nobody here knows which quota ${type} counts against.`),
    ),
  ];
}

/** One for each family of instances that the environment has. */
function rowsOf({ kind, instanceTypes, maxVcpus }: EnvironmentFacts, types: readonly InstanceFacts[]): Row[] {
  const own = types.filter(({ type }) => instanceTypes.includes(type)).sort((a, b) => a.vcpus - b.vcpus);
  const rows = new Map<string, Row>();
  for (const smallest of own) {
    const family = familyOf(smallest.type);
    const code = family && CODES[kind][family];
    if (code && !rows.has(code)) rows.set(code, { code, smallest, maxVcpus });
  }
  return [...rows.values()];
}

function judge(
  { code, smallest, maxVcpus }: Row,
  quota: Awaited<ReturnType<AwsFacts['quota']>>,
  anyRoom: boolean,
): Finding {
  if (!quota) return warning('quota', `Not looked at: Service Quotas does not know ${code} of EC2.`);
  const { name, value } = quota;
  const allows = `${name} (${code}) allows ${value} vCPUs`;
  const most = Math.floor(value / smallest.vcpus);
  if (most === 0) {
    // Jobs run where another kind of capacity has room.
    const bad = anyRoom ? warning : problem;
    const advice = `ask for at least ${Math.max(smallest.vcpus, maxVcpus)} in Service Quotas, EC2`;
    return bad('quota', `${allows}, one ${smallest.type} has ${smallest.vcpus}: ${advice}.`);
  }
  if (value < maxVcpus) {
    const advice = 'ask for more in Service Quotas, EC2, or lower gpu.max_gpus';
    return warning(
      'quota',
      `${allows}, the environment may use ${maxVcpus}: at most ${most} ${smallest.type} at a time; ${advice}.`,
    );
  }
  return ok('quota', `${allows}, the environment may use ${maxVcpus}.`);
}

/** Undefined for one whose quota is not known here. */
function familyOf(type: string): Family | undefined {
  if (/^(g|vt)\d/.test(type)) return 'g';
  if (/^p[234]/.test(type)) return 'p';
  return type.startsWith('p5') ? 'p5' : undefined;
}

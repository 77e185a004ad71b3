/** What a deployment stands on: Batch's queue and machines, EC2's offers, the account's quotas. Read only, for `mv2id deploy-check`. */
import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
} from '@aws-sdk/client-batch';
import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { type AwsPlace, clientSettings, madeWhenNeeded } from './client-settings';

export type CapacityKind = 'spot' | 'on_demand';

/** Something of Batch that is made and switched: `VALID` and `ENABLED` when it works. */
export interface BatchState {
  readonly name: string;
  readonly status: string;
  readonly state: string;
  /** Empty where Batch gives no reason. */
  readonly reason: string;
}

export interface JobQueueFacts extends BatchState {
  /** ARNs, in the order they are tried. */
  readonly environments: readonly string[];
}

export interface EnvironmentFacts extends BatchState {
  readonly kind: CapacityKind;
  readonly instanceTypes: readonly string[];
  readonly maxVcpus: number;
  readonly subnets: readonly string[];
}

/** What one job takes of its machine. */
export interface JobNeeds {
  readonly gpus: number;
  readonly vcpus: number;
  readonly memoryMib: number;
}

export interface InstanceFacts extends JobNeeds {
  readonly type: string;
  /** Of one GPU; 0 without any. */
  readonly gpuMemoryMib: number;
}

export interface Quota {
  readonly code: string;
  readonly name: string;
  readonly value: number;
}

export class AwsFacts {
  private readonly clients = madeWhenNeeded();
  private readonly batch: () => BatchClient;
  private readonly ec2: () => EC2Client;
  private readonly quotas: () => ServiceQuotasClient;
  private readonly secretsManager: () => SecretsManagerClient;

  constructor(place: AwsPlace) {
    const { lazily } = this.clients;
    this.batch = lazily(() => new BatchClient(clientSettings(place)));
    this.ec2 = lazily(() => new EC2Client(clientSettings(place)));
    this.quotas = lazily(() => new ServiceQuotasClient(clientSettings(place)));
    this.secretsManager = lazily(() => new SecretsManagerClient(clientSettings(place)));
  }

  /** @param queue name or ARN. Null when there is none. */
  async jobQueue(queue: string): Promise<JobQueueFacts | null> {
    const { jobQueues } = await this.batch().send(new DescribeJobQueuesCommand({ jobQueues: [queue] }));
    const [found] = jobQueues ?? [];
    if (!found) return null;
    const order = [...(found.computeEnvironmentOrder ?? [])].sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
    return {
      ...stateOf(found.jobQueueName, found),
      environments: order.flatMap(({ computeEnvironment }) => computeEnvironment ?? []),
    };
  }

  /** In the order of `arns`. */
  async environments(arns: readonly string[]): Promise<EnvironmentFacts[]> {
    if (arns.length === 0) return [];
    const { computeEnvironments = [] } = await this.batch().send(
      new DescribeComputeEnvironmentsCommand({ computeEnvironments: [...arns] }),
    );
    const place = (arn: string | undefined) => arns.indexOf(arn ?? '');
    return [...computeEnvironments]
      .sort((a, b) => place(a.computeEnvironmentArn) - place(b.computeEnvironmentArn))
      .map((found) => ({
        ...stateOf(found.computeEnvironmentName, found),
        kind: found.computeResources?.type === 'SPOT' ? 'spot' : 'on_demand',
        instanceTypes: found.computeResources?.instanceTypes ?? [],
        maxVcpus: found.computeResources?.maxvCpus ?? 0,
        subnets: found.computeResources?.subnets ?? [],
      }));
  }

  /** Of the newest revision. @param definition its name. Null when none is active. */
  async jobNeeds(definition: string): Promise<JobNeeds | null> {
    const { jobDefinitions = [] } = await this.batch().send(
      new DescribeJobDefinitionsCommand({ jobDefinitionName: definition, status: 'ACTIVE' }),
    );
    const [newest] = [...jobDefinitions].sort((a, b) => (b.revision ?? 0) - (a.revision ?? 0));
    if (!newest) return null;
    const required = newest.containerProperties?.resourceRequirements ?? [];
    const amount = (type: string) => Number(required.find((one) => one.type === type)?.value ?? 0);
    return { gpus: amount('GPU'), vcpus: amount('VCPU'), memoryMib: amount('MEMORY') };
  }

  /** Those that the region has; the others are left out. */
  async instanceTypes(types: readonly string[]): Promise<InstanceFacts[]> {
    // By filter: a request for a type by its name fails for all when the region lacks one.
    const { InstanceTypes = [] } = await this.ec2().send(
      new DescribeInstanceTypesCommand({ Filters: [{ Name: 'instance-type', Values: [...types] }] }),
    );
    return InstanceTypes.map(({ InstanceType = '', VCpuInfo, MemoryInfo, GpuInfo }) => ({
      type: InstanceType,
      vcpus: VCpuInfo?.DefaultVCpus ?? 0,
      memoryMib: MemoryInfo?.SizeInMiB ?? 0,
      gpus: GpuInfo?.Gpus?.reduce((sum, { Count = 0 }) => sum + Count, 0) ?? 0,
      gpuMemoryMib: GpuInfo?.Gpus?.[0]?.MemoryInfo?.SizeInMiB ?? 0,
    }));
  }

  /** The zones that have a type, by type. */
  async zonesOfTypes(types: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const zones = new Map<string, string[]>();
    let NextToken: string | undefined;
    do {
      const page: { InstanceTypeOfferings?: { InstanceType?: string; Location?: string }[]; NextToken?: string } =
        await this.ec2().send(
          new DescribeInstanceTypeOfferingsCommand({
            LocationType: 'availability-zone',
            Filters: [{ Name: 'instance-type', Values: [...types] }],
            NextToken,
          }),
        );
      for (const { InstanceType = '', Location = '' } of page.InstanceTypeOfferings ?? []) {
        zones.set(InstanceType, [...(zones.get(InstanceType) ?? []), Location].sort());
      }
      NextToken = page.NextToken;
    } while (NextToken);
    return zones;
  }

  /** In alphabetical order, each once. */
  async zonesOfSubnets(subnets: readonly string[]): Promise<string[]> {
    if (subnets.length === 0) return [];
    const { Subnets = [] } = await this.ec2().send(new DescribeSubnetsCommand({ SubnetIds: [...subnets] }));
    return [...new Set(Subnets.flatMap(({ AvailabilityZone }) => AvailabilityZone ?? []))].sort();
  }

  /** What the account has, or what every account begins with. Null when the service knows no such quota. */
  async quota(service: string, code: string): Promise<Quota | null> {
    const asked = { ServiceCode: service, QuotaCode: code };
    try {
      const { Quota } = await this.quotas().send(new GetServiceQuotaCommand(asked)).catch(ifNone);
      const found = Quota ?? (await this.quotas().send(new GetAWSDefaultServiceQuotaCommand(asked))).Quota;
      return found?.Value === undefined ? null : { code, name: found.QuotaName ?? code, value: found.Value };
    } catch (error) {
      if (error instanceof NoSuchResourceException) return null;
      throw error;
    }
  }

  /** How many webhook secrets there are: 0 in a deployment that has sent none yet, null when something else is in their place. */
  async secretCount(secretId: string): Promise<number | null> {
    const { SecretString = '' } = await this.secretsManager().send(new GetSecretValueCommand({ SecretId: secretId }));
    return countOf(SecretString);
  }

  close(): void {
    this.clients.destroy();
  }
}

function stateOf(
  name: string | undefined,
  { status, state, statusReason }: { status?: string; state?: string; statusReason?: string },
): BatchState {
  return { name: name ?? '', status: status ?? '', state: state ?? '', reason: statusReason ?? '' };
}

function ifNone(error: unknown): { Quota?: undefined } {
  if (error instanceof NoSuchResourceException) return {};
  throw error;
}

function countOf(text: string): number | null {
  try {
    const { secrets } = JSON.parse(text);
    return Array.isArray(secrets) ? secrets.length : null;
  } catch {
    return null;
  }
}

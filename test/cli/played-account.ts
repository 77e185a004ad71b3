/** An AWS account in which everything is as it should be, in this process; a test puts one thing wrong. */
import {
  BatchClient,
  DescribeComputeEnvironmentsCommand,
  DescribeJobDefinitionsCommand,
  DescribeJobQueuesCommand,
} from '@aws-sdk/client-batch';
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSubnetsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import type { AwsDeployment } from '../../contract/deployment';
import { type PlayedS3, playS3 } from '../clients/aws/played-s3';
import { stackOutputs } from '../stack-outputs';

const queue = (name: string) => ({
  url: `https://sqs.example.com/${name}`,
  dead_letter_url: `https://sqs.example.com/${name}-dead`,
});
export const DEPLOYMENT: AwsDeployment = {
  type: 'aws',
  region: 'eu-central-1',
  buckets: { uploads: 'u', results: 'r', models: 'm' },
  table: 't',
  queues: {
    intake: queue('intake'),
    jobs: queue('jobs'),
    batch_events: queue('batch-events'),
    webhooks: queue('webhooks'),
  },
  batch: { job_queue: 'mv2id-jobs', job_definition: 'mv2id-worker' },
  webhook_secret: 'mv2id-secret',
};

export interface PlayedAccount {
  readonly s3: PlayedS3;
  readonly cloudFormation: ReturnType<typeof mockClient>;
  readonly batch: ReturnType<typeof mockClient>;
  readonly ec2: ReturnType<typeof mockClient>;
  readonly quotas: ReturnType<typeof mockClient>;
  readonly secretsManager: ReturnType<typeof mockClient>;
  readonly dynamodb: ReturnType<typeof mockClient>;
  readonly sqs: ReturnType<typeof mockClient>;
  /** Messages by the address of their queue. */
  readonly messages: Map<string, number>;
  /** vCPUs by quota code. */
  readonly allowed: Map<string, number>;
  restore(): void;
}

export const STACK = {
  StackName: 'mv2id',
  StackId: 'arn:aws:cloudformation:eu-central-1:123456789012:stack/mv2id/1',
  StackStatus: 'UPDATE_COMPLETE' as const,
  CreationTime: new Date(0),
  Outputs: stackOutputs(DEPLOYMENT),
};
export const JOB_QUEUE = {
  jobQueueName: 'mv2id-jobs',
  state: 'ENABLED' as const,
  status: 'VALID' as const,
  jobQueueArn: 'arn:queue',
  priority: 1,
  computeEnvironmentOrder: [
    { order: 2, computeEnvironment: 'arn:on-demand' },
    { order: 1, computeEnvironment: 'arn:spot' },
  ],
};
export const TYPES = ['g6e.xlarge', 'g6e.2xlarge'];

export function environment(kind: 'spot' | 'on-demand', changes: object = {}, resources: object = {}) {
  return {
    computeEnvironmentName: `mv2id-${kind}`,
    computeEnvironmentArn: `arn:${kind}`,
    state: 'ENABLED' as const,
    status: 'VALID' as const,
    computeResources: {
      type: kind === 'spot' ? ('SPOT' as const) : ('EC2' as const),
      instanceTypes: TYPES,
      maxvCpus: 16,
      subnets: ['subnet-a', 'subnet-b'],
      ...resources,
    },
    ...changes,
  };
}

export function instanceType(type: string, vcpus: number, gpuMemoryMib = 45_776) {
  return {
    InstanceType: type as 'g6e.xlarge',
    VCpuInfo: { DefaultVCpus: vcpus },
    MemoryInfo: { SizeInMiB: 8 * 1024 * vcpus },
    GpuInfo: { Gpus: [{ Count: 1, MemoryInfo: { SizeInMiB: gpuMemoryMib } }] },
  };
}

export function offering(type: string, zone: string) {
  return { InstanceType: type as 'g6e.xlarge', Location: zone };
}

/** Until `restore`. The models bucket is empty. */
export function playAccount(): PlayedAccount {
  const allowed = new Map([
    ['L-3819A6DF', 64],
    ['L-DB2E81BA', 64],
  ]);
  const names: Record<string, string> = {
    'L-3819A6DF': 'All G and VT Spot Instance Requests',
    'L-DB2E81BA': 'Running On-Demand G and VT instances',
  };
  const s3 = playS3();
  const cloudFormation = mockClient(CloudFormationClient);
  const batch = mockClient(BatchClient);
  const ec2 = mockClient(EC2Client);
  const quotas = mockClient(ServiceQuotasClient);
  const secretsManager = mockClient(SecretsManagerClient);
  const dynamodb = mockClient(DynamoDBDocumentClient);
  cloudFormation.on(DescribeStacksCommand).resolves({ Stacks: [STACK] });
  batch.on(DescribeJobQueuesCommand).resolves({ jobQueues: [JOB_QUEUE] });
  batch
    .on(DescribeComputeEnvironmentsCommand)
    .resolves({ computeEnvironments: [environment('on-demand'), environment('spot')] });
  const job = (revision: number, vcpus: string) => ({
    jobDefinitionName: 'mv2id-worker',
    jobDefinitionArn: 'arn:definition',
    revision,
    type: 'container',
    containerProperties: {
      resourceRequirements: [
        { type: 'GPU' as const, value: '1' },
        { type: 'VCPU' as const, value: vcpus },
        { type: 'MEMORY' as const, value: '26624' },
      ],
    },
  });
  // An older revision that fits nowhere.
  batch.on(DescribeJobDefinitionsCommand).resolves({ jobDefinitions: [job(1, '96'), job(2, '4')] });
  ec2
    .on(DescribeInstanceTypesCommand)
    .resolves({ InstanceTypes: [instanceType('g6e.2xlarge', 8), instanceType('g6e.xlarge', 4)] });
  ec2.on(DescribeInstanceTypeOfferingsCommand).resolves({
    InstanceTypeOfferings: TYPES.flatMap((type) =>
      ['eu-central-1a', 'eu-central-1b'].map((zone) => offering(type, zone)),
    ),
  });
  ec2.on(DescribeSubnetsCommand).resolves({
    Subnets: ['eu-central-1a', 'eu-central-1b'].map((AvailabilityZone) => ({ AvailabilityZone })),
  });
  quotas.on(GetServiceQuotaCommand).callsFake(async ({ QuotaCode }) => ({
    Quota: { QuotaCode, QuotaName: names[QuotaCode], Value: allowed.get(QuotaCode) },
  }));
  secretsManager.on(GetSecretValueCommand).resolves({ SecretString: '{"secrets":["whsec_not-to-be-told"]}' });
  dynamodb.on(QueryCommand).resolves({ Items: [] });
  const sqs = mockClient(SQSClient);
  const messages = new Map<string, number>();
  sqs.on(GetQueueAttributesCommand).callsFake(async ({ QueueUrl }) => ({
    Attributes: {
      ApproximateNumberOfMessages: String(messages.get(QueueUrl) ?? 0),
      ApproximateNumberOfMessagesNotVisible: '0',
      ApproximateNumberOfMessagesDelayed: '0',
    },
  }));
  const all = [s3, cloudFormation, batch, ec2, quotas, secretsManager, dynamodb, sqs];
  return {
    ...{ s3, cloudFormation, batch, ec2, quotas, secretsManager, dynamodb, sqs, allowed, messages },
    restore: () => {
      for (const mock of all) mock.restore();
    },
  };
}

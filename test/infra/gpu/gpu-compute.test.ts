import { Match, type Template } from 'aws-cdk-lib/assertions';
import { ERASED_JOB_TABLE } from '../../../clients/erasure-table';
import { JOB_TABLE } from '../../../clients/job-table';
import { MAX_EXECUTION_TIMEOUT_SECONDS } from '../../../contract/limits';
import { WORKER_ATTEMPTS, WORKER_EVALUATE_ON_EXIT } from '../../../contract/worker-exit';
import { checkWithNag, DEPLOYMENT, gpuTemplate, IMAGE, statementsOf } from './gpu-stack';

const ENVIRONMENT = 'AWS::Batch::ComputeEnvironment';
const DEFINITION = 'AWS::Batch::JobDefinition';
const TEMPLATE = 'AWS::EC2::LaunchTemplate';

describe('The workers on AWS Batch', () => {
  let template: Template;

  beforeAll(() => {
    template = gpuTemplate();
  });

  describe('Their instances', () => {
    it('are of Spot first, then On-Demand, and none while there are no jobs', () => {
      template.resourceCountIs(ENVIRONMENT, 2);
      for (const [Type, AllocationStrategy] of [
        ['SPOT', 'SPOT_PRICE_CAPACITY_OPTIMIZED'],
        ['EC2', 'BEST_FIT_PROGRESSIVE'],
      ]) {
        template.hasResourceProperties(ENVIRONMENT, {
          ReplaceComputeEnvironment: false,
          ComputeResources: {
            Type,
            AllocationStrategy,
            MinvCpus: 0,
            MaxvCpus: 32,
            InstanceTypes: ['g6e.2xlarge'],
            Ec2Configuration: [{ ImageType: 'ECS_AL2023_NVIDIA' }],
            ScalingPolicy: Match.absent(),
            ImageId: Match.absent(),
          },
          UpdatePolicy: { TerminateJobsOnUpdate: false, JobExecutionTimeoutMinutes: 360 },
        });
      }
    });

    it('follow every change of their launch template', () => {
      const [id] = Object.keys(template.findResources(TEMPLATE));
      template.allResourcesProperties(ENVIRONMENT, {
        ComputeResources: {
          LaunchTemplate: { LaunchTemplateId: { Ref: id }, Version: { 'Fn::GetAtt': [id, 'LatestVersionNumber'] } },
        },
      });
    });

    it('have an encrypted root volume and a metadata service for themselves', () => {
      template.hasResourceProperties(TEMPLATE, {
        LaunchTemplateData: {
          BlockDeviceMappings: [
            { DeviceName: '/dev/xvda', Ebs: { Encrypted: true, VolumeType: 'gp3', VolumeSize: 200 } },
          ],
          MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
          NetworkInterfaces: Match.absent(),
        },
      });
    });

    it('run the start script, as MIME multipart of less than the 16 KB that EC2 takes', () => {
      const [launch] = Object.values(template.findResources(TEMPLATE));
      const text: string = launch?.Properties.LaunchTemplateData.UserData['Fn::Base64'];
      expect(text).toMatch(/^Content-Type: multipart\/mixed; boundary=/);
      expect(text).toContain('\nContent-Type: text/x-shellscript; charset="us-ascii"\n');
      expect(text).toContain('\n#!/bin/bash\n');
      expect(text).toContain('ECS_ENABLE_SPOT_INSTANCE_DRAINING=true');
      expect(text).toMatch(/^[\n\x20-\x7e]*$/);
      expect(text.length).toBeLessThan(16 * 1024);
    });

    it('may join a cluster, take tasks and report them', () => {
      expect(statementsOf(template, 'GpuInstanceRole')).toEqual([
        'ecs:DeregisterContainerInstance arn:ecs:cluster/*',
        'ecs:DiscoverPollEndpoint *',
        'ecs:Poll arn:ecs:container-instance/*',
        'ecs:RegisterContainerInstance arn:ecs:cluster/*',
        'ecs:StartTelemetrySession arn:ecs:container-instance/*',
        'ecs:SubmitAttachmentStateChanges arn:ecs:cluster/*',
        'ecs:SubmitContainerStateChange arn:ecs:cluster/*',
        'ecs:SubmitTaskStateChange arn:ecs:cluster/*',
        'ecs:TagResource arn:ecs:container-instance/* if {"StringEquals":{"ecs:CreateAction":"RegisterContainerInstance"}}',
        'ecs:UpdateContainerInstancesState arn:ecs:container-instance/*',
      ]);
    });
  });

  describe('Their queue', () => {
    it('tries the environments in the order of the settings, and is fair between tenants', () => {
      template.hasResourceProperties('AWS::Batch::JobQueue', {
        JobQueueName: 'mv2id-jobs',
        ComputeEnvironmentOrder: [
          { Order: 1, ComputeEnvironment: { 'Fn::GetAtt': [Match.stringLikeRegexp('Spot'), Match.anyValue()] } },
          { Order: 2, ComputeEnvironment: { 'Fn::GetAtt': [Match.stringLikeRegexp('OnDemand'), Match.anyValue()] } },
        ],
        SchedulingPolicyArn: Match.anyValue(),
      });
      template.hasResourceProperties('AWS::Batch::SchedulingPolicy', {
        FairsharePolicy: { ShareDistribution: [{ ShareIdentifier: 'share*', WeightFactor: 1 }] },
      });
    });

    it('gives up what cannot run', () => {
      const ever = { State: 'RUNNABLE', Action: 'CANCEL', MaxTimeSeconds: 6 * 3600 };
      template.hasResourceProperties('AWS::Batch::JobQueue', {
        JobStateTimeLimitActions: [
          { ...ever, Reason: 'CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY' },
          { ...ever, Reason: 'MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE' },
          { ...ever, Reason: 'MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT' },
        ],
      });
    });
  });

  describe('Their job', () => {
    it('has one GPU, shared memory, an init process, and no rights on the host', () => {
      template.hasResourceProperties(DEFINITION, {
        Type: 'container',
        JobDefinitionName: 'mv2id-worker',
        PlatformCapabilities: ['EC2'],
        PropagateTags: true,
        ResourceRetentionPolicy: { SkipDeregisterOnUpdate: true },
        ContainerProperties: {
          Image: IMAGE,
          User: '1000:1000',
          Privileged: false,
          ReadonlyRootFilesystem: true,
          ResourceRequirements: [
            { Type: 'MEMORY', Value: String(26 * 1024) },
            { Type: 'VCPU', Value: '4' },
            { Type: 'GPU', Value: '1' },
          ],
          LinuxParameters: {
            InitProcessEnabled: true,
            SharedMemorySize: 8 * 1024,
            Devices: Match.absent(),
            Tmpfs: [{ ContainerPath: '/tmp', Size: 4096, MountOptions: ['rw', 'nosuid', 'nodev', 'noexec'] }],
          },
        },
      });
    });

    it('sees the cache of its instance, and read-only what it is told about it', () => {
      template.hasResourceProperties(DEFINITION, {
        ContainerProperties: {
          Volumes: [
            { Name: 'state', Host: { SourcePath: '/var/lib/mv2id' } },
            { Name: 'cache', Host: { SourcePath: '/var/lib/mv2id/cache' } },
          ],
          MountPoints: [
            { SourceVolume: 'state', ContainerPath: '/mnt/mv2id', ReadOnly: true },
            { SourceVolume: 'cache', ContainerPath: '/mnt/mv2id/cache', ReadOnly: false },
          ],
          Environment: [
            { Name: 'MV2ID_DEPLOYMENT', Value: DEPLOYMENT },
            { Name: 'MV2ID_PROVIDER', Value: 'cuda' },
            { Name: 'MV2ID_MODEL_CACHE', Value: '/mnt/mv2id/cache' },
            { Name: 'MV2ID_INSTANCE', Value: '/mnt/mv2id/instance.json' },
          ],
        },
      });
    });

    it('is run again after the loss of its host and when it asks for it, as the contract says, and stops in the end', () => {
      const [definition] = Object.values(template.findResources(DEFINITION));
      const { RetryStrategy, Timeout } = definition?.Properties ?? {};
      expect(RetryStrategy.Attempts).toBe(WORKER_ATTEMPTS);
      expect(RetryStrategy.EvaluateOnExit.map(lowerKeys)).toEqual(WORKER_EVALUATE_ON_EXIT);
      expect(RetryStrategy.EvaluateOnExit.length).toBeLessThanOrEqual(5);
      expect(Timeout.AttemptDurationSeconds).toBeGreaterThan(MAX_EXECUTION_TIMEOUT_SECONDS);
    });

    it('logs without waiting for it, for as long as the settings say', () => {
      const [log] = Object.keys(
        template.findResources('AWS::Logs::LogGroup', { Properties: { RetentionInDays: 30 } }),
      ).filter((id) => id.startsWith('GpuLog'));
      template.hasResourceProperties(DEFINITION, {
        ContainerProperties: {
          LogConfiguration: { LogDriver: 'awslogs', Options: { 'awslogs-group': { Ref: log }, mode: 'non-blocking' } },
        },
      });
      expect(statementsOf(template, 'GpuWorkerExecutionRole')).toEqual([
        'logs:CreateLogStream GpuLog',
        'logs:PutLogEvents GpuLog',
      ]);
    });

    it('may read sets and models, and write its results, its record and its events', () => {
      expect(JOB_TABLE.kind).toBe('job');
      expect(ERASED_JOB_TABLE.kind).toBe('erased_job');
      const ifKind = (kind: string) => `if {"ForAllValues:StringLike":{"dynamodb:LeadingKeys":["${kind}#*"]}}`;
      expect(statementsOf(template, 'GpuWorkerJobRole')).toEqual([
        `dynamodb:GetItem Storagetable ${ifKind('consent')}`,
        `dynamodb:GetItem Storagetable ${ifKind('erased_job')}`,
        `dynamodb:GetItem Storagetable ${ifKind('job')}`,
        `dynamodb:PutItem Storagetable ${ifKind('job')}`,
        's3:DeleteObject Storageresults/jobs/*',
        's3:GetObject Storagemodels/*',
        's3:GetObject Storageresults/jobs/*',
        's3:GetObject Storageuploads/sets/*',
        's3:ListBucket Storagemodels',
        's3:ListBucket Storageresults',
        's3:ListBucket Storageuploads',
        's3:PutObject Storageresults/jobs/*',
        'sqs:SendMessage WebhooksQueue',
      ]);
    });

    it('has roles for containers of this account alone', () => {
      const roles = template.findResources('AWS::IAM::Role');
      for (const id of ['GpuWorkerJobRole', 'GpuWorkerExecutionRole']) {
        const [role] = Object.entries(roles).flatMap(([name, found]) => (name.startsWith(id) ? [found] : []));
        expect(role?.Properties.AssumeRolePolicyDocument.Statement).toEqual([
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'ecs-tasks.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          },
        ]);
      }
    });
  });
});

describe('The settings of the workers', () => {
  it.each([
    [['spot'], ['SPOT']],
    [['on_demand'], ['EC2']],
    [
      ['on_demand', 'spot'],
      ['EC2', 'SPOT'],
    ],
  ])('choose the capacity and its order: %j', (capacity, types) => {
    const template = gpuTemplate({ gpu: { capacity } });
    const environments = template.findResources(ENVIRONMENT);
    const [queue] = Object.values(template.findResources('AWS::Batch::JobQueue'));
    const order: { ComputeEnvironment: { 'Fn::GetAtt': [string] } }[] = queue?.Properties.ComputeEnvironmentOrder;
    const ids = order.map(({ ComputeEnvironment }) => ComputeEnvironment['Fn::GetAtt'][0]);
    expect(ids.map((id) => environments[id]?.Properties.ComputeResources.Type)).toEqual(types);
  });

  it('choose instances, how many, and how long they stay', () => {
    const gpu = {
      instance_types: ['p5.48xlarge'],
      max_gpus: 16,
      keep_warm_minutes: 30,
      disk_gib: 1000,
      stuck_minutes: 10,
      job: { vcpus: 24, memory_gib: 240, shared_memory_gib: 64 },
    };
    const template = gpuTemplate({ gpu });
    template.allResourcesProperties(ENVIRONMENT, {
      ComputeResources: {
        InstanceTypes: ['p5.48xlarge'],
        MaxvCpus: 2 * 192,
        ScalingPolicy: { MinScaleDownDelayMinutes: 30 },
      },
    });
    template.hasResourceProperties(TEMPLATE, {
      LaunchTemplateData: { BlockDeviceMappings: [{ Ebs: { VolumeSize: 1000 } }] },
    });
    template.hasResourceProperties('AWS::Batch::JobQueue', {
      JobStateTimeLimitActions: Match.arrayWith([Match.objectLike({ MaxTimeSeconds: 600 })]),
    });
    template.hasResourceProperties(DEFINITION, {
      ContainerProperties: {
        ResourceRequirements: [
          { Type: 'MEMORY', Value: String(240 * 1024) },
          { Type: 'VCPU', Value: '24' },
          { Type: 'GPU', Value: '1' },
        ],
        LinuxParameters: { SharedMemorySize: 64 * 1024 },
      },
    });
  });

  it('take twenty instance types', () => {
    const types = ['g5', 'g6', 'g6e', 'g7e'].flatMap((family) =>
      ['2xlarge', '4xlarge', '8xlarge', '12xlarge', '24xlarge'].map((size) => `${family}.${size}`),
    );
    const template = gpuTemplate({ gpu: { instance_types: types } });
    template.allResourcesProperties(ENVIRONMENT, { ComputeResources: { InstanceTypes: types } });
  });

  it.each(['public_ip', 'endpoints'])('put the instances where they reach AWS: %s', (access) => {
    const template = gpuTemplate({ network: { access, max_azs: 2 } });
    template.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: access === 'public_ip' });
    const subnets = Object.keys(template.findResources('AWS::EC2::Subnet'));
    template.allResourcesProperties(ENVIRONMENT, {
      ComputeResources: {
        Subnets: subnets.map((id) => ({ Ref: id })),
        SecurityGroupIds: [{ 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkWorkers'), 'GroupId'] }],
      },
    });
  });

  it('take an image from ECR, and let just that be pulled', () => {
    const image = `123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/worker@sha256:${'a'.repeat(64)}`;
    const template = gpuTemplate({ gpu: { image } });
    const [definition] = Object.values(template.findResources(DEFINITION));
    expect(JSON.stringify(definition?.Properties.ContainerProperties.Image)).toContain(
      `/team/worker@sha256:${'a'.repeat(64)}`,
    );
    expect(statementsOf(template, 'GpuWorkerExecutionRole')).toEqual([
      'ecr:BatchCheckLayerAvailability arn:ecr:eu-west-1:123456789012:repository/team/worker',
      'ecr:BatchGetImage arn:ecr:eu-west-1:123456789012:repository/team/worker',
      'ecr:GetAuthorizationToken *',
      'ecr:GetDownloadUrlForLayer arn:ecr:eu-west-1:123456789012:repository/team/worker',
      'logs:CreateLogStream GpuLog',
      'logs:PutLogEvents GpuLog',
    ]);
  });

  it('take a certificate from a secret, which the worker sees and nobody may read besides', () => {
    const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:mv2id/signing-AbCdEf';
    const template = gpuTemplate({ gpu: { signing_secret: secret }, network: { access: 'endpoints' } });
    template.hasResourceProperties(DEFINITION, {
      ContainerProperties: {
        Secrets: [
          { Name: 'MV2ID_C2PA_CERTIFICATES', ValueFrom: `${secret}:certificates::` },
          { Name: 'MV2ID_C2PA_PRIVATE_KEY', ValueFrom: `${secret}:private_key::` },
        ],
      },
    });
    const reads = statementsOf(template, 'GpuWorkerExecutionRole').filter((line) => line.startsWith('secretsmanager:'));
    expect(reads).toEqual([
      'secretsmanager:DescribeSecret arn:secretsmanager:eu-west-1:123456789012:secret:mv2id/signing-AbCdEf',
      'secretsmanager:GetSecretValue arn:secretsmanager:eu-west-1:123456789012:secret:mv2id/signing-AbCdEf',
    ]);
    template.hasResourceProperties('AWS::EC2::VPCEndpoint', {
      ServiceName: Match.objectLike({ 'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp('secretsmanager$')])] }),
    });
  });

  it.each([
    {},
    { encryption: 'customer_managed', network: { access: 'endpoints' } },
    { gpu: { image: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/worker@sha256:${'a'.repeat(64)}` } },
    { training: { max_nodes: 2, efa: true } },
  ])('leave nothing for cdk-nag to find: %j', (value: { gpu?: object; training?: object }) => {
    expect(() =>
      checkWithNag({
        ...value,
        gpu: { image: IMAGE, ...value.gpu },
        training: { enabled: true, image: IMAGE, ...value.training },
      }),
    ).not.toThrow();
  });
});

/** CloudFormation's names begin with a capital. */
function lowerKeys(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [key.charAt(0).toLowerCase() + key.slice(1), own]),
  );
}

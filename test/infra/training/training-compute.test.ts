import { Match, type Template } from 'aws-cdk-lib/assertions';
import { WORKER_EVALUATE_ON_EXIT } from '../../../contract/worker-exit';
import { checkWithNag, IMAGE, statementsOf, trainingTemplate } from '../gpu/gpu-stack';

const ENVIRONMENT = 'AWS::Batch::ComputeEnvironment';
const DEFINITION = 'AWS::Batch::JobDefinition';
const QUEUE = 'AWS::Batch::JobQueue';
const TEMPLATE = 'AWS::EC2::LaunchTemplate';

describe('Training on one node', () => {
  let template: Template;

  beforeAll(() => {
    template = trainingTemplate();
  });

  it('takes Spot first, then On-Demand, and nothing while nothing is submitted', () => {
    for (const Type of ['SPOT', 'EC2']) {
      template.hasResourceProperties(ENVIRONMENT, {
        ComputeResources: {
          Type,
          MinvCpus: 0,
          MaxvCpus: 192,
          InstanceTypes: ['p5.48xlarge'],
          Ec2Configuration: [{ ImageType: 'ECS_AL2023_NVIDIA' }],
          PlacementGroup: Match.absent(),
        },
      });
    }
    template.hasResourceProperties(QUEUE, {
      JobQueueName: 'mv2id-training-jobs',
      // A submission names no share.
      SchedulingPolicyArn: Match.absent(),
      ComputeEnvironmentOrder: [
        { Order: 1, ComputeEnvironment: { 'Fn::GetAtt': [Match.stringLikeRegexp('Spot'), Match.anyValue()] } },
        { Order: 2, ComputeEnvironment: { 'Fn::GetAtt': [Match.stringLikeRegexp('OnDemand'), Match.anyValue()] } },
      ],
    });
  });

  it('has all GPUs of its instance, a large folder, and no rights on the host', () => {
    template.hasResourceProperties(DEFINITION, {
      Type: 'container',
      JobDefinitionName: 'mv2id-training',
      PropagateTags: true,
      ResourceRetentionPolicy: { SkipDeregisterOnUpdate: true },
      ContainerProperties: {
        Image: IMAGE,
        // The image's entry point.
        Command: Match.absent(),
        User: '1000:1000',
        Privileged: false,
        ReadonlyRootFilesystem: true,
        ResourceRequirements: [
          { Type: 'MEMORY', Value: String(1900 * 1024) },
          { Type: 'VCPU', Value: '180' },
          { Type: 'GPU', Value: '8' },
        ],
        LinuxParameters: { InitProcessEnabled: true, SharedMemorySize: 16 * 1024, Devices: Match.absent() },
        Volumes: [{ Name: 'training', Host: { SourcePath: '/var/lib/mv2id/cache' } }],
        MountPoints: [{ SourceVolume: 'training', ContainerPath: '/mnt/mv2id/training' }],
        Environment: [
          { Name: 'MV2ID_MODELS_BUCKET', Value: { Ref: Match.stringLikeRegexp('^Storagemodels') } },
          { Name: 'MV2ID_TRAINING_FOLDER', Value: '/mnt/mv2id/training' },
          { Name: 'AWS_REGION', Value: { Ref: 'AWS::Region' } },
          { Name: 'HOME', Value: '/mnt/mv2id/training' },
          { Name: 'TORCHINDUCTOR_CACHE_DIR', Value: '/mnt/mv2id/training/compiled/inductor' },
          { Name: 'TRITON_CACHE_DIR', Value: '/mnt/mv2id/training/compiled/triton' },
        ],
      },
    });
  });

  it('goes on after the loss of its host', () => {
    template.hasResourceProperties(DEFINITION, {
      RetryStrategy: {
        Attempts: 10,
        EvaluateOnExit: WORKER_EVALUATE_ON_EXIT.map(({ action, onExitCode, onReason, onStatusReason }) => ({
          Action: action,
          ...(onExitCode !== undefined && { OnExitCode: onExitCode }),
          ...(onReason !== undefined && { OnReason: onReason }),
          ...(onStatusReason !== undefined && { OnStatusReason: onStatusReason }),
        })),
      },
    });
  });

  it('may read and make models, and delete what is its own; it reaches nothing else', () => {
    expect(statementsOf(template, 'TrainingJobRole')).toEqual([
      's3:AbortMultipartUpload Storagemodels/*',
      's3:DeleteObject Storagemodels/training/*',
      's3:GetObject Storagemodels/*',
      's3:ListBucket Storagemodels',
      's3:PutObject Storagemodels/*',
    ]);
  });

  it('lets nothing in', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
  });

  it('has no adapters, which join nodes', () => {
    trainingTemplate({ training: { efa: true } }).hasResourceProperties(TEMPLATE, {
      LaunchTemplateData: { NetworkInterfaces: Match.absent() },
    });
  });

  it('is limited to what a job takes on an instance type that is not known', () => {
    const unknown = trainingTemplate({ training: { instance_type: 'p9.metal', vcpus: 64 } });
    unknown.allResourcesProperties(ENVIRONMENT, { ComputeResources: { MaxvCpus: 64 } });
  });
});

describe('Training on several nodes', () => {
  let template: Template;

  beforeAll(() => {
    template = trainingTemplate({ training: { max_nodes: 4, instance_type: 'p4d.24xlarge', vcpus: 90 } });
  });

  it('takes On-Demand alone, which Batch runs such jobs on, close together', () => {
    template.resourceCountIs(ENVIRONMENT, 1);
    template.hasResourceProperties('AWS::EC2::PlacementGroup', { Strategy: 'cluster' });
    template.hasResourceProperties(ENVIRONMENT, {
      ComputeResources: {
        Type: 'EC2',
        MaxvCpus: 4 * 96,
        PlacementGroup: { 'Fn::GetAtt': [Match.stringLikeRegexp('^TrainingPlacement'), 'GroupName'] },
      },
    });
  });

  it('runs the same container on every node, and on fewer where a submission says so', () => {
    template.resourceCountIs(DEFINITION, 1);
    template.hasResourceProperties(DEFINITION, {
      Type: 'multinode',
      JobDefinitionName: 'mv2id-training',
      NodeProperties: {
        MainNode: 0,
        NumNodes: 4,
        NodeRangeProperties: [
          {
            TargetNodes: '0:',
            Container: {
              InstanceType: 'p4d.24xlarge',
              User: '1000:1000',
              ReadonlyRootFilesystem: true,
              ResourceRequirements: Match.arrayWith([{ Type: 'GPU', Value: '8' }]),
              LinuxParameters: { Devices: Match.absent() },
            },
          },
        ],
      },
    });
  });

  it('lets nodes reach each other, and nobody else reach them', () => {
    const nodes = { 'Fn::GetAtt': [Match.stringLikeRegexp('^TrainingNodes'), 'GroupId'] };
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 1);
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: nodes,
      SourceSecurityGroupId: nodes,
      IpProtocol: '-1',
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroupEgress', {
      GroupId: nodes,
      DestinationSecurityGroupId: nodes,
      IpProtocol: '-1',
    });
    const network = { 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkWorkers'), 'GroupId'] };
    template.hasResourceProperties(ENVIRONMENT, { ComputeResources: { SecurityGroupIds: [network, nodes] } });
  });
});

describe('The Elastic Fabric Adapter', () => {
  const training = { max_nodes: 2, efa: true };

  it.each([
    ['p5.48xlarge', 'endpoints', 32],
    ['p4d.24xlarge', 'endpoints', 4],
    ['g6e.48xlarge', 'endpoints', 1],
    ['p5.48xlarge', 'public_ip', 1],
  ])('is on every network card of %s with access by %s', (instance_type, access, count) => {
    const template = trainingTemplate({ training: { ...training, instance_type }, network: { access } });
    const [launch] = Object.values(template.findResources(TEMPLATE));
    const interfaces: Record<string, unknown>[] = launch?.Properties.LaunchTemplateData.NetworkInterfaces;
    expect(interfaces).toHaveLength(count);
    expect(interfaces.map(({ NetworkCardIndex }) => NetworkCardIndex)).toEqual([...interfaces.keys()]);
    expect(interfaces.map(({ InterfaceType }) => InterfaceType)).toEqual(
      interfaces.map((_, i) => (i === 0 ? 'efa' : 'efa-only')),
    );
    expect(interfaces.map(({ DeviceIndex }) => DeviceIndex)).toEqual(interfaces.map((_, i) => Math.min(i, 1)));
    const isPublic = access === 'public_ip' ? true : undefined;
    expect(interfaces[0]?.AssociatePublicIpAddress).toBe(isPublic);
    const [definition] = Object.values(template.findResources(DEFINITION));
    const { Container } = definition?.Properties.NodeProperties.NodeRangeProperties[0] ?? {};
    expect(Container.LinuxParameters.Devices).toEqual(
      interfaces.map((_, i) => ({ HostPath: `/dev/infiniband/uverbs${i}` })),
    );
    expect(Container.Ulimits).toEqual([{ Name: 'memlock', SoftLimit: -1, HardLimit: -1 }]);
  });

  it('brings the security groups, which EC2 refuses to hear of twice', () => {
    const template = trainingTemplate({ training });
    template.hasResourceProperties(ENVIRONMENT, { ComputeResources: { SecurityGroupIds: Match.absent() } });
    const group = (id: string) => ({ 'Fn::GetAtt': [Match.stringLikeRegexp(id), 'GroupId'] });
    template.hasResourceProperties(TEMPLATE, {
      LaunchTemplateData: {
        NetworkInterfaces: [{ Groups: [group('^NetworkWorkers'), group('^TrainingNodes')] }],
      },
    });
  });
});

it('is what CloudFormation takes, with nothing for cdk-nag to find', () => {
  process.env.CDK_VALIDATION = 'true';
  try {
    const training = { enabled: true, image: IMAGE, max_nodes: 2, efa: true };
    const gpu = { image: IMAGE, keep_warm_minutes: 20 };
    expect(() => checkWithNag({ gpu, training, network: { access: 'endpoints' } })).not.toThrow();
  } finally {
    process.env.CDK_VALIDATION = 'false';
  }
});

import { resourceOf, resourcesOf, stackTemplate } from './stack-template';

const VPC = {
  id: 'vpc-0123456789abcdef0',
  subnets: [
    { id: 'subnet-0123456789abcdef0', availability_zone: 'eu-central-1a' },
    { id: 'subnet-0123456789abcdef1', availability_zone: 'eu-central-1b' },
  ],
};
const IDLE_COSTS = ['AWS::EC2::NatGateway', 'AWS::EC2::EIP'];

const PUBLIC = stackTemplate();
const ISOLATED = stackTemplate({ network: { access: 'endpoints', max_azs: 2 } });
const EXISTING = stackTemplate({ network: { vpc: VPC } });

const endpoints = (template: typeof PUBLIC, type: string) =>
  Object.values(resourcesOf(template, 'AWS::EC2::VPCEndpoint')).filter(
    ({ Properties }) => Properties.VpcEndpointType === type,
  );

test.each([
  ['public addresses', PUBLIC],
  ['endpoints', ISOLATED],
  ['a VPC that exists', EXISTING],
])('with %s nobody gets in, and no gateway costs while nothing runs', (_name, template) => {
  const [, group] = resourceOf(template, 'AWS::EC2::SecurityGroup', 'NetworkWorkers');
  expect(group.Properties.SecurityGroupIngress).toBeUndefined();
  expect(
    Object.keys(resourcesOf(template)).filter((id) => IDLE_COSTS.includes(resourcesOf(template)[id]!.Type)),
  ).toEqual([]);
});

test('instances have public addresses in as many zones as the settings say', () => {
  for (const max_azs of [1, 3, 6]) {
    const template = stackTemplate({ network: { max_azs } });
    const subnets = Object.values(resourcesOf(template, 'AWS::EC2::Subnet'));
    expect(subnets.map(({ Properties }) => Properties.AvailabilityZone)).toEqual(
      Array.from({ length: max_azs }, (_, i) => ({ 'Fn::Select': [i, { 'Fn::GetAZs': '' }] })),
    );
    for (const { Properties } of subnets) expect(Properties.MapPublicIpOnLaunch).toBe(true);
  }
});

test('S3 and DynamoDB are reached for nothing, whatever the access', () => {
  for (const template of [PUBLIC, ISOLATED]) expect(endpoints(template, 'Gateway')).toHaveLength(2);
});

test('interface endpoints, which cost all the time, are there on demand alone, and let the instances in and nobody else', () => {
  expect(endpoints(PUBLIC, 'Interface')).toEqual([]);
  const services = endpoints(ISOLATED, 'Interface').map(
    ({ Properties }) => JSON.stringify(Properties.ServiceName).match(/\.([a-z.-]+)"\]\]\}$/)?.[1],
  );
  expect(services.sort()).toEqual(['ecr.api', 'ecr.dkr', 'ecs', 'ecs-agent', 'ecs-telemetry', 'logs', 'sqs', 'sts']);
  const [workers] = resourceOf(ISOLATED, 'AWS::EC2::SecurityGroup', 'NetworkWorkers');
  const rules = Object.values(resourcesOf(ISOLATED, 'AWS::EC2::SecurityGroupIngress'));
  expect(rules.map(({ Properties }) => Properties)).toMatchObject([
    { FromPort: 443, ToPort: 443, SourceSecurityGroupId: { 'Fn::GetAtt': [workers, 'GroupId'] } },
  ]);
  for (const { Properties } of Object.values(resourcesOf(ISOLATED, 'AWS::EC2::Subnet'))) {
    expect(Properties.MapPublicIpOnLaunch).toBe(false);
  }
});

test('a secret to sign with is reached in isolated subnets too', () => {
  const signing_secret = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:c2pa-AbCdEf';
  const template = stackTemplate({ network: { access: 'endpoints' }, gpu: { signing_secret } });
  expect(endpoints(template, 'Interface')).toHaveLength(9);
});

test('what goes through a network of ours is logged for as long as the settings say', () => {
  const template = stackTemplate({ retention: { logs_days: 5 } });
  expect(Object.values(resourcesOf(template, 'AWS::EC2::FlowLog'))).toMatchObject([
    { Properties: { TrafficType: 'ALL' } },
  ]);
  expect(resourceOf(template, 'AWS::Logs::LogGroup', 'NetworkFlowLogs')[1].Properties.RetentionInDays).toBe(5);
});

test('an existing VPC is used as it is', () => {
  const types = Object.values(resourcesOf(EXISTING)).map(({ Type }) => Type);
  expect(types.filter((type) => /^AWS::EC2::(VPC|Subnet|Route|FlowLog)/.test(type))).toEqual([]);
  const environments = Object.values(resourcesOf(EXISTING, 'AWS::Batch::ComputeEnvironment'));
  expect(environments).toHaveLength(2);
  for (const { Properties } of environments) {
    expect(Properties.ComputeResources.Subnets).toEqual(VPC.subnets.map(({ id }) => id));
  }
});

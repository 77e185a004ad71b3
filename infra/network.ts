/**
 * Where GPU instances run; the functions need no network of ours. Nothing gets in, and S3 and DynamoDB are reached through gateway
 * endpoints, which cost nothing. For the rest an instance has a public address of its own, which costs while it runs, or there are
 * interface endpoints, which cost all the time (`network.access`).
 */
import { Annotations, Fn, RemovalPolicy } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Settings } from './settings';

export interface NetworkProps {
  readonly settings: Settings;
  readonly key?: kms.IKey;
}

/** What the agent of an instance and the worker in it talk to, besides S3 and DynamoDB. */
const INTERFACE_ENDPOINTS: Readonly<Record<string, ec2.InterfaceVpcEndpointAwsService>> = {
  EcrApi: ec2.InterfaceVpcEndpointAwsService.ECR,
  EcrDocker: ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
  Ecs: ec2.InterfaceVpcEndpointAwsService.ECS,
  EcsAgent: ec2.InterfaceVpcEndpointAwsService.ECS_AGENT,
  EcsTelemetry: ec2.InterfaceVpcEndpointAwsService.ECS_TELEMETRY,
  Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
  Sqs: ec2.InterfaceVpcEndpointAwsService.SQS,
  Sts: ec2.InterfaceVpcEndpointAwsService.STS,
};
/** From which the agent fetches what a worker signs with. */
const SECRETS_ENDPOINT = { SecretsManager: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER };
const HTTPS = ec2.Port.tcp(443);

export class Network extends Construct {
  readonly vpc: ec2.IVpc;
  readonly subnets: ec2.SubnetSelection;
  readonly securityGroup: ec2.ISecurityGroup;

  constructor(scope: Construct, id: string, { settings, key }: NetworkProps) {
    super(scope, id);
    const { network } = settings;
    if (network.vpc) {
      this.vpc = existingVpc(this, network.vpc);
      this.subnets = { subnets: existingSubnets(this, network.vpc) };
    } else {
      this.vpc = ownVpc(this, settings, key);
      this.subnets = { subnetType: subnetType(network.access) };
    }
    this.securityGroup = new ec2.SecurityGroup(this, 'Workers', {
      vpc: this.vpc,
      description: 'GPU instances: everything out, nothing in',
      allowAllOutbound: true,
    });
    if (!network.vpc && network.access === 'endpoints') addInterfaceEndpoints(this, settings);
  }
}

function ownVpc(scope: Construct, settings: Settings, key: kms.IKey | undefined): ec2.Vpc {
  const { network, retention } = settings;
  const vpc = new ec2.Vpc(scope, 'Vpc', {
    // The first zones of whatever region this is deployed to.
    availabilityZones: Array.from({ length: network.max_azs }, (_, i) => Fn.select(i, Fn.getAzs())),
    natGateways: 0,
    subnetConfiguration: [{ name: 'Workers', subnetType: subnetType(network.access) }],
    gatewayEndpoints: {
      S3: { service: ec2.GatewayVpcEndpointAwsService.S3 },
      DynamoDb: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB },
    },
    // Nothing is ever in the default group; emptying it would need a function of CDK's own that may change security groups.
    restrictDefaultSecurityGroup: false,
  });
  const logGroup = new logs.LogGroup(scope, 'FlowLogs', {
    retention: retention.logs_days,
    encryptionKey: key,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const role = new iam.Role(scope, 'FlowLogsRole', {
    assumedBy: new iam.ServicePrincipal('vpc-flow-logs.amazonaws.com'),
  });
  vpc.addFlowLog('FlowLog', { destination: ec2.FlowLogDestination.toCloudWatchLogs(logGroup, role) });
  return vpc;
}

function addInterfaceEndpoints(network: Network, { gpu }: Settings): void {
  const { vpc, subnets, securityGroup } = network;
  const endpoints = new ec2.SecurityGroup(network, 'Endpoints', {
    vpc,
    description: 'AWS services, for GPU instances',
    allowAllOutbound: false,
  });
  endpoints.addIngressRule(securityGroup, HTTPS, 'GPU instances');
  const services = { ...INTERFACE_ENDPOINTS, ...(gpu.signing_secret !== undefined && SECRETS_ENDPOINT) };
  for (const [id, service] of Object.entries(services)) {
    new ec2.InterfaceVpcEndpoint(network, id, { vpc, service, subnets, securityGroups: [endpoints], open: false });
  }
}

function existingVpc(scope: Construct, { id, subnets }: NonNullable<Settings['network']['vpc']>): ec2.IVpc {
  return ec2.Vpc.fromVpcAttributes(scope, 'Vpc', {
    vpcId: id,
    availabilityZones: [...new Set(subnets.map((subnet) => subnet.availability_zone))],
  });
}

function existingSubnets(scope: Construct, { subnets }: NonNullable<Settings['network']['vpc']>): ec2.ISubnet[] {
  return subnets.map(({ id, availability_zone }) => {
    const subnet = ec2.Subnet.fromSubnetAttributes(scope, id, {
      subnetId: id,
      availabilityZone: availability_zone,
    });
    // Routes are the business of whoever owns the VPC.
    Annotations.of(subnet).acknowledgeWarning('@aws-cdk/aws-ec2:noSubnetRouteTableId');
    return subnet;
  });
}

function subnetType(access: Settings['network']['access']): ec2.SubnetType {
  return access === 'public_ip' ? ec2.SubnetType.PUBLIC : ec2.SubnetType.PRIVATE_ISOLATED;
}

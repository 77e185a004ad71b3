/** Instances with GPUs of one kind of capacity, as many as there are jobs, and none where there is none. */
import { Duration } from 'aws-cdk-lib';
import * as batch from 'aws-cdk-lib/aws-batch';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import type * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Network } from '../network';
import type { Settings } from '../settings';

export type Capacity = Settings['gpu']['capacity'][number];

export interface GpuEnvironmentProps {
  readonly capacity: Capacity;
  readonly instanceTypes: readonly string[];
  readonly maxVcpus: number;
  readonly network: Network;
  /** Null where the launch template's network interfaces have them: EC2 refuses both. That of the network unless given. */
  readonly securityGroups?: readonly ec2.ISecurityGroup[] | null;
  readonly launchTemplate: ec2.LaunchTemplate;
  readonly instanceRole: iam.IRole;
  /** Batch takes 20 to 10080; 0 for none. */
  readonly keepWarmMinutes?: number;
  readonly placementGroup?: ec2.IPlacementGroup;
}

/** The longest that Batch lets jobs end by themselves when instances are to be replaced. */
const UPDATE_TIMEOUT = Duration.hours(6);

export class GpuEnvironment extends batch.ManagedEc2EcsComputeEnvironment {
  constructor(scope: Construct, id: string, props: GpuEnvironmentProps) {
    const { capacity, instanceTypes, maxVcpus, network, launchTemplate, instanceRole, placementGroup } = props;
    const isSpot = capacity === 'spot';
    super(scope, id, {
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      securityGroups: [...(props.securityGroups ?? [network.securityGroup])],
      spot: isSpot,
      allocationStrategy: isSpot
        ? batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
        : batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
      instanceTypes: instanceTypes.map((type) => new ec2.InstanceType(type)),
      // Would add types without a GPU.
      useOptimalInstanceClasses: false,
      minvCpus: 0,
      maxvCpus: maxVcpus,
      images: [{ imageType: batch.EcsMachineImageType.ECS_AL2023_NVIDIA }],
      launchTemplate,
      instanceRole,
      placementGroup,
      // Changed in place: new instances for new jobs, the old ones as long as theirs run.
      replaceComputeEnvironment: false,
      terminateOnUpdate: false,
      updateTimeout: UPDATE_TIMEOUT,
    });
    const resource = this.node.defaultChild as batch.CfnComputeEnvironment;
    // Without a number Batch takes the template's default version, which stays the first for ever.
    resource.addPropertyOverride('ComputeResources.LaunchTemplate.Version', launchTemplate.latestVersionNumber);
    if (props.securityGroups === null) resource.addPropertyDeletionOverride('ComputeResources.SecurityGroupIds');
    if (props.keepWarmMinutes) {
      resource.addPropertyOverride('ComputeResources.ScalingPolicy.MinScaleDownDelayMinutes', props.keepWarmMinutes);
    }
  }
}

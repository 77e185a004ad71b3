/**
 * What the ECS agent and the Docker daemon of an instance may do: join a cluster, take tasks, report them. Written out in place of
 * AWS's AmazonEC2ContainerServiceforEC2Role, which also reads every image of the account and writes every log.
 */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { allow } from '../allow';

/** On the cluster that AWS Batch makes for an environment. */
const CLUSTER_ACTIONS = [
  'ecs:RegisterContainerInstance',
  'ecs:DeregisterContainerInstance',
  'ecs:SubmitAttachmentStateChanges',
  'ecs:SubmitContainerStateChange',
  'ecs:SubmitTaskStateChange',
];
/** On the instance itself. To drain it before Spot takes it is to update its state. */
const INSTANCE_ACTIONS = ['ecs:Poll', 'ecs:StartTelemetrySession', 'ecs:UpdateContainerInstancesState'];
const NAMES_OF_BATCH = 'AWS Batch names its clusters and their instances itself.';

export class InstanceRole extends iam.Role {
  constructor(scope: Construct, id: string) {
    super(scope, id, { assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com') });
    const arn = (resource: string) => Stack.of(this).formatArn({ service: 'ecs', resource, resourceName: '*' });

    // What it may do
    allow(this, CLUSTER_ACTIONS, [arn('cluster')], NAMES_OF_BATCH);
    allow(this, INSTANCE_ACTIONS, [arn('container-instance')], NAMES_OF_BATCH);
    allow(this, ['ecs:DiscoverPollEndpoint'], ['*'], 'ecs:DiscoverPollEndpoint knows no resources.');
    // An instance that registers with tags needs this besides, and nothing else may be tagged with it.
    this.addToPolicy(
      new iam.PolicyStatement({
        actions: ['ecs:TagResource'],
        resources: [arn('container-instance')],
        conditions: { StringEquals: { 'ecs:CreateAction': 'RegisterContainerInstance' } },
      }),
    );
  }
}

/**
 * The key of a team that wants its own (`encryption: customer_managed`): for buckets, queues, table, secret, topic and logs.
 *
 * It lets in who may use what it encrypts, as the keys that AWS keeps do: a principal of this account through the service, and the
 * services that act by themselves. So no role needs the key among its permissions, and disabling the key closes everything at once.
 */
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Settings } from './settings';

/** Services that ask for the key in the name of whoever called them. */
const SERVICES_OF_CALLERS = ['s3', 'sqs', 'dynamodb', 'secretsmanager', 'sns'];
/** Services that write into the topic by themselves. */
const PUBLISHERS = ['cloudwatch', 'budgets'];

export class EncryptionKey extends kms.Key {
  constructor(scope: Construct, id: string, { settings }: { readonly settings: Settings }) {
    super(scope, id, {
      description: `Everything that ${settings.stack_name} stores`,
      enableKeyRotation: true,
      removalPolicy: settings.delete_data_with_stack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    const { account, region } = Stack.of(this);
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'CallersThroughServices',
        principals: [new iam.AnyPrincipal()],
        actions: [
          'kms:Encrypt',
          'kms:Decrypt',
          'kms:ReEncrypt*',
          'kms:GenerateDataKey*',
          'kms:CreateGrant',
          'kms:DescribeKey',
        ],
        resources: ['*'],
        conditions: {
          StringEquals: {
            'kms:CallerAccount': account,
            'kms:ViaService': SERVICES_OF_CALLERS.map((service) => `${service}.${region}.amazonaws.com`),
          },
        },
      }),
    );
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Publishers',
        principals: PUBLISHERS.map((service) => new iam.ServicePrincipal(`${service}.amazonaws.com`)),
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    );
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        // Into the queues and the topic. With a condition on the source, EventBridge would deliver nothing (SNS, "Managing encryption
        // keys and costs": not supported for encrypted topics).
        sid: 'Events',
        principals: [new iam.ServicePrincipal('events.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Logs',
        principals: [new iam.ServicePrincipal(`logs.${region}.amazonaws.com`)],
        actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        resources: ['*'],
        conditions: {
          ArnLike: {
            'kms:EncryptionContext:aws:logs:arn': Stack.of(this).formatArn({
              service: 'logs',
              resource: 'log-group',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
  }
}

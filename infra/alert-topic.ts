/** Where alarms and the budget tell people. */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Settings } from './settings';

export interface AlertTopicProps {
  readonly settings: Settings;
  readonly key?: kms.IKey;
}

const PUBLISHERS = ['cloudwatch', 'budgets'];
/** EventBridge delivers nothing to a topic whose policy has a condition. */
const PUBLISHER_WITHOUT_CONDITION = 'events';

export class AlertTopic extends sns.Topic {
  constructor(scope: Construct, id: string, { settings, key }: AlertTopicProps) {
    super(scope, id, { displayName: settings.stack_name, enforceSSL: true, masterKey: key });
    for (const email of settings.operations.emails) this.addSubscription(new EmailSubscription(email));
    // A topic with a policy has no default policy any more, which would have let the account's alarms in.
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Publishers',
        principals: PUBLISHERS.map(servicePrincipal),
        actions: ['sns:Publish'],
        resources: [this.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    this.addToResourcePolicy(
      new iam.PolicyStatement({
        sid: 'Events',
        principals: [servicePrincipal(PUBLISHER_WITHOUT_CONDITION)],
        actions: ['sns:Publish'],
        resources: [this.topicArn],
      }),
    );
  }
}

function servicePrincipal(service: string): iam.ServicePrincipal {
  return new iam.ServicePrincipal(`${service}.amazonaws.com`);
}

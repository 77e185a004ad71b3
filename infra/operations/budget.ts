/**
 * Tells when the stack costs more than it should, or is about to. It counts what bears the stack's tag, once the account has made
 * that tag a cost allocation tag (docs/deploy.md). AWS updates costs a few times a day: a budget warns, it does not stop.
 */
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

export interface BudgetProps {
  readonly stackName: string;
  /** More than 0. */
  readonly monthlyUsd: number;
  readonly topic: sns.ITopic;
}

/** Of what the month has cost, and of what it is going to. */
const THRESHOLDS = [
  { notificationType: 'ACTUAL', threshold: 80 },
  { notificationType: 'ACTUAL', threshold: 100 },
  { notificationType: 'FORECASTED', threshold: 100 },
] as const;

export class Budget extends Construct {
  constructor(scope: Construct, id: string, { stackName, monthlyUsd, topic }: BudgetProps) {
    super(scope, id);
    // Without a name of its own: CloudFormation makes another one before it deletes this.
    new CfnBudget(this, 'Monthly', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:mv2id:stack$${stackName}`] },
      },
      notificationsWithSubscribers: THRESHOLDS.map((threshold) => ({
        notification: { ...threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
        subscribers: [{ subscriptionType: 'SNS', address: topic.topicArn }],
      })),
    });
  }
}

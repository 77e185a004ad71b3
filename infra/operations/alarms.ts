/** The alarms of alarm-list.ts, and the rule on what AWS Batch says without a metric. People are told of both the beginning and the end. */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Settings } from '../settings';
import { alarmList } from './alarm-list';
import type { Flow } from './flow';
import type { FlowMetrics } from './flow-metrics';
import { articleOf } from './runbook';

export interface AlarmsProps extends Flow {
  readonly settings: Settings;
  readonly metrics: FlowMetrics;
  readonly topic: sns.ITopic;
}

/** Of the rule, like the name of an alarm. */
export const QUEUE_BLOCKED = 'job-queue-blocked';

const COMPARISON = {
  at_least: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
  less_than: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
} as const;

export class Alarms extends Construct {
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: AlarmsProps) {
    super(scope, id);
    const { settings, metrics, topic, jobQueueArn } = props;
    const action = new SnsAction(topic);
    this.alarms = alarmList(props, metrics).map((spec) => {
      const alarm = new cloudwatch.Alarm(this, spec.name, {
        alarmName: `${settings.stack_name}-${spec.name}`,
        alarmDescription: `${spec.says} What to do: ${articleOf(spec.anchor, settings)}`,
        metric: spec.metric,
        threshold: spec.threshold,
        comparisonOperator: COMPARISON[spec.comparison],
        evaluationPeriods: spec.periods,
        treatMissingData: spec.missingData,
      });
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });

    const rule = new events.Rule(this, QUEUE_BLOCKED, {
      description: 'AWS Batch says that the job at the head of the queue cannot start.',
      eventPattern: {
        source: ['aws.batch'],
        detailType: ['Batch Job Queue Blocked'],
        detail: { jobQueue: [jobQueueArn] },
      },
    });
    const text = [
      `${settings.stack_name}-${QUEUE_BLOCKED}: AWS Batch cannot start ${events.EventField.fromPath('$.detail.jobName')}`,
      `and what waits behind it: ${events.EventField.fromPath('$.detail.statusReason')}`,
      `What to do: ${articleOf(QUEUE_BLOCKED, settings)}`,
    ].join(' ');
    // The topic's own policy lets events in.
    rule.addTarget({ bind: () => ({ arn: topic.topicArn, input: events.RuleTargetInput.fromText(text) }) });
  }
}

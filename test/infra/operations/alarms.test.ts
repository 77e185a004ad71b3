import type { QueueName } from '../../../contract/deployment';
import { JITTER, RETRY_GAPS_SECONDS } from '../../../lambdas/webhook-schedule';
import { type Resource, resourceOf, resourcesOf, stackTemplate } from '../stack-template';

const TEMPLATE = stackTemplate({ stack_name: 'shop' });
const ALARMS = Object.values(resourcesOf(TEMPLATE, 'AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
const [TOPIC] = resourceOf(TEMPLATE, 'AWS::SNS::Topic', 'Alerts');

test('the alarms: when they ring, and what missing data means', () => {
  const rows = ALARMS.map((alarm) => [
    alarm.AlarmName,
    measureOf(alarm),
    `${alarm.ComparisonOperator === 'LessThanThreshold' ? '<' : '>='} ${alarm.Threshold}`,
    `${minutesOf(alarm)} min`,
    alarm.TreatMissingData,
  ]);
  expect(rows).toEqual([
    ['shop-dead-letters-intake', 'ApproximateNumberOfMessagesVisible', '>= 1', '5 min', 'ignore'],
    ['shop-dead-letters-jobs', 'ApproximateNumberOfMessagesVisible', '>= 1', '5 min', 'ignore'],
    ['shop-dead-letters-batch-events', 'ApproximateNumberOfMessagesVisible', '>= 1', '5 min', 'ignore'],
    ['shop-dead-letters-webhooks', 'ApproximateNumberOfMessagesVisible', '>= 1', '5 min', 'ignore'],
    ['shop-old-messages-intake', 'ApproximateAgeOfOldestMessage', '>= 900', '5 min', 'notBreaching'],
    ['shop-old-messages-jobs', 'ApproximateAgeOfOldestMessage', '>= 1800', '5 min', 'notBreaching'],
    ['shop-old-messages-batch-events', 'ApproximateAgeOfOldestMessage', '>= 900', '5 min', 'notBreaching'],
    ['shop-old-messages-webhooks', 'ApproximateAgeOfOldestMessage', '>= 3600', '5 min', 'notBreaching'],
    ['shop-errors-validate', 'Errors', '>= 3', '15 min', 'notBreaching'],
    ['shop-errors-submit', 'Errors', '>= 3', '15 min', 'notBreaching'],
    ['shop-errors-track', 'Errors', '>= 3', '15 min', 'notBreaching'],
    ['shop-errors-notify', 'Errors', '>= 3', '15 min', 'notBreaching'],
    [
      'shop-throttled',
      'FILL(m0, 0) + FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0) + FILL(m4, 0)',
      '>= 1',
      '15 min',
      'notBreaching',
    ],
    ['shop-reconcile', 'invocations - errors', '< 1', '30 min', 'breaching'],
    ['shop-stalled', 'StalledSeconds', '>= 1800', '15 min', 'notBreaching'],
    ['shop-failed-jobs', 'JobsFailedByUs', '>= 1', '60 min', 'notBreaching'],
    ['shop-table-throttled', 'FILL(m0, 0) + FILL(m1, 0) + FILL(m2, 0)', '>= 1', '15 min', 'notBreaching'],
  ]);
});

test('each measures the queue or the function that it is named after', () => {
  const stages = { validate: 'Validate', submit: 'Submit', track: 'Track', notify: 'Notify' };
  for (const [stage, id] of Object.entries(stages)) {
    const [functionId] = resourceOf(TEMPLATE, 'AWS::Lambda::Function', `${id}Function`);
    expect(alarm(`errors-${stage}`).Dimensions).toEqual([{ Name: 'FunctionName', Value: { Ref: functionId } }]);
  }
  const queues: Record<QueueName, string> = {
    intake: 'Intake',
    jobs: 'Jobs',
    batch_events: 'BatchEvents',
    webhooks: 'Webhooks',
  };
  for (const [name, id] of Object.entries(queues)) {
    for (const [kind, logicalId] of [
      ['old-messages', `${id}Queue`],
      ['dead-letters', `${id}DeadLetters`],
    ] as const) {
      const [queueId] = resourceOf(TEMPLATE, 'AWS::SQS::Queue', logicalId);
      expect(alarm(`${kind}-${name.replace('_', '-')}`).Dimensions).toEqual([
        { Name: 'QueueName', Value: { 'Fn::GetAtt': [queueId, 'QueueName'] } },
      ]);
    }
  }
});

test('people are told of the beginning and of the end', () => {
  for (const alarm of ALARMS) {
    expect(alarm).toMatchObject({ AlarmActions: [{ Ref: TOPIC }], OKActions: [{ Ref: TOPIC }] });
  }
});

test('a receiver that is down does not make webhooks look old: SQS leaves out what was received four times', () => {
  const fourthReceipt = RETRY_GAPS_SECONDS.slice(0, 3).reduce((sum, gap) => sum + gap, 0) * (1 + JITTER);
  // A message that is due may wait for its turn besides.
  expect(alarm('old-messages-webhooks').Threshold).toBeGreaterThan(fourthReceipt + 15 * 60);
});

test('what AWS Batch says of a blocked queue goes to people, with its reason and its article', () => {
  const [, rule] = resourceOf(TEMPLATE, 'AWS::Events::Rule', 'OperationsAlarmsjobqueueblocked');
  expect(rule.Properties.EventPattern).toMatchObject({
    source: ['aws.batch'],
    'detail-type': ['Batch Job Queue Blocked'],
    detail: { jobQueue: [expect.anything()] },
  });
  expect(JSON.stringify(rule.Properties.EventPattern)).toContain(':job-queue/shop-jobs');
  const [target] = rule.Properties.Targets;
  expect(target.Arn).toEqual({ Ref: TOPIC });
  expect(target.InputTransformer.InputTemplate).toBe(
    '"shop-job-queue-blocked: AWS Batch cannot start <detail-jobName> and what waits behind it: <detail-statusReason> ' +
      'What to do: docs/runbook.md#job-queue-blocked"',
  );
});

test('the topic takes messages from what rings, over TLS alone', () => {
  const [, policy] = resourceOf(TEMPLATE, 'AWS::SNS::TopicPolicy', 'Alerts');
  const { Statement } = policy.Properties.PolicyDocument;
  const allowed = Statement.flatMap((statement: Resource['Properties']) =>
    statement.Effect === 'Allow' ? statement.Principal.Service : [],
  );
  expect(allowed.sort()).toEqual(['budgets.amazonaws.com', 'cloudwatch.amazonaws.com', 'events.amazonaws.com']);
  expect(Statement).toContainEqual(
    expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
  );
});

test('emails are subscribed', () => {
  const template = stackTemplate({ operations: { emails: ['ada@example.com', 'bob@example.com'] } });
  const subscriptions = Object.values(resourcesOf(template, 'AWS::SNS::Subscription'));
  expect(subscriptions.map(({ Properties }) => [Properties.Protocol, Properties.Endpoint])).toEqual([
    ['email', 'ada@example.com'],
    ['email', 'bob@example.com'],
  ]);
});

function alarm(name: string): Resource['Properties'] {
  return ALARMS.find((each) => each.AlarmName === `shop-${name}`);
}

/** Name of the metric, or the expression. */
function measureOf({ MetricName, Metrics = [] }: Resource['Properties']): string {
  const returned = Metrics.find((metric: Resource['Properties']) => metric.ReturnData !== false);
  return MetricName ?? returned.Expression ?? returned.MetricStat.Metric.MetricName;
}

/** Until it rings. */
function minutesOf({ Period, Metrics = [], EvaluationPeriods }: Resource['Properties']): number {
  const periods = Metrics.flatMap((metric: Resource['Properties']) => metric.MetricStat?.Period ?? []);
  return ((Period ?? Math.max(...periods)) * EvaluationPeriods) / 60;
}

/**
 * Every alarm as data: what is measured, from when on it rings, and why. Each rings for something that a person must do; what heals by
 * itself (a message that comes again, a Spot instance that goes) stands on the dashboard alone.
 *
 * An alarm costs $0.10 a month for each metric that it reads, beyond the first ten of an account (price as of November 2026).
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { QueueName } from '../../contract/deployment';
import { type Flow, kebab, QUEUE_OF_STAGE, QUEUE_STAGES } from './flow';
import type { FlowMetrics } from './flow-metrics';

export interface AlarmSpec {
  /** Unique; `<stack name>-<name>` in CloudWatch. */
  readonly name: string;
  /** Of its article in docs/runbook.md. */
  readonly anchor: string;
  /** One sentence: what is the matter when it rings. */
  readonly says: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly comparison: 'at_least' | 'less_than';
  /** So many periods of the metric in a row. */
  readonly periods: number;
  readonly missingData: cloudwatch.TreatMissingData;
}

const { BREACHING, NOT_BREACHING, IGNORE } = cloudwatch.TreatMissingData;

/** How old the oldest message of a queue may become. */
const MAX_AGE: Record<QueueName, Duration> = {
  // Validation takes seconds, and waits a minute for images that are still being uploaded.
  intake: Duration.minutes(15),
  // Batch takes 50 jobs a second: 90,000 jobs that come at once are handed over by then.
  jobs: Duration.minutes(30),
  batch_events: Duration.minutes(15),
  // SQS leaves out a message that was received more than three times, which a webhook that is not taken is after 36 minutes.
  webhooks: Duration.minutes(60),
};

/** What a single poisonous message adds up to is left to its dead-letter queue. */
const MANY_ERRORS = 3;
/** Instances start, and images are pulled, in less; capacity that is not there in Spot is looked for in On-Demand meanwhile. */
const LONG_STALL = Duration.minutes(30);

export function alarmList({ queues, functions, table }: Flow, flowMetrics: FlowMetrics): AlarmSpec[] {
  return [
    ...QUEUE_STAGES.map((stage): AlarmSpec => {
      const queue = QUEUE_OF_STAGE[stage];
      const name = `dead-letters-${kebab(queue)}`;
      return {
        name,
        anchor: name,
        says: `Messages of ${queue} were given up and wait among its dead letters.`,
        metric: queues[queue].deadLetters.metricApproximateNumberOfMessagesVisible({
          statistic: 'Maximum',
          period: Duration.minutes(5),
        }),
        threshold: 1,
        comparison: 'at_least',
        periods: 1,
        // SQS stops measuring a queue that nobody touches: the letters are still there.
        missingData: IGNORE,
      };
    }),

    ...QUEUE_STAGES.map((stage): AlarmSpec => {
      const queue = QUEUE_OF_STAGE[stage];
      const name = `old-messages-${kebab(queue)}`;
      return {
        name,
        anchor: name,
        says: `The oldest message of ${queue} has waited for ${MAX_AGE[queue].toMinutes()} minutes: ${stage} does not keep up.`,
        metric: queues[queue].queue.metricApproximateAgeOfOldestMessage({
          statistic: 'Maximum',
          period: Duration.minutes(5),
        }),
        threshold: MAX_AGE[queue].toSeconds(),
        comparison: 'at_least',
        periods: 1,
        missingData: NOT_BREACHING,
      };
    }),

    ...QUEUE_STAGES.map(
      (stage): AlarmSpec => ({
        name: `errors-${stage}`,
        anchor: 'function-errors',
        says: `${stage} crashed, ran out of time or could not start ${MANY_ERRORS} times in a quarter of an hour.`,
        metric: functions[stage].metricErrors({ period: Duration.minutes(15) }),
        threshold: MANY_ERRORS,
        comparison: 'at_least',
        periods: 1,
        missingData: NOT_BREACHING,
      }),
    ),

    {
      name: 'throttled',
      anchor: 'throttled',
      says: 'Lambda has refused to start functions for a quarter of an hour: the account lacks concurrency.',
      metric: sum(
        'throttles of all functions',
        Object.values(functions).map((stage) => stage.metricThrottles({ period: Duration.minutes(5) })),
      ),
      threshold: 1,
      comparison: 'at_least',
      periods: 3,
      missingData: NOT_BREACHING,
    },

    {
      name: 'reconcile',
      anchor: 'reconcile',
      says: 'reconcile has not succeeded for half an hour: lost events stay lost, and nothing is removed when its time is over.',
      metric: new cloudwatch.MathExpression({
        label: 'runs of reconcile that succeeded',
        expression: 'invocations - errors',
        usingMetrics: {
          invocations: functions.reconcile.metricInvocations(),
          errors: functions.reconcile.metricErrors(),
        },
        period: Duration.minutes(30),
      }),
      threshold: 1,
      comparison: 'less_than',
      periods: 1,
      // Not even called.
      missingData: BREACHING,
    },

    {
      name: 'stalled',
      anchor: 'stalled',
      says: `Jobs have waited for ${LONG_STALL.toMinutes()} minutes in AWS Batch and none runs: it finds no machine.`,
      metric: flowMetrics.open('stalled_seconds', 'oldest waiting job, while none runs'),
      threshold: LONG_STALL.toSeconds(),
      comparison: 'at_least',
      periods: 1,
      missingData: NOT_BREACHING,
    },

    {
      name: 'failed-jobs',
      anchor: 'failed-jobs',
      says: 'A job failed by no fault of its own within the last hour.',
      metric: flowMetrics.ourFailures.with({ period: Duration.hours(1) }),
      threshold: 1,
      comparison: 'at_least',
      periods: 1,
      missingData: NOT_BREACHING,
    },

    {
      name: 'table-throttled',
      anchor: 'table-throttled',
      says: 'DynamoDB has refused reads or writes of the job table for a quarter of an hour.',
      metric: sum('refused reads and writes', [
        tableThrottles(table, 'ReadThrottleEvents'),
        tableThrottles(table, 'WriteThrottleEvents'),
        // All open jobs stand under one key of it: of all indexes it is the first to be too slow.
        tableThrottles(table, 'WriteThrottleEvents', 'by_unsettled'),
      ]),
      threshold: 1,
      comparison: 'at_least',
      periods: 3,
      missingData: NOT_BREACHING,
    },
  ];
}

export function tableThrottles(
  table: Flow['table'],
  metricName: 'ReadThrottleEvents' | 'WriteThrottleEvents',
  index?: string,
): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/DynamoDB',
    metricName,
    dimensionsMap: { TableName: table.tableName, ...(index !== undefined && { GlobalSecondaryIndexName: index }) },
    statistic: 'Sum',
    period: Duration.minutes(5),
  });
}

/** A metric that is missing counts as 0: DynamoDB and Lambda write none where nothing happens. */
function sum(label: string, metrics: readonly cloudwatch.Metric[]): cloudwatch.MathExpression {
  const ids = metrics.map((_, i) => `m${i}`);
  return new cloudwatch.MathExpression({
    label,
    expression: ids.map((id) => `FILL(${id}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(metrics.map((metric, i) => [`m${i}`, metric])),
    period: Duration.minutes(5),
  });
}

/**
 * One page that reads as the flow: what jobs do, then a column a stage from left to right (its queue above, its function below), then
 * what stands beside it. At most fifty metrics, so that it is one of the dashboards that an account has for nothing.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { QueueName } from '../../contract/deployment';
import type { Settings } from '../settings';
import { tableThrottles } from './alarm-list';
import { type Flow, QUEUE_OF_STAGE, QUEUE_STAGES, type QueueStage } from './flow';
import type { FlowMetrics } from './flow-metrics';
import { articleOf } from './runbook';

export interface DashboardProps extends Flow {
  readonly settings: Settings;
  readonly metrics: FlowMetrics;
  readonly alarms: readonly cloudwatch.IAlarm[];
}

const COLUMN = 6;
const HEIGHT = 6;
const PERIOD = Duration.minutes(5);
/** Of EC2's quotas, by the first letter of an instance type. */
const QUOTA_CLASSES: Record<string, string> = { g: 'G', p: 'P' };

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, props: DashboardProps) {
    super(scope, id);
    const { settings, metrics, alarms } = props;
    const dashboard = new cloudwatch.Dashboard(this, 'Flow', {
      dashboardName: settings.stack_name,
      defaultInterval: Duration.hours(12),
    });
    dashboard.addWidgets(
      new cloudwatch.TextWidget({ width: 2 * COLUMN, height: 4, markdown: introduction(settings) }),
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', width: 2 * COLUMN, height: 4, alarms: [...alarms] }),
    );
    dashboard.addWidgets(openJobs(metrics), endedJobs(metrics), cost(metrics));
    dashboard.addWidgets(...QUEUE_STAGES.map((stage) => queue(QUEUE_OF_STAGE[stage], props)));
    dashboard.addWidgets(...QUEUE_STAGES.map((stage) => stageFunction(stage, props)));
    dashboard.addWidgets(reconcile(props), table(props), gpuQuota(settings));
  }
}

function introduction(settings: Settings): string {
  return [
    `# ${settings.stack_name}`,
    'upload → **intake** → validate → **jobs** → submit → AWS Batch → worker → **batch_events** → track → **webhooks** → notify',
    `Every alarm has an article: ${articleOf('alarms', settings)}`,
  ].join('\n\n');
}

/** Between two runs of reconcile the last one holds. */
function openJobs(metrics: FlowMetrics): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({
    title: 'Open jobs',
    width: 2 * COLUMN,
    height: HEIGHT,
    stacked: true,
    left: [
      metrics.open('queued', 'queued'),
      metrics.open('submitted', 'submitted: waits for a machine'),
      metrics.open('starting', 'starting'),
      metrics.open('processing', 'processing'),
    ],
    right: [metrics.open('stalled_seconds', 'oldest waiting job, while none runs')],
    leftYAxis: { min: 0, label: 'jobs', showUnits: false },
    rightYAxis: { min: 0, label: 'seconds', showUnits: false },
  });
}

function endedJobs(metrics: FlowMetrics): cloudwatch.GraphWidget {
  const states = ['succeeded', 'failed', 'timed_out', 'canceled'] as const;
  return graph('Jobs that ended', {
    view: cloudwatch.GraphWidgetView.BAR,
    setPeriodToTimeRange: true,
    left: states.map((status) => metrics.ended(status)),
  });
}

function cost({ costUsd, gpuSeconds }: FlowMetrics): cloudwatch.GraphWidget {
  return graph('GPU time of jobs that ended', {
    left: [gpuSeconds.with({ period: Duration.hours(1) })],
    right: [costUsd.with({ period: Duration.hours(1) })],
  });
}

function queue(name: QueueName, { queues }: Flow): cloudwatch.GraphWidget {
  const { queue: waiting, deadLetters } = queues[name];
  const options = { statistic: 'Maximum', period: PERIOD };
  return graph(`Queue ${name}`, {
    left: [
      waiting.metricApproximateNumberOfMessagesVisible({ ...options, label: 'waiting' }),
      deadLetters.metricApproximateNumberOfMessagesVisible({ ...options, label: 'dead letters' }),
    ],
    right: [waiting.metricApproximateAgeOfOldestMessage({ ...options, label: 'oldest, seconds' })],
  });
}

function stageFunction(stage: QueueStage, { functions, metrics }: DashboardProps): cloudwatch.GraphWidget {
  const options = { period: PERIOD };
  return graph(`Stage ${stage}`, {
    left: [
      metrics.messages(stage, 'MessageFailed', 'messages failed'),
      functions[stage].metricErrors({ ...options, label: 'function errors' }),
      functions[stage].metricThrottles({ ...options, label: 'throttles' }),
    ],
    right: [functions[stage].metricDuration({ ...options, statistic: 'p95', label: 'duration p95, ms' })],
  });
}

function reconcile({ functions }: Flow): cloudwatch.GraphWidget {
  const options = { period: Duration.minutes(30) };
  return graph('reconcile', {
    left: [
      functions.reconcile.metricInvocations({ ...options, label: 'runs' }),
      functions.reconcile.metricErrors({ ...options, label: 'errors' }),
    ],
    right: [functions.reconcile.metricDuration({ ...options, statistic: 'Maximum', label: 'duration, ms' })],
  });
}

function table({ table: jobs }: Flow): cloudwatch.GraphWidget {
  return graph('Job table: refused', {
    left: [
      tableThrottles(jobs, 'ReadThrottleEvents').with({ label: 'reads' }),
      tableThrottles(jobs, 'WriteThrottleEvents').with({ label: 'writes' }),
      tableThrottles(jobs, 'WriteThrottleEvents', 'by_unsettled').with({ label: 'writes, open jobs' }),
    ],
  });
}

/** As EC2 counts them against the quota; of everything in the account. */
function gpuQuota({ gpu }: Settings): cloudwatch.GraphWidget {
  const letters = [...new Set(gpu.instance_types.map((type) => type.charAt(0)))];
  const kinds = gpu.capacity.map((kind) => (kind === 'spot' ? 'Spot' : 'OnDemand'));
  return new cloudwatch.GraphWidget({
    title: 'GPU vCPUs in use, whole account',
    width: 2 * COLUMN,
    height: HEIGHT,
    leftYAxis: { min: 0, showUnits: false },
    left: letters
      .flatMap((letter) => QUOTA_CLASSES[letter] ?? [])
      .flatMap((family) => kinds.map((kind) => vcpus(`${family}/${kind}`))),
  });
}

function vcpus(quotaClass: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/Usage',
    metricName: 'ResourceCount',
    dimensionsMap: { Service: 'EC2', Type: 'Resource', Resource: 'vCPU', Class: quotaClass },
    statistic: 'Maximum',
    period: PERIOD,
    label: quotaClass,
  });
}

function graph(title: string, props: cloudwatch.GraphWidgetProps): cloudwatch.GraphWidget {
  const axis = { min: 0, showUnits: false };
  return new cloudwatch.GraphWidget({
    title,
    width: COLUMN,
    height: HEIGHT,
    leftYAxis: axis,
    rightYAxis: axis,
    ...props,
  });
}

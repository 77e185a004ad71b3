/**
 * What the flow tells about itself, beside what AWS measures: messages by how they were done with (the stages count them), and what
 * jobs come to and wait for (read from lines of the logs of `track` and `reconcile`). A quiet service writes no such line, and
 * CloudWatch takes money only for metrics that are written.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { JobState } from '../../contract/job';
import {
  type EndedJob,
  JOB_ENDED_LINE,
  type MessageMetric,
  metricsNamespace,
  OPEN_JOBS_LINE,
  type OpenJobs,
} from '../../contract/metrics';
import type { Flow, QueueStage } from './flow';

export interface FlowMetricsProps {
  readonly stackName: string;
  readonly functions: Flow['functions'];
}

const PERIOD = Duration.minutes(5);
/** Of the schedule of `reconcile`, with room for a late one. */
const RECONCILE_PERIOD = Duration.minutes(15);

const JOBS_ENDED = 'JobsEnded';
const OPEN_JOBS_METRICS = {
  queued: 'JobsQueued',
  submitted: 'JobsWaitingForMachine',
  starting: 'JobsStarting',
  processing: 'JobsProcessing',
  stalled_seconds: 'StalledSeconds',
} as const satisfies Record<keyof OpenJobs, string>;

export class FlowMetrics extends Construct {
  /** Jobs that failed by no fault of their own. */
  readonly ourFailures: cloudwatch.Metric;
  readonly costUsd: cloudwatch.Metric;
  readonly gpuSeconds: cloudwatch.Metric;
  private readonly namespace: string;

  constructor(scope: Construct, id: string, { stackName, functions }: FlowMetricsProps) {
    super(scope, id);
    this.namespace = metricsNamespace(stackName);
    const { track, reconcile } = functions;

    const ended = logs.FilterPattern.stringValue('$.message', '=', JOB_ENDED_LINE);
    this.count(JOBS_ENDED, { from: track, pattern: ended, dimensions: { status: about<EndedJob>('status') } });
    this.count('JobsFailedByUs', {
      from: track,
      pattern: logs.FilterPattern.all(ended, logs.FilterPattern.booleanValue(about<EndedJob>('is_our_fault'), true)),
    });
    this.count('JobCostUsd', { from: track, pattern: ended, value: about<EndedJob>('estimated_cost_usd') });
    this.count('GpuSeconds', { from: track, pattern: ended, value: about<EndedJob>('predict_seconds') });

    const open = logs.FilterPattern.stringValue('$.message', '=', OPEN_JOBS_LINE);
    for (const [field, name] of Object.entries(OPEN_JOBS_METRICS)) {
      this.count(name, { from: reconcile, pattern: open, value: about<OpenJobs>(field as keyof OpenJobs) });
    }

    this.ourFailures = this.metric('JobsFailedByUs', { label: 'failed by our fault' });
    this.costUsd = this.metric('JobCostUsd', { label: 'estimated cost, USD' });
    this.gpuSeconds = this.metric('GpuSeconds', { label: 'GPU seconds' });
  }

  ended(status: JobState): cloudwatch.Metric {
    return this.metric(JOBS_ENDED, { dimensionsMap: { status }, label: status });
  }

  /** As of the last run of `reconcile`. */
  open(field: keyof OpenJobs, label: string): cloudwatch.Metric {
    return this.metric(OPEN_JOBS_METRICS[field], { statistic: 'Maximum', period: RECONCILE_PERIOD, label });
  }

  messages(stage: QueueStage, metric: MessageMetric, label: string): cloudwatch.Metric {
    return this.metric(metric, { dimensionsMap: { service: stage }, label });
  }

  private metric(metricName: string, options: cloudwatch.MetricOptions): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: this.namespace,
      metricName,
      statistic: 'Sum',
      period: PERIOD,
      ...options,
    });
  }

  private count(name: string, { from, pattern, value = '1', dimensions }: Count): void {
    new logs.MetricFilter(this, name, {
      logGroup: from.logGroup,
      metricNamespace: this.namespace,
      metricName: name,
      filterPattern: pattern,
      metricValue: value,
      ...(dimensions && { dimensions }),
    });
  }
}

interface Count {
  readonly from: lambda.Function;
  readonly pattern: logs.IFilterPattern;
  /** A number, or where it stands in the line. */
  readonly value?: string;
  readonly dimensions?: Record<string, string>;
}

/** Where a field stands in a line that Powertools writes. */
function about<Line>(field: keyof Line & string): string {
  return `$.about.${field}`;
}

import type { Template } from 'aws-cdk-lib/assertions';
import { type Resource, resourceOf, resourcesOf, stackTemplate } from '../stack-template';

type Widget = Resource['Properties'];

/** As AWS documents them. */
const OF_AWS: Record<string, { metrics: string[]; dimensions: string }> = {
  'AWS/SQS': {
    metrics: ['ApproximateNumberOfMessagesVisible', 'ApproximateAgeOfOldestMessage'],
    dimensions: 'QueueName',
  },
  'AWS/Lambda': { metrics: ['Errors', 'Throttles', 'Duration', 'Invocations'], dimensions: 'FunctionName' },
  'AWS/DynamoDB': { metrics: ['ReadThrottleEvents', 'WriteThrottleEvents'], dimensions: 'TableName' },
  'AWS/Usage': { metrics: ['ResourceCount'], dimensions: 'Class, Resource, Service, Type' },
};
/** An account has dashboards of up to so many metrics for nothing. */
const FREE_METRICS = 50;

const TEMPLATE = stackTemplate();
const BODY = bodyOf(TEMPLATE);

test('reads as the flow: jobs, then a column a stage, then what stands beside it', () => {
  const rows = new Map<number, string[]>();
  for (const { y, type, properties } of BODY.widgets) {
    rows.set(y, [...(rows.get(y) ?? []), type === 'text' ? 'text' : properties.title]);
  }
  expect([...rows.values()]).toEqual([
    ['text', 'Alarms'],
    ['Open jobs', 'Jobs that ended', 'GPU time of jobs that ended'],
    ['Queue intake', 'Queue jobs', 'Queue batch_events', 'Queue webhooks'],
    ['Stage validate', 'Stage submit', 'Stage track', 'Stage notify'],
    ['reconcile', 'Job table: refused', 'GPU vCPUs in use, whole account'],
  ]);
});

test('every metric is one of AWS, or one that the stages or their filters write', () => {
  const filters = Object.values(resourcesOf(TEMPLATE, 'AWS::Logs::MetricFilter'));
  const own = new Set(filters.map(({ Properties }) => Properties.MetricTransformations[0].MetricName));
  own.add('MessageFailed');
  for (const [namespace, name, ...rest] of metricsOf(BODY)) {
    const dimensions = rest.filter((_, i) => i % 2 === 0 && i + 1 < rest.length).sort();
    if (namespace === 'mv2id/mv2id') {
      expect(own).toContain(name);
    } else {
      const known = OF_AWS[String(namespace)];
      expect(known?.metrics).toContain(name);
      const index = dimensions.filter((dimension) => dimension !== 'GlobalSecondaryIndexName');
      expect(index.join(', ')).toBe(known?.dimensions);
    }
  }
});

test('few enough metrics to cost nothing', () => {
  const metrics = metricsOf(BODY).length;
  expect(metrics).toBeGreaterThan(40);
  expect(metrics).toBeLessThanOrEqual(FREE_METRICS);
});

test('lists every alarm', () => {
  const { properties } = BODY.widgets.find(({ type }) => type === 'alarm')!;
  expect(properties.alarms).toHaveLength(Object.keys(resourcesOf(TEMPLATE, 'AWS::CloudWatch::Alarm')).length);
});

test('GPU quotas are those of the instance types and kinds of capacity', () => {
  const body = bodyOf(
    stackTemplate({ gpu: { instance_types: ['p5.4xlarge', 'g6e.xlarge'], capacity: ['on_demand'] } }),
  );
  const classes = metricsOf(body).flatMap((metric) => (metric[0] === 'AWS/Usage' ? [metric[3]] : []));
  expect(classes).toEqual(['P/OnDemand', 'G/OnDemand']);
});

test('none when it is not wanted', () => {
  const template = stackTemplate({ operations: { dashboard: false } });
  expect(resourcesOf(template, 'AWS::CloudWatch::Dashboard')).toEqual({});
});

/** What stands for names that AWS makes becomes a word. */
function bodyOf(template: Template): { widgets: Widget[] } {
  const [, { Properties }] = resourceOf(template, 'AWS::CloudWatch::Dashboard', 'OperationsDashboard');
  const [separator, parts] = Properties.DashboardBody['Fn::Join'];
  return JSON.parse(parts.map((part: unknown) => (typeof part === 'string' ? part : 'token')).join(separator));
}

/** Without their options. */
function metricsOf({ widgets }: { widgets: Widget[] }): unknown[][] {
  const rows: unknown[][] = widgets.flatMap(({ properties }) => properties.metrics ?? []);
  return rows.map((row) => row.filter((cell) => typeof cell === 'string'));
}

/** What a stack costs in a month in which nobody uses it, item by item, read from its template. */
import { AWS_PRICES, HOURS_A_MONTH } from './aws-prices';
import { table } from './clips';

export interface IdleItem {
  readonly name: string;
  readonly usd: number;
  /** Setting of infra/settings.ts that turns it off, or what the item is for. */
  readonly off: string;
}

/** Of a CloudFormation template. */
export type Resources = Readonly<Record<string, { readonly Type: string; readonly Properties?: unknown }>>;

interface Alarm {
  readonly Metrics?: readonly { readonly MetricStat?: unknown }[];
}
interface Endpoint {
  readonly VpcEndpointType?: string;
  readonly SubnetIds?: readonly unknown[];
}

/** Lambda keeps as many pollers at a queue that is empty, and each asks every 20 seconds. */
const POLLERS = 5;
const POLLS_A_MONTH = (HOURS_A_MONTH * 3600) / 20;
/** An image with the CUDA libraries, compressed. */
const IMAGE_GB = 4;
const RECONCILE_CALLS = (HOURS_A_MONTH * 60) / 10;
const RECONCILE_SECONDS = 2;

export function idleItems(resources: Resources): IdleItem[] {
  const all = Object.values(resources);
  const of = (type: string) => all.filter(({ Type }) => Type === type);
  const alarmMetrics = of('AWS::CloudWatch::Alarm').reduce(
    (sum, { Properties }) => sum + metricsOf(Properties as Alarm),
    0,
  );
  const zones = of('AWS::EC2::VPCEndpoint').reduce((sum, { Properties }) => sum + zonesOf(Properties as Endpoint), 0);
  const polls = of('AWS::Lambda::EventSourceMapping').length * POLLERS * POLLS_A_MONTH;
  const items: IdleItem[] = [
    {
      name: `${alarmMetrics} metrics of ${of('AWS::CloudWatch::Alarm').length} alarms, ${AWS_PRICES.freeAlarmMetrics} of them free`,
      usd: Math.max(0, alarmMetrics - AWS_PRICES.freeAlarmMetrics) * AWS_PRICES.alarmMetric,
      off: 'not by a setting: they are how anybody hears of trouble',
    },
    {
      name: `${of('AWS::CloudWatch::Dashboard').length} dashboard, free among the first three of an account`,
      usd: of('AWS::CloudWatch::Dashboard').length * AWS_PRICES.dashboard,
      off: '`operations.dashboard: false`',
    },
    {
      name: `${(polls / 1e6).toFixed(1)} million requests by which Lambda looks into empty queues, one million of them free`,
      usd: (Math.max(0, polls - AWS_PRICES.sqsFreeRequests) * AWS_PRICES.sqsRequests) / 1e6,
      off: 'not at all while the stack stands',
    },
    {
      name: `${of('AWS::SecretsManager::Secret').length} secret (webhook signing)`,
      usd: of('AWS::SecretsManager::Secret').length * AWS_PRICES.secret,
      off: 'not by a setting',
    },
    {
      name: `the worker's image in ECR, ${IMAGE_GB} GB`,
      usd: IMAGE_GB * AWS_PRICES.imageGb,
      off: '`gpu.image`, kept elsewhere',
    },
    {
      name: 'reconcile, every ten minutes',
      usd: RECONCILE_CALLS * (RECONCILE_SECONDS * AWS_PRICES.lambdaGbSecond + AWS_PRICES.lambdaCalls / 1e6),
      off: "not by a setting; Lambda's free tier covers it",
    },
    {
      name: `${of('AWS::KMS::Key').length} key of one's own`,
      usd: of('AWS::KMS::Key').length * AWS_PRICES.kmsKey,
      off: '`encryption: "aws_managed"`, the default',
    },
    {
      name: `interface endpoints, ${zones} times a zone`,
      usd: zones * AWS_PRICES.endpointHour * HOURS_A_MONTH,
      off: '`network.access: "public_ip"`, the default',
    },
  ];
  return items.filter(({ usd }) => usd > 0);
}

export function idleTable(items: readonly IdleItem[]): string {
  const rows = items.map(({ name, usd, off }) => [name, `$${usd.toFixed(2)}`, off]);
  const sum = items.reduce((total, { usd }) => total + usd, 0);
  return table(['In a month', 'Costs', 'Turned off by'], [...rows, ['**together**', `**$${sum.toFixed(2)}**`, '']]);
}

/** An alarm that computes reads several. */
function metricsOf({ Metrics }: Alarm): number {
  return Metrics ? Metrics.filter(({ MetricStat }) => MetricStat !== undefined).length : 1;
}

/** Gateway endpoints cost nothing. */
function zonesOf({ VpcEndpointType, SubnetIds }: Endpoint): number {
  return VpcEndpointType === 'Interface' ? (SubnetIds?.length ?? 0) : 0;
}

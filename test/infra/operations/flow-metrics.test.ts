/** What the metric filters look for is what the stages log. */
import { type EndedJob, JOB_ENDED_LINE, OPEN_JOBS_LINE, type OpenJobs } from '../../../contract/metrics';
import { PowertoolsLog } from '../../../lambdas/powertools-log';
import { type Resource, resourcesOf, stackTemplate } from '../stack-template';

const TEMPLATE = stackTemplate({ stack_name: 'shop' });
const FILTERS = Object.values(resourcesOf(TEMPLATE, 'AWS::Logs::MetricFilter')).map(({ Properties }) => Properties);
const ENDED: EndedJob = {
  job_id: 'job-1',
  status: 'failed',
  code: 'internal_error',
  is_our_fault: true,
  predict_seconds: 31.5,
  estimated_cost_usd: 0.02,
};
const OPEN: OpenJobs = { queued: 3, submitted: 2, starting: 1, processing: 4, stalled_seconds: 0 };

test('a job that ended by our fault', () => {
  expect(measured('track', JOB_ENDED_LINE, { ...ENDED })).toEqual({
    JobsEnded: '1 {"status":"failed"}',
    JobsFailedByUs: '1',
    JobCostUsd: '0.02',
    GpuSeconds: '31.5',
  });
});

test('a job that succeeded', () => {
  const ended: EndedJob = { ...ENDED, status: 'succeeded', code: null, is_our_fault: false };
  expect(measured('track', JOB_ENDED_LINE, { ...ended })).toEqual({
    JobsEnded: '1 {"status":"succeeded"}',
    JobCostUsd: '0.02',
    GpuSeconds: '31.5',
  });
});

test('open jobs', () => {
  expect(measured('reconcile', OPEN_JOBS_LINE, { ...OPEN })).toEqual({
    JobsQueued: '3',
    JobsWaitingForMachine: '2',
    JobsStarting: '1',
    JobsProcessing: '4',
    StalledSeconds: '0',
  });
});

test('other lines are not counted', () => {
  expect(measured('track', 'Batch job seen.', { ...ENDED })).toEqual({});
});

test('the namespace is that of the stack, and of the stages', () => {
  expect(new Set(FILTERS.map(({ MetricTransformations: [metric] }) => metric.MetricNamespace))).toEqual(
    new Set(['mv2id/shop']),
  );
  const functions = resourcesOf(TEMPLATE, 'AWS::Lambda::Function');
  const stages = Object.entries(functions).filter(([id]) => /^(Validate|Submit|Track|Notify|Reconcile)F/.test(id));
  expect(stages).toHaveLength(5);
  for (const [, { Properties }] of stages) {
    expect(Properties.Environment.Variables).toMatchObject({ POWERTOOLS_METRICS_NAMESPACE: 'mv2id/shop' });
  }
});

/** Name of each metric -> value and dimensions that the filters of a stage's log read from a line. */
function measured(stage: 'track' | 'reconcile', message: string, about: Record<string, unknown>) {
  const line = logged(stage, message, about);
  const ofStage = FILTERS.filter(({ LogGroupName }) => LogGroupName.Ref.toLowerCase().startsWith(stage));
  expect(ofStage.length).toBeGreaterThan(0);
  return Object.fromEntries(
    ofStage
      .filter(({ FilterPattern }) => matches(FilterPattern, line))
      .map(({ MetricTransformations: [{ MetricName, MetricValue, Dimensions = [] }] }) => {
        const value = MetricValue.startsWith('$.') ? valueAt(line, MetricValue) : MetricValue;
        const dimensions = Dimensions.map(({ Key, Value }: Resource['Properties']) => [Key, valueAt(line, Value)]);
        const text = dimensions.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(dimensions))}`;
        return [MetricName, `${value}${text}`];
      }),
  );
}

/** What Lambda would put into the log. */
function logged(stage: string, message: string, about: Record<string, unknown>): unknown {
  const lines: string[] = [];
  const print = jest.spyOn(console, 'info').mockImplementation((line) => void lines.push(String(line)));
  const before = { ...process.env };
  // Powertools prints through a console of its own unless it is told that it is being developed with.
  Object.assign(process.env, { POWERTOOLS_DEV: 'true' });
  try {
    new PowertoolsLog(stage).info(message, about);
  } finally {
    print.mockRestore();
    process.env = before;
  }
  return JSON.parse(lines.join(''));
}

/** The part of CloudWatch's filter language that is used: conditions joined by &&. */
function matches(pattern: string, line: unknown): boolean {
  const conditions = pattern.replace(/^\{ | \}$/g, '').split(' && ');
  return conditions.every((condition) => {
    const bare = condition.replace(/^\(|\)$/g, '');
    const [, path, text] = /^(\$\.\S+) = "(.*)"$/.exec(bare) ?? [];
    if (path !== undefined) return valueAt(line, path) === text;
    const [, flag] = /^(\$\.\S+) IS TRUE$/.exec(bare) ?? [];
    if (flag === undefined) throw new Error(`A condition must be one that this test can read, got ${bare}.`);
    return valueAt(line, flag) === true;
  });
}

function valueAt(line: unknown, path: string): unknown {
  const keys = path.replace('$.', '').split('.');
  return keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], line);
}

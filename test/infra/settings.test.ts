/** Any settings that are legal make a template; any that are not name what is wrong. */
import fc from 'fast-check';
import { parseSettings, type Settings } from '../../infra/settings';
import { stackTemplate } from './stack-template';

const IMAGE = `registry.example/worker@sha256:${'a'.repeat(64)}`;
const Types = fc.uniqueArray(fc.constantFrom('g5.2xlarge', 'g6e.xlarge', 'g6e.2xlarge', 'g6e.12xlarge', 'p5.4xlarge'), {
  minLength: 1,
});
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(shape: T) => fc.record(shape, { requiredKeys: [] });

const Legal = optional({
  stack_name: fc.stringMatching(/^[a-z][a-z0-9-]{0,27}$/),
  network: fc.oneof(
    optional({ access: fc.constantFrom('public_ip', 'endpoints'), max_azs: fc.integer({ min: 1, max: 6 }) }),
    fc.constant({
      vpc: { id: 'vpc-0123abcd', subnets: [{ id: 'subnet-0123abcd', availability_zone: 'eu-central-1a' }] },
    }),
  ),
  gpu: fc
    .tuple(
      Types,
      fc.constantFrom(['spot'], ['on_demand'], ['spot', 'on_demand'], ['on_demand', 'spot']),
      fc.integer({ min: 1, max: 1000 }),
      fc.oneof(fc.constant(0), fc.integer({ min: 20, max: 10_080 })),
      fc.integer({ min: 10, max: 1440 }),
      fc.integer({ min: 100, max: 16_000 }),
    )
    .map(([instance_types, capacity, max_gpus, keep_warm_minutes, stuck_minutes, disk_gib]) => ({
      ...{ instance_types, capacity, max_gpus, keep_warm_minutes, stuck_minutes, disk_gib },
      image: IMAGE,
    })),
  lambda: optional({
    architecture: fc.constantFrom('arm64', 'x86_64'),
    concurrency: optional({
      validate: fc.integer({ min: 2, max: 1000 }),
      submit: fc.integer({ min: 2, max: 1000 }),
      track: fc.integer({ min: 2, max: 1000 }),
      notify: fc.integer({ min: 2, max: 1000 }),
    }),
  }),
  encryption: fc.constantFrom('aws_managed', 'customer_managed'),
  retention: optional({
    uploads_days: fc.integer({ min: 1, max: 3650 }),
    results_days: fc.integer({ min: 1, max: 365 }),
    old_versions_days: fc.integer({ min: 1, max: 365 }),
    logs_days: fc.constantFrom(1, 30, 3653),
  }),
  operations: optional({
    emails: fc.array(fc.constantFrom('a@example.com', 'b@example.com'), { maxLength: 1 }),
    monthly_budget_usd: fc.integer({ min: 0, max: 10_000 }),
    runbook_url: fc.constant('https://example.com/runbook'),
    dashboard: fc.boolean(),
  }),
  training: optional({
    enabled: fc.boolean(),
    max_nodes: fc.integer({ min: 1, max: 64 }),
    efa: fc.boolean(),
  }),
  delete_data_with_stack: fc.boolean(),
});

test('whatever is legal makes a template', () => {
  fc.assert(
    fc.property(Legal, (value) => {
      const template = stackTemplate(value as Record<string, unknown>);
      expect(Object.keys(template.toJSON().Resources).length).toBeGreaterThan(40);
    }),
    { numRuns: 25 },
  );
});

test('settings that are left out get defaults that cost nothing while nothing runs', () => {
  const settings = parseSettings({});
  expect(settings).toMatchObject({
    network: { access: 'public_ip' },
    gpu: { keep_warm_minutes: 0 },
    encryption: 'aws_managed',
    training: { enabled: false },
  } satisfies { [K in keyof Settings]?: Partial<Settings[K]> | Settings[K] });
});

describe('whatever is not legal is named', () => {
  test.each<[object, string]>([
    [
      { stack_name: 'Mv2ID' },
      'stack_name must be at most 28 lower-case letters, digits and "-", starting with a letter',
    ],
    [{ gpu: { max_gpus: 0 } }, 'gpu.max_gpus must be a whole number from 1 to 1000, got 0.'],
    [
      { gpu: { instance_types: [] } },
      'gpu.instance_types must be a list of 1 to 20 different EC2 instance types, got [].',
    ],
    [{ gpu: { instance_types: ['large'] } }, 'gpu.instance_types[0] must be an EC2 instance type'],
    [{ gpu: { capacity: ['spot', 'spot'] } }, 'gpu.capacity must be a list of "spot", "on_demand" or both'],
    [{ gpu: { image: 'worker:latest' } }, 'gpu.image must be an image by its digest'],
    [{ network: { vpc: { id: 'mine', subnets: [] } } }, 'network.vpc.id must be a vpc id'],
    [{ retention: { logs_days: 31 } }, 'retention.logs_days must be one of'],
    [{ operations: { emails: ['ada'] } }, 'operations.emails[0] must be'],
    [{ operations: { runbook_url: 'http://x' } }, 'operations.runbook_url must be an https address'],
    [
      { lambda: { concurrency: { submit: 1 } } },
      'lambda.concurrency.submit must be a whole number from 2 to 1000, got 1.',
    ],
    [{ colour: 'red' }, 'colour must be absent'],
  ])('%j', (value, message) => {
    expect(() => parseSettings(value)).toThrow(message);
  });

  test('any number field, put out of its range', () => {
    const fields = numberFields(parseSettings({}));
    expect(fields.length).toBeGreaterThan(15);
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.constantFrom(-1, 1.5, 1e9, Number.NaN, '4'), (field, wrong) => {
        const keys = field.split('.');
        const value = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), wrong);
        // A budget may have cents.
        if (field === 'operations.monthly_budget_usd' && wrong === 1.5) return;
        expect(() => parseSettings(value)).toThrow(`${field} must be`);
      }),
      { numRuns: 200 },
    );
  });
});

function numberFields(value: object, path: readonly string[] = []): string[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    if (typeof inner === 'number') return [[...path, key].join('.')];
    return inner && typeof inner === 'object' && !Array.isArray(inner) ? numberFields(inner, [...path, key]) : [];
  });
}

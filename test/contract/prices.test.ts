import { bundledPrices, gpuHourUsd, priceTableErrors } from '../../contract/prices';
import bundled from '../../contract/prices.json';

const TABLE = {
  schema_version: 1,
  as_of: '2026-09-25',
  is_checked: true,
  source: 'a test',
  gpus: { 'g6e.xlarge': 1, 'p5.48xlarge': 8, 'g5.xlarge': 1 },
  regions: {
    'eu-central-1': {
      spot_share: 0.5,
      on_demand: { 'g6e.xlarge': 2, 'p5.48xlarge': 56 },
      spot: { 'p5.48xlarge': 24 },
    },
  },
} as const;

function messages(value: unknown): string[] {
  return priceTableErrors(value, 'prices.json').map(({ message }) => message);
}

test('the bundled table is legal, dated, and prices every instance type that it lists', () => {
  expect(messages(bundled)).toEqual([]);
  for (const region of Object.keys(bundled.regions)) {
    for (const instanceType of Object.keys(bundled.gpus)) {
      const onDemand = gpuHourUsd(bundledPrices(), { region, instanceType, capacity: 'on_demand' });
      const spot = gpuHourUsd(bundledPrices(), { region, instanceType, capacity: 'spot' });
      expect(onDemand).toBeGreaterThan(0.5);
      expect(spot).toBeLessThan(onDemand!);
    }
  }
});

test('a job pays for its GPU: one of eight costs an eighth', () => {
  const price = (instanceType: string, capacity: 'spot' | 'on_demand', region: string | null = 'eu-central-1') =>
    gpuHourUsd(TABLE as never, { region, instanceType, capacity });
  expect(price('g6e.xlarge', 'on_demand')).toBe(2);
  expect(price('p5.48xlarge', 'on_demand')).toBe(7);
  expect(price('p5.48xlarge', 'spot')).toBe(3);
  expect(price('g6e.xlarge', 'spot')).toBe(1);
  // What is not in the table has no price, neither zero nor another region's.
  expect(price('g5.xlarge', 'on_demand')).toBeNull();
  expect(price('g6e.4xlarge', 'spot')).toBeNull();
  expect(price('g6e.xlarge', 'on_demand', 'us-east-1')).toBeNull();
  expect(price('g6e.xlarge', 'on_demand', null)).toBeNull();
});

test.each([
  [
    'a price of zero',
    { on_demand: { 'g6e.xlarge': 0 } },
    'regions.eu-central-1.on_demand["g6e.xlarge"] must be US dollars an hour, more than 0 and at most 10000, got 0.',
  ],
  [
    'a price as text',
    { spot: { 'g6e.xlarge': '1.2' } },
    'regions.eu-central-1.spot["g6e.xlarge"] must be US dollars an hour, more than 0 and at most 10000, got "1.2".',
  ],
  [
    'no share',
    { spot_share: undefined },
    'regions.eu-central-1.spot_share must be a number above 0 and up to 1, got nothing.',
  ],
  [
    'a misspelt type',
    { on_demand: { g6e: 1 } },
    'regions.eu-central-1.on_demand.g6e must be an EC2 instance type, such as g6e.2xlarge, got "g6e".',
  ],
  [
    'a type without GPUs',
    { on_demand: { 'g7.xlarge': 1 } },
    'gpus["g7.xlarge"] must be a whole number from 1 to 16, got nothing.',
  ],
  [
    'a word too many',
    { reserved: {} },
    'regions.eu-central-1.reserved must be absent (regions.eu-central-1 takes spot_share, on_demand, spot), got {}.',
  ],
])('%s is named', (_what, change, message) => {
  const regions = { 'eu-central-1': { ...TABLE.regions['eu-central-1'], ...change } };
  expect(messages({ ...TABLE, regions })).toEqual([message]);
});

test('a region that is none and a date that is none are named', () => {
  const regions = { Frankfurt: TABLE.regions['eu-central-1'] };
  expect(messages({ ...TABLE, as_of: 'today', regions })).toEqual([
    'as_of must be the day that the prices are of (2026-09-25), got "today".',
    'regions.Frankfurt must be a region of AWS, such as us-east-1, got "Frankfurt".',
  ]);
});

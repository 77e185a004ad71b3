/** docs/cost.md says what follows from the table of prices, the published speeds and the stack's own template. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { costTables } from '../../bench/cost';
import { clipCost, PUBLISHED_SPEEDS, referenceFactor } from '../../bench/cost/clips';
import { idleItems } from '../../bench/cost/idle';
import { bundledPrices } from '../../contract/prices';

process.env.CDK_VALIDATION = 'false';

const DOCUMENT = readFileSync(path.resolve(__dirname, '../../docs/cost.md'), 'utf8');

test.each(Object.entries(costTables()))('%s', (_name, text) => {
  expect(DOCUMENT).toContain(text);
});

test('three runs a step and three references, worked out by hand for the small model', () => {
  const small = PUBLISHED_SPEEDS[0]!;
  // A token of 32,760: 30 layers of 6 * 1536^2 + 2 * 1536 * 8960 multiplications, and 2 * 32,760 * 1536 * 30 for attention.
  const linear = 30 * (6 * 1536 ** 2 + 2 * 1536 * 8960);
  const attention = 2 * 32_760 * 1536 * 30;
  const tokens = 37_440 / 32_760;
  const factor = (linear * tokens + attention * tokens ** 2) / (linear + attention);
  expect(referenceFactor(small.model)).toBeCloseTo(factor, 12);
  const { clipSeconds, jobSeconds, onDemandUsd, spotUsd } = clipCost(small);
  expect(clipSeconds).toBeCloseTo(261.4 * 1.5 * factor, 6);
  const { on_demand, spot_share } = bundledPrices().regions['us-east-1']!;
  expect(onDemandUsd).toBeCloseTo((jobSeconds / 3600) * on_demand['g6e.xlarge']!, 12);
  expect(spotUsd / onDemandUsd).toBeCloseTo(spot_share, 12);
});

test('a stack without anything that costs costs nothing; what costs is counted', () => {
  expect(idleItems({ bucket: { Type: 'AWS::S3::Bucket' } }).map(({ name }) => name)).toEqual([
    "the worker's image in ECR, 4 GB",
    'reconcile, every ten minutes',
  ]);
  const endpoint = (VpcEndpointType: string) => ({
    Type: 'AWS::EC2::VPCEndpoint',
    Properties: { VpcEndpointType, SubnetIds: ['a', 'b'] },
  });
  const [, , endpoints] = idleItems({ s3: endpoint('Gateway'), ecr: endpoint('Interface') });
  expect(endpoints).toMatchObject({ name: 'interface endpoints, 2 times a zone', usd: 2 * 0.01 * 730 });
});

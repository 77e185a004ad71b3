import { parseDeployment } from '../../contract/deployment';
import * as env from '../../contract/env';
import { STAGE_NAMES } from '../../infra/stage-function';
import { resolved } from './resolved';
import { resourceOf, resourcesOf, stackTemplate } from './stack-template';

const template = stackTemplate();

describe.each(STAGE_NAMES)('%s', (stage) => {
  const prefix = `${stage.charAt(0).toUpperCase()}${stage.slice(1)}Function`;
  const [, { Properties, DependsOn }] = functionOf(prefix);

  test('runs on Node 24 for arm64, or x86_64 where the settings say so', () => {
    expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' });
    const other = stackTemplate({ lambda: { architecture: 'x86_64' } });
    expect(functionOf(prefix, other)[1].Properties.Architectures).toEqual(['x86_64']);
  });

  test('has a role of its own, whose permissions stand before it', () => {
    const [roleId] = resourceOf(template, 'AWS::IAM::Role', `${prefix}Role`);
    expect(Properties.Role).toEqual({ 'Fn::GetAtt': [roleId, 'Arn'] });
    expect(DependsOn).toEqual(expect.arrayContaining([roleId, expect.stringMatching(/DefaultPolicy/)]));
  });

  test('logs into a group that ends', () => {
    const [id, { Properties: logs }] = resourceOf(template, 'AWS::Logs::LogGroup', `${prefix}Logs`);
    expect(Properties.LoggingConfig).toEqual({ LogGroup: { Ref: id } });
    expect(logs.RetentionInDays).toBe(30);
  });

  test('is outside of every network of ours, so that what it sends reaches the internet and nothing of ours', () => {
    expect(Properties.VpcConfig).toBeUndefined();
  });

  test('is told a deployment that it can read', () => {
    const text = resolved(Properties.Environment.Variables[env.DEPLOYMENT]);
    expect(parseDeployment(JSON.parse(text), env.DEPLOYMENT)).toMatchObject({
      type: 'aws',
      batch: { job_queue: 'mv2id-jobs', job_definition: 'mv2id-worker' },
      results_retention_days: 90,
    });
    expect(Properties.Environment.Variables[env.METRICS_NAMESPACE]).toBe('mv2id/mv2id');
  });

  test("leaves Lambda's guard against loops on: no stage sends into its own queue", () => {
    expect(Properties.RecursiveLoop).toBeUndefined();
  });
});

test('an environment fits into the 4 KB that Lambda takes, with the longest names', () => {
  const long = stackTemplate({ stack_name: 'm'.repeat(28) });
  for (const { Properties } of Object.values(resourcesOf(long, 'AWS::Lambda::Function'))) {
    const variables: Record<string, unknown> = Properties.Environment.Variables;
    const bytes = Object.entries(variables).map(([name, value]) => Buffer.byteLength(`${name}${resolved(value)}`));
    expect(bytes.reduce((sum, size) => sum + size)).toBeLessThan(4096);
  }
});

test('only validate has layers: native packages for its platform, and the face models, where it is told that they are', () => {
  const layers = Object.entries(resourcesOf(template, 'AWS::Lambda::Function')).map(
    ([id, { Properties }]) => [id, (Properties.Layers ?? []) as { Ref: string }[]] as const,
  );
  expect(layers.filter(([, { length }]) => length > 0)).toEqual([
    [expect.stringMatching(/^Validate/), expect.anything()],
  ]);
  const [id, own] = layers.find(([, { length }]) => length > 0)!;
  const { Properties } = resourcesOf(template)[id]!;
  const architectures = own.map(({ Ref }) => {
    const layer = resourcesOf(template)[Ref]!.Properties;
    return [layer.Description, layer.CompatibleArchitectures];
  });
  expect(Object.fromEntries(architectures)).toEqual({
    'onnxruntime-node and sharp for linux arm64': Properties.Architectures,
    'Face models in ONNX': undefined,
  });
  expect(Properties.Environment.Variables[env.FACE_MODELS]).toBe('/opt/faces');
});

function functionOf(prefix: string, from = template) {
  return resourceOf(from, 'AWS::Lambda::Function', prefix);
}

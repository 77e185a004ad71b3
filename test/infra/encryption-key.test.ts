import { resourceOf, resourcesOf, stackTemplate } from './stack-template';

interface Statement {
  readonly Sid?: string;
  readonly Principal: { readonly AWS?: unknown; readonly Service?: unknown };
  readonly Condition?: Record<string, Record<string, unknown>>;
}

const template = stackTemplate({ encryption: 'customer_managed', training: { enabled: true } });
const [keyId, key] = resourceOf(template, 'AWS::KMS::Key', 'Key');
const statements: Statement[] = key.Properties.KeyPolicy.Statement;
const statement = (sid: string) => statements.find(({ Sid }) => Sid === sid)!;

test('the settings alone bring it: it costs a dollar a month', () => {
  expect(resourcesOf(stackTemplate(), 'AWS::KMS::Key')).toEqual({});
});

test('it is renewed every year, and outlives the stack as the data does that it opens', () => {
  expect(key).toMatchObject({ DeletionPolicy: 'Retain', Properties: { EnableKeyRotation: true } });
});

test('whatever has a choice of key takes it', () => {
  const uses = Object.values(resourcesOf(template)).filter(({ Type }) =>
    [
      'AWS::S3::Bucket',
      'AWS::SQS::Queue',
      'AWS::DynamoDB::Table',
      'AWS::SNS::Topic',
      'AWS::SecretsManager::Secret',
      'AWS::Logs::LogGroup',
    ].includes(Type),
  );
  const without = uses.filter(({ Properties }) => !JSON.stringify(Properties).includes(`"${keyId}"`));
  // S3 delivers access logs to no bucket with a key of its own.
  expect(without.map(({ Type, Properties }) => [Type, Properties.LoggingConfiguration])).toEqual([
    ['AWS::S3::Bucket', undefined],
  ]);
});

test('everybody who comes through a service comes from this account', () => {
  const { Principal, Condition } = statement('CallersThroughServices');
  expect(Principal).toEqual({ AWS: '*' });
  expect(Condition?.StringEquals).toMatchObject({ 'kms:CallerAccount': { Ref: 'AWS::AccountId' } });
  expect(Condition?.StringEquals?.['kms:ViaService']).toHaveLength(5);
});

test('EventBridge is let in without a condition, with which it would deliver nothing', () => {
  expect(statement('Events')).toMatchObject({ Principal: { Service: 'events.amazonaws.com' } });
  expect(statement('Events').Condition).toBeUndefined();
});

test('no other statement lets anybody in without a condition, but for the account itself', () => {
  const open = statements.filter(({ Condition }) => Condition === undefined);
  expect(open.map(({ Sid, Principal }) => Sid ?? JSON.stringify(Principal))).toEqual([
    expect.stringContaining(':root'),
    'Events',
  ]);
});

test('roles need no permission for it', () => {
  const policies = JSON.stringify([resourcesOf(template, 'AWS::IAM::Policy'), resourcesOf(template, 'AWS::IAM::Role')]);
  expect(policies).not.toContain('kms:');
});

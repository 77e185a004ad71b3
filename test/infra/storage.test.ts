import { CONSENT_TABLE } from '../../clients/consent-table';
import { DELIVERY_TABLE, ENDPOINT_TABLE } from '../../clients/delivery-table';
import { ERASED_JOB_TABLE, ERASURE_TABLE } from '../../clients/erasure-table';
import { JOB_TABLE } from '../../clients/job-table';
import { BUCKET_NAMES } from '../../contract/deployment';
import { MAX_RETENTION_DAYS } from '../../contract/limits';
import { RECORD_KINDS, TABLE_INDEXES } from '../../contract/table';
import { resourceOf, resourcesOf, stackTemplate } from './stack-template';

const BUCKETS = [...BUCKET_NAMES, 'AccessLogs'] as const;

const template = stackTemplate();
const bucket = (name: string) => resourceOf(template, 'AWS::S3::Bucket', `Storage${name}`);

describe.each(BUCKETS)('bucket %s', (name) => {
  const [id, { Properties, DeletionPolicy, UpdateReplacePolicy }] = bucket(name);

  test('is encrypted, knows no ACLs and lets nobody in from outside', () => {
    expect(Properties).toMatchObject({
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  test('answers over TLS 1.2 or newer alone, and its policy allows nobody anything but the delivery of logs', () => {
    const statements = statementsAbout(id);
    const denials = statements.filter(({ Effect }) => Effect === 'Deny');
    expect(denials.map(({ Action, Condition }) => ({ Action, Condition }))).toEqual([
      { Action: 's3:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      { Action: 's3:*', Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
    ]);
    const allowed = statements.filter(({ Effect }) => Effect === 'Allow');
    if (name !== 'AccessLogs') expect(allowed).toEqual([]);
    for (const { Principal, Action } of allowed) {
      expect({ Principal, Action }).toEqual({
        Principal: { Service: 'logging.s3.amazonaws.com' },
        Action: 's3:PutObject',
      });
    }
  });

  test('outlives the stack, and goes with it where the settings say so', () => {
    expect({ DeletionPolicy, UpdateReplacePolicy }).toEqual({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
    const [, passing] = resourceOf(
      stackTemplate({ delete_data_with_stack: true }),
      'AWS::S3::Bucket',
      `Storage${name}`,
    );
    expect(passing.DeletionPolicy).toBe('Delete');
  });
});

test('who reads or writes an object of a bucket is logged', () => {
  const [logs] = bucket('AccessLogs');
  for (const name of BUCKET_NAMES) {
    expect(bucket(name)[1].Properties.LoggingConfiguration).toEqual({
      DestinationBucketName: { Ref: logs },
      LogFilePrefix: `${name}/`,
    });
  }
});

test('uploads keep what was overwritten for a while, and tell EventBridge of every object', () => {
  const [, { Properties }] = bucket('uploads');
  expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
  expect(Properties.NotificationConfiguration).toEqual({ EventBridgeConfiguration: { EventBridgeEnabled: true } });
});

test('every prefix has an end, as the settings say', () => {
  const retention = { uploads_days: 11, old_versions_days: 3, logs_days: 5, results_days: 20 };
  const settled = stackTemplate({ retention });
  const rules = (name: string) =>
    resourceOf(settled, 'AWS::S3::Bucket', `Storage${name}`)[1].Properties.LifecycleConfiguration.Rules;
  expect(rules('uploads')).toEqual([
    {
      Id: 'old-uploads',
      Status: 'Enabled',
      Prefix: 'sets/',
      ExpirationInDays: 11,
      NoncurrentVersionExpiration: { NoncurrentDays: 3 },
    },
    { Id: 'emptied-keys', Status: 'Enabled', ExpiredObjectDeleteMarker: true },
    { Id: 'abandoned-uploads', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
  ]);
  expect(rules('AccessLogs')).toEqual([{ Id: 'old-logs', Status: 'Enabled', ExpirationInDays: 5 }]);
  expect(rules('results')[0]).toMatchObject({ Prefix: 'jobs/' });
  expect(rules('models')).toEqual([rules('uploads')[2]]);
});

test("no job's results go before the longest retention that it may ask for", () => {
  const [rule] = bucket('results')[1].Properties.LifecycleConfiguration.Rules;
  expect(rule.ExpirationInDays).toBeGreaterThan(MAX_RETENTION_DAYS);
});

test('the table is what the clients write: its key, its indexes, its time to live', () => {
  const [, { Properties }] = resourceOf(template, 'AWS::DynamoDB::Table', 'Storage');
  expect(Properties.KeySchema).toEqual([{ AttributeName: 'pk', KeyType: 'HASH' }]);
  expect(Properties.TimeToLiveSpecification).toEqual({ AttributeName: 'expires_at', Enabled: true });
  expect(Properties.GlobalSecondaryIndexes).toEqual(
    TABLE_INDEXES.map((name) => ({
      IndexName: name,
      KeySchema: [
        { AttributeName: name, KeyType: 'HASH' },
        { AttributeName: 'sort', KeyType: 'RANGE' },
      ],
      Projection: { ProjectionType: 'ALL' },
    })),
  );
});

test('the table costs nothing while nobody uses it, can be set back, and is not deleted by mistake', () => {
  const [, { Properties, DeletionPolicy }] = resourceOf(template, 'AWS::DynamoDB::Table', 'Storage');
  expect(Properties).toMatchObject({
    BillingMode: 'PAY_PER_REQUEST',
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    DeletionProtectionEnabled: true,
  });
  expect(DeletionPolicy).toBe('Retain');
  const [, passing] = resourceOf(stackTemplate({ delete_data_with_stack: true }), 'AWS::DynamoDB::Table', 'Storage');
  expect(passing).toMatchObject({ DeletionPolicy: 'Delete', Properties: { DeletionProtectionEnabled: false } });
});

test('roles are let to kinds of records by the names that the clients write', () => {
  const tables = [JOB_TABLE, DELIVERY_TABLE, ENDPOINT_TABLE, CONSENT_TABLE, ERASURE_TABLE, ERASED_JOB_TABLE];
  expect(tables.map(({ kind }) => kind).sort()).toEqual([...RECORD_KINDS].sort());
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Principal: unknown;
  readonly Condition?: unknown;
}

function statementsAbout(bucketId: string): Statement[] {
  const policies = Object.values(resourcesOf(template, 'AWS::S3::BucketPolicy'));
  return policies
    .filter(({ Properties }) => Properties.Bucket.Ref === bucketId)
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

/** What the stack promises, from uploads to webhook; permissions.test.ts has who may do what, gpu/ and training/ what runs. */
import { Match, Template } from 'aws-cdk-lib/assertions';
import { QUEUE_NAMES } from '../../contract/deployment';
import { deploymentOfOutputs } from '../../contract/stack-outputs';
import { TABLE_INDEXES } from '../../contract/table';
import { pipelineStack, type Resource, resourceOf, resourcesOf, stackTemplate } from './stack-template';

const BUCKETS = ['uploads', 'results', 'models'] as const;

const template = stackTemplate();
const bucket = (name: string) => resourceOf(template, 'AWS::S3::Bucket', `Storage${name}`);

describe('buckets', () => {
  test('let nobody in without TLS, keep no access lists, and are open to nobody', () => {
    const policies = Object.values(resourcesOf(template, 'AWS::S3::BucketPolicy'));
    for (const [id, { Properties }] of Object.entries(resourcesOf(template, 'AWS::S3::Bucket'))) {
      expect(Properties.PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      expect(Properties.OwnershipControls.Rules).toEqual([{ ObjectOwnership: 'BucketOwnerEnforced' }]);
      expect(Properties.BucketEncryption.ServerSideEncryptionConfiguration).toHaveLength(1);
      const policy = policies.find((each) => each.Properties.Bucket.Ref === id);
      const denied = policy?.Properties.PolicyDocument.Statement.filter(
        ({ Effect }: { Effect: string }) => Effect === 'Deny',
      );
      expect(denied.map(({ Condition }: { Condition: object }) => Condition)).toEqual(
        expect.arrayContaining([
          { Bool: { 'aws:SecureTransport': 'false' } },
          { NumericLessThan: { 's3:TlsVersion': 1.2 } },
        ]),
      );
    }
  });

  test.each(BUCKETS)('%s logs who reads it, and stays when the stack goes', (name) => {
    const [, resource] = bucket(name);
    expect(resource.Properties.LoggingConfiguration.LogFilePrefix).toBe(`${name}/`);
    expect(resource.DeletionPolicy).toBe('Retain');
  });

  test('uploads keep versions, tell EventBridge, and end after their time', () => {
    const [, { Properties }] = bucket('uploads');
    expect(Properties.VersioningConfiguration).toEqual({ Status: 'Enabled' });
    expect(Properties.NotificationConfiguration.EventBridgeConfiguration).toEqual({ EventBridgeEnabled: true });
    expect(Properties.LifecycleConfiguration.Rules).toContainEqual(
      expect.objectContaining({
        Prefix: 'sets/',
        ExpirationInDays: 90,
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
      }),
    );
  });

  test('results end by lifecycle only after the longest retention that a job may ask for', () => {
    const rules: { Prefix?: string; ExpirationInDays?: number }[] =
      bucket('results')[1].Properties.LifecycleConfiguration.Rules;
    expect(rules.find(({ Prefix }) => Prefix === 'jobs/')?.ExpirationInDays).toBeGreaterThan(365 + 30);
  });

  test('retention is a setting', () => {
    const own = stackTemplate({ retention: { uploads_days: 3, old_versions_days: 2 } });
    const [, { Properties }] = resourceOf(own, 'AWS::S3::Bucket', 'Storageuploads');
    expect(Properties.LifecycleConfiguration.Rules[0]).toMatchObject({
      ExpirationInDays: 3,
      NoncurrentVersionExpiration: { NoncurrentDays: 2 },
    });
  });
});

test('the table has every index of the contract, a way back in time, and records that end', () => {
  const [table, ...rest] = Object.values(resourcesOf(template, 'AWS::DynamoDB::Table'));
  expect(rest).toEqual([]);
  const { Properties } = table!;
  expect(Properties.GlobalSecondaryIndexes.map(({ IndexName }: { IndexName: string }) => IndexName)).toEqual([
    ...TABLE_INDEXES,
  ]);
  expect(Properties).toMatchObject({
    BillingMode: 'PAY_PER_REQUEST',
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
    DeletionProtectionEnabled: true,
  });
  expect(table!.DeletionPolicy).toBe('Retain');
});

describe('queues', () => {
  const queues = resourcesOf(template, 'AWS::SQS::Queue');
  const feeds = Object.values(resourcesOf(template, 'AWS::Lambda::EventSourceMapping'));
  const functions = resourcesOf(template, 'AWS::Lambda::Function');

  test('each has dead letters of its own, and hides a message six times as long as its function may take', () => {
    expect(feeds).toHaveLength(QUEUE_NAMES.length);
    const deadLetters = new Set<string>();
    for (const { Properties } of feeds) {
      const { Properties: queue } = queues[Properties.EventSourceArn['Fn::GetAtt'][0]] as Resource;
      const { Properties: handler } = functions[Properties.FunctionName.Ref] as Resource;
      expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(6 * handler.Timeout);
      expect(queue.RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(5);
      deadLetters.add(queue.RedrivePolicy.deadLetterTargetArn['Fn::GetAtt'][0]);
    }
    expect(deadLetters.size).toBe(QUEUE_NAMES.length);
  });

  test('a failed message of a batch comes again alone; how many calls run at once is a setting', () => {
    const own = stackTemplate({ lambda: { concurrency: { validate: 7, submit: 3, track: 4, notify: 9 } } });
    const mappings = Object.values(resourcesOf(own, 'AWS::Lambda::EventSourceMapping')).map(
      ({ Properties }) => Properties,
    );
    expect(mappings.map(({ ScalingConfig }) => ScalingConfig.MaximumConcurrency).sort()).toEqual([3, 4, 7, 9]);
    for (const { FunctionResponseTypes } of mappings)
      expect(FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
  });

  test('nobody uses one without TLS', () => {
    const policies = Object.values(resourcesOf(template, 'AWS::SQS::QueuePolicy'));
    expect(policies).toHaveLength(Object.keys(queues).length);
    for (const { Properties } of policies) {
      expect(Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
    }
  });

  test('a webhook may be tried for three days', () => {
    const [, { Properties }] = resourceOf(template, 'AWS::SQS::Queue', 'WebhooksQueue');
    expect(Properties.RedrivePolicy.maxReceiveCount).toBe(200);
    expect(Properties.MessageRetentionPeriod).toBe(14 * 24 * 3600);
  });
});

describe('events', () => {
  test('job.json uploaded or deleted goes to intake, nothing else does', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({
        source: ['aws.s3'],
        'detail-type': ['Object Created', 'Object Deleted'],
        detail: Match.objectLike({ object: { key: [{ wildcard: 'sets/*/job.json' }] } }),
      }),
      Targets: [Match.objectLike({ DeadLetterConfig: Match.anyValue() })],
    });
  });

  test('only our own Batch queue is tracked', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: Match.objectLike({
        source: ['aws.batch'],
        'detail-type': ['Batch Job State Change'],
        detail: { jobQueue: [Match.objectLike({ 'Fn::Join': Match.anyValue() })] },
      }),
    });
  });

  test('reconcile runs every ten minutes', () => {
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(10 minutes)' });
  });
});

describe('functions', () => {
  const functions = Object.values(resourcesOf(template, 'AWS::Lambda::Function'));

  test('run Node 24 on ARM, outside any network, and their logs end', () => {
    expect(functions).toHaveLength(5);
    for (const { Properties } of functions) {
      expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(Properties.VpcConfig).toBeUndefined();
    }
    for (const { Properties } of Object.values(resourcesOf(template, 'AWS::Logs::LogGroup'))) {
      expect(Properties.RetentionInDays).toBe(30);
    }
  });

  test('the architecture is a setting', () => {
    stackTemplate({ lambda: { architecture: 'x86_64' } }).allResourcesProperties('AWS::Lambda::Function', {
      Architectures: ['x86_64'],
    });
  });
});

test('the secret begins empty: none stands in a template', () => {
  template.hasResourceProperties('AWS::SecretsManager::Secret', { SecretString: '{"secrets":[]}' });
});

test('a key of our own encrypts buckets, queues, table, secret, topic and logs', () => {
  const own = stackTemplate({ encryption: 'customer_managed' });
  own.hasResourceProperties('AWS::KMS::Key', { EnableKeyRotation: true });
  own.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: Match.anyValue() });
  own.allResourcesProperties('AWS::Logs::LogGroup', { KmsKeyId: Match.anyValue() });
  own.allResourcesProperties('AWS::DynamoDB::Table', { SSESpecification: Match.objectLike({ SSEEnabled: true }) });
  own.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.anyValue() });
  own.allResourcesProperties('AWS::SecretsManager::Secret', { KmsKeyId: Match.anyValue() });
});

test('everything goes with the stack where that is asked for', () => {
  const own = stackTemplate({ delete_data_with_stack: true });
  for (const type of ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::SecretsManager::Secret']) {
    for (const { DeletionPolicy } of Object.values(resourcesOf(own, type))) expect(DeletionPolicy).toBe('Delete');
  }
});

test('everything bears the name of its stack, by which costs are told apart', () => {
  const own = stackTemplate({ stack_name: 'studio' });
  const tag = { Key: 'mv2id:stack', Value: 'studio' };
  for (const type of ['AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::DynamoDB::Table']) {
    for (const { Properties } of Object.values(resourcesOf(own, type))) expect(Properties.Tags).toContainEqual(tag);
  }
});

test('the outputs are a deployment, as the command line reads them', () => {
  const outputs: Record<string, unknown> = stackTemplate({ training: { enabled: true } }).toJSON().Outputs;
  const values = Object.fromEntries(Object.keys(outputs).map((name) => [name, `https://${name}.example`]));
  expect(deploymentOfOutputs(values, 'eu-central-1')).toMatchObject({
    buckets: { uploads: 'https://UploadsBucket.example' },
    training: { job_queue: 'https://TrainingJobQueue.example' },
  });
});

test('with a Batch of somebody else there is no network and no GPU', () => {
  const played = stackTemplate({}, { batch: { jobQueueName: 'theirs', jobDefinitionName: 'worker' } });
  const types = new Set(Object.values(resourcesOf(played)).map(({ Type }) => Type));
  expect([...types].filter((type) => /^AWS::(Batch|EC2)::/.test(type))).toEqual([]);
});

test('the whole template', () => {
  const assets = /[0-9a-f]{64}/g;
  const text = JSON.stringify(
    Template.fromStack(pipelineStack({ gpu: { image: `r.example/w@sha256:${'0'.repeat(64)}` } })),
    null,
    1,
  );
  expect(JSON.parse(text.replaceAll(assets, '<hash>'))).toMatchSnapshot();
});

/** The stack as a whole: how its parts are joined. What each part promises stands in the tests beside this one. */
import { Validations } from 'aws-cdk-lib';
import * as env from '../../contract/env';
import { deploymentOfOutputs } from '../../contract/stack-outputs';
import { STAGE_TIMEOUT_SECONDS } from '../../infra/stage-function';
import { resolved } from './resolved';
import { IMAGE, pipelineStack, type Resource, resourceOf, resourcesOf, stackTemplate } from './stack-template';

const template = stackTemplate();

describe('events', () => {
  test.each([
    ['UploadEvents', 'Intake', { bucket: expect.anything(), object: { key: [{ wildcard: 'sets/*/job.json' }] } }],
    ['BatchStates', 'BatchEvents', { jobQueue: [expect.anything()] }],
  ])('%s go to %s, and to its dead letters where that fails', (rule, queue, detail) => {
    const [, { Properties }] = resourceOf(template, 'AWS::Events::Rule', rule);
    const arn = (id: string) => ({ 'Fn::GetAtt': [resourceOf(template, 'AWS::SQS::Queue', id)[0], 'Arn'] });
    expect(Properties.EventPattern.detail).toEqual(detail);
    expect(Properties.Targets).toEqual([
      { Id: 'Target0', Arn: arn(`${queue}Queue`), DeadLetterConfig: { Arn: arn(`${queue}DeadLetters`) } },
    ]);
  });

  test('a job.json begins a job when it is written, and ends one when it is deleted', () => {
    const [uploads] = resourceOf(template, 'AWS::S3::Bucket', 'Storageuploads');
    const [, { Properties }] = resourceOf(template, 'AWS::Events::Rule', 'UploadEvents');
    expect(Properties.EventPattern).toMatchObject({
      source: ['aws.s3'],
      'detail-type': ['Object Created', 'Object Deleted'],
      detail: { bucket: { name: [{ Ref: uploads }] } },
    });
  });

  test('only our own Batch queue is tracked', () => {
    const [, { Properties }] = resourceOf(template, 'AWS::Events::Rule', 'BatchStates');
    expect(Properties.EventPattern['detail-type']).toEqual(['Batch Job State Change']);
    expect(Properties.EventPattern.detail.jobQueue.map(resolved)).toEqual([
      'arn:aws:batch:ap-southeast-2:123456789012:job-queue/mv2id-jobs',
    ]);
  });

  test('reconcile runs every ten minutes, for less than that, and is not tried again in between', () => {
    const [, { Properties }] = resourceOf(template, 'AWS::Events::Rule', 'ReconcileSchedule');
    expect(Properties.ScheduleExpression).toBe('rate(10 minutes)');
    expect(STAGE_TIMEOUT_SECONDS.reconcile).toBeLessThan(600);
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
  });
});

test('the secret begins empty: none stands in a template', () => {
  template.hasResourceProperties('AWS::SecretsManager::Secret', { SecretString: '{"secrets":[]}' });
});

test('the secret stays when the stack goes, but where everything is to go', () => {
  const policy = (from: typeof template) =>
    resourceOf(from, 'AWS::SecretsManager::Secret', 'SigningSecret')[1].DeletionPolicy;
  expect(policy(template)).toBe('Retain');
  expect(policy(stackTemplate({ delete_data_with_stack: true }))).toBe('Delete');
});

test('everything bears the name of its stack, by which costs are told apart', () => {
  const own = stackTemplate({ stack_name: 'studio' });
  const tag = { Key: 'mv2id:stack', Value: 'studio' };
  for (const type of ['AWS::S3::Bucket', 'AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::DynamoDB::Table']) {
    for (const { Properties } of Object.values(resourcesOf(own, type))) expect(Properties.Tags).toContainEqual(tag);
  }
});

test('the outputs tell the command line what the environment tells the functions', () => {
  const { Outputs, Resources } = stackTemplate({ training: { enabled: true } }).toJSON();
  const [handler] = Object.values<Resource>(Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function');
  const told = JSON.parse(resolved(handler?.Properties.Environment.Variables[env.DEPLOYMENT]));
  const outputs = Object.fromEntries(
    Object.entries<{ Value: unknown }>(Outputs).map(([name, { Value }]) => [name, resolved(Value)]),
  );
  const { results_retention_days, ...deployment } = told;
  expect(deploymentOfOutputs(outputs, told.region)).toEqual({
    ...deployment,
    training: { job_queue: 'mv2id-training-jobs', job_definition: 'mv2id-training' },
  });
});

test('the names that the outputs tell are those of the queues and definitions', () => {
  const template = stackTemplate({ stack_name: 'studio', training: { enabled: true } });
  const names = (type: string, property: string) =>
    Object.values(resourcesOf(template, type)).map(({ Properties }) => Properties[property]);
  expect(names('AWS::Batch::JobQueue', 'JobQueueName').sort()).toEqual(['studio-jobs', 'studio-training-jobs']);
  expect(names('AWS::Batch::JobDefinition', 'JobDefinitionName').sort()).toEqual(['studio-training', 'studio-worker']);
});

test('with a Batch of somebody else there is no network and no GPU', () => {
  const played = stackTemplate({}, { batch: { jobQueueName: 'theirs', jobDefinitionName: 'worker' } });
  const types = new Set(Object.values(resourcesOf(played)).map(({ Type }) => Type));
  expect([...types].filter((type) => /^AWS::(Batch|EC2)::/.test(type))).toEqual([]);
});

test('these findings of cdk-nag are accepted, for these reasons', () => {
  const stack = pipelineStack({ gpu: { image: IMAGE }, training: { enabled: true, image: IMAGE } });
  const accepted = stack.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries<string>(data))
      .filter(([rule]) => rule.includes('AwsSolutions-'))
      .map(([rule, reason]) => `${node.path} | ${rule.replace(/^.*::(?=AwsSolutions-)/, '')} | ${reason}`),
  );
  expect(`\n${[...new Set(accepted)].sort().join('\n')}\n`).toMatchSnapshot();
});

test('the whole template', () => {
  const text = JSON.stringify(template);
  // Of what is deployed, which the template does not judge.
  expect(JSON.parse(text.replaceAll(/[0-9a-f]{64}/g, '<hash>'))).toMatchSnapshot();
});

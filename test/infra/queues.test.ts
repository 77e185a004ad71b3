import { QUEUE_NAMES } from '../../contract/deployment';
import { STAGE_TIMEOUT_SECONDS } from '../../infra/stage-function';
import { resourceOf, resourcesOf, stackTemplate } from './stack-template';

const ID = { intake: 'Intake', jobs: 'Jobs', batch_events: 'BatchEvents', webhooks: 'Webhooks' } as const;
const STAGE = { intake: 'validate', jobs: 'submit', batch_events: 'track', webhooks: 'notify' } as const;

const template = stackTemplate({ lambda: { concurrency: { validate: 3, submit: 4, track: 5, notify: 6 } } });

describe.each(QUEUE_NAMES)('queue %s', (name) => {
  const [id, queue] = resourceOf(template, 'AWS::SQS::Queue', `${ID[name]}Queue`);
  const [deadLettersId, deadLetters] = resourceOf(template, 'AWS::SQS::Queue', `${ID[name]}DeadLetters`);
  const [, feed] = resourceOf(template, 'AWS::Lambda::EventSourceMapping', `${ID[name]}Feed`);

  test('gives up what was delivered too often, as often as a local deployment does', () => {
    expect(queue.Properties.RedrivePolicy).toEqual({
      deadLetterTargetArn: { 'Fn::GetAtt': [deadLettersId, 'Arn'] },
      maxReceiveCount: name === 'webhooks' ? 200 : 20,
    });
    expect(deadLetters.Properties.RedrivePolicy).toBeUndefined();
  });

  test('keeps messages as long as SQS does, encrypted', () => {
    for (const { Properties } of [queue, deadLetters]) {
      expect(Properties).toMatchObject({ MessageRetentionPeriod: 14 * 24 * 3600, SqsManagedSseEnabled: true });
    }
  });

  test('answers over TLS alone', () => {
    for (const queueId of [id, deadLettersId]) {
      const denials = statementsAbout(queueId).filter(({ Effect }) => Effect === 'Deny');
      expect(denials).toMatchObject([
        { Action: 'sqs:*', Principal: { AWS: '*' }, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ]);
    }
  });

  test('hides a message for six times as long as its function may take', () => {
    expect(queue.Properties.VisibilityTimeout).toBeGreaterThanOrEqual(6 * STAGE_TIMEOUT_SECONDS[STAGE[name]]);
  });

  test('calls its stage, as many at once as the settings say, and takes back what failed of a batch', () => {
    const [functionId, { Properties }] = resourceOf(
      template,
      'AWS::Lambda::Function',
      `${capital(STAGE[name])}Function`,
    );
    expect(Properties.Timeout).toBe(STAGE_TIMEOUT_SECONDS[STAGE[name]]);
    expect(feed.Properties).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [id, 'Arn'] },
      FunctionName: { Ref: functionId },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 3 + QUEUE_NAMES.indexOf(name) },
    });
  });

  test('is written from outside by nobody but EventBridge, for rules of this stack', () => {
    const allowed = [id, deadLettersId].flatMap(statementsAbout).filter(({ Effect }) => Effect === 'Allow');
    for (const { Action, Principal, Condition } of allowed) {
      expect({ Action, Principal }).toEqual({
        Action: expect.anything(),
        Principal: { Service: 'events.amazonaws.com' },
      });
      expect([Action].flat()).toContain('sqs:SendMessage');
      expect(JSON.stringify(Condition)).toMatch(/aws:SourceA/);
    }
    expect(allowed.length > 0).toBe(name === 'intake' || name === 'batch_events');
  });
});

test('there is no queue without dead letters', () => {
  const queues = Object.values(resourcesOf(template, 'AWS::SQS::Queue'));
  expect(queues.filter(({ Properties }) => Properties.RedrivePolicy)).toHaveLength(QUEUE_NAMES.length);
  expect(queues).toHaveLength(2 * QUEUE_NAMES.length);
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Principal: unknown;
  readonly Condition?: unknown;
}

function statementsAbout(queueId: string): Statement[] {
  const policies = Object.values(resourcesOf(template, 'AWS::SQS::QueuePolicy'));
  return policies
    .filter(({ Properties }) => Properties.Queues.some(({ Ref }: { Ref: string }) => Ref === queueId))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
